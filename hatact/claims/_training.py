"""Coordinate networks and the one training loop that the claims share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from hatact import RELU
from hatact.nn import Hat, Piecewise

Result = TypeVar("Result")
_GENERATOR = threading.Lock()


@dataclass(frozen=True)
class Row:
    """One line of a comparison: f(scale·z) in every layer, of a network that reads input·x.

    `input` multiplies the first layer's initial weights, so it is a scale of the input.
    """

    activation: str  # "hat" or "relu"
    scale: float = 1
    input: float = 1
    lr: float = 1e-3

    def __str__(self) -> str:
        inside = "x" if self.scale == 1 else f"{self.scale:g}x"
        name = f"{self.activation}({inside})"
        if self.input != 1:
            name += f", input ×{self.input:g}"
        return name if self.lr == 1e-3 else f"{name}, lr {self.lr:g}"

    def module(self) -> nn.Module:
        """The activation: hatact's own op for every row, ReLU's too."""
        return Hat(self.scale) if self.activation == "hat" else Piecewise(RELU.scaled(self.scale))

    def network(self, inputs: int, width: int, depth: int, seed: int, device: str) -> nn.Sequential:
        """inputs → width → … → 1 with `depth` linear layers in PyTorch's default initialisation."""
        sizes = [inputs, *[width] * (depth - 1), 1]
        layers: list[nn.Module] = []
        # Default initialisation draws from the one global generator, and runs go side by side.
        with _GENERATOR, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for a, b in pairwise(sizes):
                layers += [nn.Linear(a, b), self.module()]
        model = nn.Sequential(*layers[:-1])
        with torch.no_grad():
            next(model.parameters()).mul_(self.input)
        return model.to(device)


def fit(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    steps: int,
    lr: float,
    after: Callable[[int, Tensor], None],
) -> list[float]:
    """Full-batch Adam on the mean squared error; `after(step, model(x))` before update `step`.

    Returns the loss before each of the `steps` updates, and after the last: steps + 1 values.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    losses = []
    for step in range(steps + 1):
        out = model(x)
        loss = (out - y).square().mean()
        losses.append(loss.detach())
        after(step, out.detach())
        if step < steps:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return [float(v) for v in torch.stack(losses).cpu()]


def spread(values: Sequence[float], spec: str) -> str:
    """Lowest … highest as text, one number where they read the same, a dash for none."""
    if not values:
        return "–"
    low, high = format(min(values), spec), format(max(values), spec)
    return low if low == high else f"{low}–{high}"


def by_row(pairs: Sequence[tuple[Row, int]], results: Sequence[Result]) -> dict[Row, list[Result]]:
    """Results of (row, seed) pairs, gathered by row in the order of the pairs."""
    gathered: dict[Row, list[Result]] = {}
    for (row, _), result in zip(pairs, results, strict=True):
        gathered.setdefault(row, []).append(result)
    return gathered
