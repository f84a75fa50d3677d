"""Coordinate networks and the one training loop that the claims share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from hatact.activations import registry
from hatact.analysis import steps_to
from hatact.nn import Piecewise

Record = dict[str, Any]
"""What a run gives for one seed: plain JSON."""
Advance = Callable[[float], None]
"""Told of every share of a run's work that is done; the shares of a run sum to 1."""


TARGETS = 10_000
"""Added to a seed for its target, so that no target is a function of the initial weights."""


def prepare() -> None:
    """Settings of a process that trains on a CPU: one thread, denormal numbers flushed to zero.

    Dead compact units make Adam's moments denormal, which can slow a run tenfold.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


@dataclass(frozen=True)
class Row:
    """One line of a comparison: f(scale·z) in every layer, of a network that reads input·x.

    Args:
        activation: a name of the registry, or "tanh".
        scale: folded into the activation.
        input: multiplies the first layer's initial weights, so it is a scale of the input.
        lr: learning rate.
        octaves: if > 0, x is first encoded as cos, sin(2^l·π·x) for l < octaves.
        optimiser: "adam" or "sgd" (no momentum).
    """

    activation: str
    scale: float = 1
    input: float = 1
    lr: float = 1e-3
    octaves: int = 0
    optimiser: str = "adam"

    @property
    def name(self) -> str:
        """The row without its learning rate."""
        inside = "x" if self.scale == 1 else f"{self.scale:g}x"
        name = f"{self.activation}({inside})"
        if self.octaves:
            name += f", {self.octaves} octaves encoded"
        if self.input != 1:
            name += f", input ×{self.input:g}"
        return name if self.optimiser == "adam" else f"{name}, {self.optimiser.upper()}"

    def __str__(self) -> str:
        return self.name if self.lr == 1e-3 else f"{self.name}, lr {self.lr:g}"

    def module(self) -> nn.Module:
        """The activation: hatact's own op for every piecewise polynomial, ReLU too."""
        if self.activation == "tanh":
            return Tanh(self.scale)
        return Piecewise(registry()[self.activation].scaled(self.scale))

    def networks(
        self, inputs: int, width: int, depth: int, seeds: Sequence[int], device: str
    ) -> Networks:
        """inputs → width → … → 1 with `depth` linear layers, one network a seed."""
        first = 2 * self.octaves * inputs if self.octaves else inputs
        return Networks(self, [first, *[width] * (depth - 1), 1], seeds).to(device)


class Tanh(nn.Module):
    """tanh(scale·x)."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """tanh(scale·x)."""
        return torch.tanh(x if self.scale == 1 else self.scale * x)


class Networks(nn.Module):
    """The same network from S seeds, trained at once: one batched product a layer.

    Five networks of width 128 take 1.2 ms a step each where one alone takes 1.9, of width 256
    6.2 against 7.1, of width 16 0.26 against 1.2; of width 2000 3.9 against 1.4, out of cache. The
    last bits of a network depend on how many share its batch.
    """

    def __init__(self, row: Row, sizes: Sequence[int], seeds: Sequence[int]) -> None:
        super().__init__()
        self.row = row
        self.activation = row.module()
        drawn = [_default_layers(sizes, seed) for seed in seeds]
        self.weights = nn.ParameterList(torch.stack([w for w, _ in of]) for of in zip(*drawn))  # noqa: B905
        self.biases = nn.ParameterList(torch.stack([b for _, b in of]) for of in zip(*drawn))  # noqa: B905
        with torch.no_grad():
            self.weights[0].mul_(row.input)

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, inputs), the same for all, or (S, N, inputs) → (S, N, 1)."""
        h = encode(x, self.row.octaves).expand(len(self.weights[0]), -1, -1)
        last = len(self.weights) - 1
        for i, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(b, h, w)
            if i < last:
                h = self.activation(h)
        return h


def _default_layers(sizes: Sequence[int], seed: int) -> list[tuple[Tensor, Tensor]]:
    """Weights (in, out) and biases (1, out) of PyTorch's default initialisation from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    return [(layer.weight.detach().T.contiguous(), layer.bias.detach()[None]) for layer in layers]


def encode(x: Tensor, octaves: int) -> Tensor:
    """cos and sin(2^l·π·x) for l < octaves: (N, d) → (N, 2·octaves·d); x itself for octaves = 0."""
    if not octaves:
        return x
    angles = torch.cat([2.0**level * math.pi * x for level in range(octaves)], -1)
    return torch.cat([angles.cos(), angles.sin()], -1)


def fit(
    model: Networks,
    x: Tensor,
    y: Tensor,
    steps: int,
    advance: Advance,
    after: Callable[[int, Tensor], None] = lambda step, out: None,
) -> Tensor:
    """Full-batch training on the mean squared error; `after(step, model(x))` before update `step`.

    Returns (steps + 1, S) float64 on the CPU: every network's loss before each of the updates and
    after the last.
    """
    optimiser = _optimiser(model)
    # A buffer: a small tensor kept a step keeps the allocator from reusing the large ones' place.
    losses = torch.empty(steps + 1, len(model.weights[0]), device=x.device, dtype=x.dtype)
    for step in range(steps + 1):
        out = model(x)
        loss = (out - y).square().mean((-2, -1))
        losses[step] = loss.detach()
        after(step, out.detach())
        if step < steps:
            optimiser.zero_grad()
            loss.sum().backward()
            optimiser.step()
        advance(1 / (steps + 1))
    return losses.double().cpu()


def _optimiser(model: Networks) -> torch.optim.Optimizer:
    if model.row.optimiser == "sgd":
        return torch.optim.SGD(model.parameters(), lr=model.row.lr, fused=True)
    return torch.optim.Adam(model.parameters(), lr=model.row.lr, fused=True)


def late(losses: Tensor) -> float:
    """The median over the last tenth of one network's losses: what a rate is chosen by.

    One step's loss would do for SGD; Adam's spikes.
    """
    return float(losses[-max(len(losses) // 10, 1) :].median())


def trained_at(losses: Tensor, levels: Sequence[float], hold: int) -> list[int | None]:
    """By level, the first step from which one network's loss stays under it for `hold` steps."""
    return [steps_to(range(len(losses)), losses[:, None], level, hold)[0] for level in levels]


def spread_steps(last: int, count: int = 72) -> list[int]:
    """Steps 0 … last, evenly spread on a logarithmic axis, each once; last ≥ 1."""
    return [0, *sorted({round(last ** (i / (count - 1))) for i in range(count)})]
