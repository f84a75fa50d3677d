"""Whether one training curve follows another as closely as rounding lets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Agreement:
    """What :func:`agreement` gives: over the steps compared, the largest relative differences.

    Args:
        agrees: whether the curve stayed as near to the reference as it must.
        steps_compared: those before rounding alone decides the curve.
        largest_relative_difference, twin_relative_difference: of the curve and of the twin from the
            reference; None where no step was compared.
    """

    agrees: bool
    steps_compared: int
    largest_relative_difference: float | None
    twin_relative_difference: float | None


def agreement(
    curve: Sequence[float],
    reference: Sequence[float],
    twin: Sequence[float],
    eps: float = 2.0**-23,
    onset: float = 1e-2,
    margin: float = 10,
    roundings: float = 8,
) -> Agreement:
    """|curve − reference| ≤ margin·max(|twin − reference|, roundings·eps·|reference|) at each step.

    Training is chaotic (a deep Hat network in float32 loses two digits a step), so two runs of one
    network on two backends part, and a fixed tolerance says nothing. The twin is the reference from
    initial weights changed by one unit in the last place (:func:`nudge`): how far it gets from the
    reference is how far rounding alone drives a run. Differences are relative to the reference, the
    largest so far; steps from which the twin's is over `onset` are not compared, and if there are
    none before, the curve does not agree.

    Args:
        curve, reference, twin: the losses, one a step, as many of each; a NaN is no agreement.
        eps: the unit in the last place of 1 in the dtype of the runs.

    Raises:
        ValueError: if the curves differ in length.
    """
    if not len(curve) == len(reference) == len(twin):
        lengths = len(curve), len(reference), len(twin)
        raise ValueError(f"the three curves must be of one length; got {lengths}")
    spread = _largest_so_far(twin, reference)
    apart = _largest_so_far(curve, reference)
    window = next((i for i, s in enumerate(spread) if s > onset), len(spread))
    inside = zip(apart[:window], spread[:window], strict=True)
    near = all(a <= margin * max(s, roundings * eps) for a, s in inside)
    if not window:
        return Agreement(False, 0, None, None)
    return Agreement(near, window, apart[window - 1], spread[window - 1])


@torch.no_grad()
def nudge(model: nn.Module, seed: int) -> None:
    """w ← w·(1 ± eps), in place, for every parameter: where the twin of a training starts.

    eps is the unit in the last place of 1 in the parameter's dtype; the signs are drawn by the
    seed, the same on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    for p in model.parameters():
        sign = torch.randint(0, 2, p.shape, generator=generator) * 2 - 1
        p.mul_((1 + sign.to(p.dtype) * torch.finfo(p.dtype).eps).to(p.device))


def _largest_so_far(losses: Sequence[float], reference: Sequence[float]) -> list[float]:
    worst, largest = 0.0, []
    for a, b in zip(losses, reference, strict=True):
        apart = abs(a - b) / max(abs(b), 1e-30)
        worst = apart if apart != apart else max(worst, apart)  # NaN stays: it is no agreement
        largest.append(worst)
    return largest
