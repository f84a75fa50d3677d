"""Runs beyond one convex function: g₁ − g₂, and cascades on linear projections of two inputs.

y = α + β·x + Σ_k c_k·F_k((n_k·x/R + 1)/2), |n_k| = 1 and |x| ≤ R, so every F_k reads [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hatact.claims.engine.runs import Advance, Record
from hatact.claims.milkert2023._networks import RATE, cascades, released, relu_nets

BATCH = 50
Function = Callable[[Tensor], Tensor]


class Problem(NamedTuple):
    """f on [−1, 1]^inputs, and the cascades it gets, with the signs that c_k starts from."""

    f: Function
    inputs: int
    signs: tuple[int, ...]


PROBLEMS = {
    "x³ − x": Problem(lambda x: x[:, 0] ** 3 - x[:, 0], 1, (1, -1)),
    "r³": Problem(lambda x: x.square().sum(1) ** 1.5, 2, (-1,) * 8),
}


class Projected(nn.Module):
    """The formula above for S networks at once, x (N, D) → (N, S).

    Args:
        inner: (N, S·K) → (N, S·K), the F_k.
        directions: (S, K, D), of any length.
        signs: K numbers that c_k starts from.
    """

    def __init__(self, inner: nn.Module, directions: Tensor, signs: Sequence[int]) -> None:
        super().__init__()
        self.inner = inner
        s, k, d = directions.shape
        self.radius = math.sqrt(d)
        self.directions = nn.Parameter(directions.clone())
        self.linear = nn.Parameter(torch.zeros(s, d))
        self.constant = nn.Parameter(torch.zeros(s))
        self.weights = nn.Parameter(torch.tensor(signs).float().expand(s, k).clone())

    def forward(self, x: Tensor) -> Tensor:
        """Every network at every point."""
        n = self.directions / self.directions.norm(dim=-1, keepdim=True)
        p = (x @ n.flatten(0, 1).T / self.radius + 1) / 2
        h = self.inner(p.clamp(0, 1)).unflatten(1, self.weights.shape)
        y: Tensor = self.constant + x @ self.linear.T + (self.weights * h).sum(-1)
        return y


def train(
    problem: str, cascade: bool, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """`steps` updates of the peaks and as many of all weights; without cascades, of ReLU networks.

    Those have the same size, start as Kaiming's and have the same projections and read-out. The
    record holds the mean squared error on all points at the end of either half.
    """
    f, inputs, signs = PROBLEMS[problem]
    x = _points(inputs).to(device)
    y = f(x)[:, None]
    drawn = [1000 * seed + k for seed in seeds for k in range(len(signs))]
    directions = torch.ones(len(seeds), len(signs), 1)
    if inputs > 1:
        directions = torch.stack([_directions(len(signs), seed) for seed in seeds])
    first = cascades(drawn, "theorem") if cascade else relu_nets(drawn, "Kaiming")
    model = Projected(first, directions, signs).to(device)
    errors = [_half(model, x, y, steps, advance)]
    if cascade:
        model.inner = released(model.inner)  # type: ignore[arg-type]
    errors.append(_half(model, x, y, steps, advance))
    return [{"pre-trained": float(a), "trained": float(b)} for a, b in zip(*errors, strict=True)]


def _points(inputs: int) -> Tensor:
    if inputs == 1:
        return torch.linspace(-1, 1, 500)[:, None]
    line = torch.linspace(-1, 1, 40)
    return torch.cartesian_prod(*[line] * inputs)


def _directions(count: int, seed: int) -> Tensor:
    angles = torch.rand(count, generator=torch.Generator().manual_seed(seed)) * math.pi
    return torch.stack([angles.cos(), angles.sin()], 1)


def _half(model: nn.Module, x: Tensor, y: Tensor, steps: int, advance: Advance) -> Tensor:
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        part = torch.randint(len(x), (BATCH,), generator=generator).to(x.device)
        optimiser.zero_grad()
        (model(x[part]) - y[part]).square().mean(0).sum().backward()
        optimiser.step()
        advance(0.5 / steps)
    with torch.no_grad():
        found: Tensor = (model(x) - y).double().square().mean(0).cpu()
    return found
