"""Training one network until it has learnt a given share of its target."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

LOST = 1e6
"""‖f − y‖ this many times ‖y‖ counts as diverged."""


class Learnt(NamedTuple):
    """What :func:`train_until` gives.

    Args:
        steps: updates until the threshold; None for never.
        left: the last ‖f − y‖/‖y‖; inf if it diverged.
        path: (step, ‖f − y‖/‖y‖) at steps each a tenth later than the one before, and at the last.
    """

    steps: int | None
    left: float
    path: list[tuple[int, float]]


def train_until(
    model: nn.Module,
    optimisers: Sequence[torch.optim.Optimizer],
    x: Tensor,
    y: Tensor,
    steps: int,
    threshold: float,
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.mse_loss,
    before: Callable[[int], None] = lambda step: None,
    advance: Callable[[float], None] = lambda share: None,
) -> Learnt:
    """Full-batch updates until ‖f − y‖ ≤ threshold·‖y‖, or for `steps`, or until it has diverged.

    Shapes: x (N, …), y that of model(x). dtypes: those of the model.

    Args:
        optimisers: together of all parameters that are trained; each takes a step of every update.
        loss: of model(x) and y.
        before: told of every update before it is made.
        advance: told of every share of the work that is done; the shares sum to 1.

    Raises:
        ValueError: for steps below 0, a y that is 0 or of another shape than model(x).
    """
    norm = float(y.norm())
    if steps < 0 or not norm > 0:
        raise ValueError(
            f"steps must be at least 0 and y not be 0; got {steps} steps and a y of norm {norm:g}"
        )
    path: list[tuple[int, float]] = []
    step, left = 0, math.inf
    for step in range(steps + 1):
        out = model(x)
        if out.shape != y.shape:
            raise ValueError(f"y must have shape {tuple(out.shape)}; got {tuple(y.shape)}")
        left = float((out.detach() - y).norm()) / norm
        last = left <= threshold or not left < LOST or step == steps
        if last or not path or step >= 1.1 * path[-1][0]:
            path.append((step, left if left < LOST else math.inf))
        if last:
            break
        before(step)
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss(out, y).backward()
        for optimiser in optimisers:
            optimiser.step()
        advance(1 / (steps + 1))
    advance(1 - step / (steps + 1))
    return Learnt(step if left <= threshold else None, left if left < LOST else math.inf, path)
