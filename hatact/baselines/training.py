"""Training many networks at once: a sum of losses, of which every network sees its own alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


def fit(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    steps: int,
    after: Callable[[int, Tensor], None] = lambda step, out: None,
    advance: Callable[[float], None] = lambda share: None,
    measure: Callable[[Tensor], Tensor] = lambda out: out,
    penalty: Callable[[], Tensor] | None = None,
) -> Tensor:
    """Full-batch training on the mean squared error, every step's loss being kept.

    The sum of the networks' losses is lowered, so with an optimiser that treats every number by
    itself (SGD, Adam) a network trains as it would alone, whatever the others do.

    Shapes: x (N, inputs) or (S, N, inputs), y (N, outputs) or (S, N, outputs) → (steps + 1, S): the
    losses before each of the updates and after the last. dtypes: the losses are float64 on the CPU,
    computed in that of x.

    Args:
        model: S networks, x → (S, N, outputs), such as `Networks`.
        optimiser: of the model's parameters.
        after: told, before every update and at the end, of the step and of model(x), (S, N,
            outputs), without a gradient.
        advance: told of every share of the work that is done; the shares sum to 1.
        measure: what of model(x) is compared with y, (S, N, outputs) → (S, M, K); y is then (M, K)
            or (S, M, K), as a sinogram of an image.
        penalty: a further loss by network, (S); it is lowered, and is not among the losses.

    Raises:
        ValueError: for steps below 0, or a y of another shape than what is compared with it.
    """
    if steps < 0:
        raise ValueError(f"steps must be at least 0; got {steps}")
    # A buffer: a small tensor kept a step keeps the allocator from reusing the large ones' place.
    losses = torch.empty(0)
    for step in range(steps + 1):
        out = model(x)
        seen = measure(out)
        if y.shape not in (seen.shape, seen.shape[1:]):
            shapes = f"{tuple(seen.shape)} or {tuple(seen.shape[1:])}"
            raise ValueError(f"y must have shape {shapes}; got {tuple(y.shape)}")
        loss = (seen - y).square().mean((-2, -1))
        if not step:
            losses = loss.new_empty(steps + 1, len(loss))
        losses[step] = loss.detach()
        after(step, out.detach())
        if step < steps:
            optimiser.zero_grad()
            total = loss if penalty is None else loss + penalty()
            total.sum().backward()
            optimiser.step()
        advance(1 / (steps + 1))
    return losses.double().cpu()


def step_seconds(
    model: nn.Module, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor, steps: int
) -> float:
    """Seconds a step of :func:`fit`, over `steps` of them: from one forward pass to the next.

    On a GPU its work is waited for. The model is trained; how fast the first steps are says less.

    Raises:
        ValueError: for steps below 1; as :func:`fit`.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1; got {steps}")
    stamps = []

    def after(step: int, out: Tensor) -> None:
        if out.is_cuda:
            torch.cuda.synchronize()
        stamps.append(time.perf_counter())

    fit(model, optimiser, x, y, steps, after)
    return (stamps[-1] - stamps[0]) / steps


def minimise(model: nn.Module, residuals: Iterable[Tensor], lr: float) -> None:
    """Adam from a fresh state, an update for each of `residuals`: of Σ_s mean_n r_ns².

    Networks of which each has a column, as `ReLUNets` and cascades, train side by side.

    Args:
        residuals: (N, S), N of any size; the next one is asked for after the update, so a generator
            sees the parameters as they are by then.
        lr: the learning rate.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    for residual in residuals:
        optimiser.zero_grad()
        residual.square().mean(0).sum().backward()
        optimiser.step()


@torch.no_grad()
def mean_squares(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Every network's mean squared error: model(x) and y (N, S) → (S) float64 on the CPU."""
    squares: Tensor = (model(x) - y).double().square()
    return squares.mean(0).cpu()
