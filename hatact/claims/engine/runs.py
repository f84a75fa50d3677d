"""What a run is told and gives, and the rows that claims compare: networks and their training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hatact.activations import registry
from hatact.baselines.networks import Networks
from hatact.nn import Piecewise

Record = dict[str, Any]
"""What a run gives for one seed: plain JSON."""
Advance = Callable[[float], None]
"""Told of every share of a run's work that is done; the shares of a run sum to 1."""
TARGET_SEEDS = 10_000
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

    @property
    def rate(self) -> float:
        """The learning rate itself, where a kind of rows counts `lr` in units of its own."""
        return self.lr

    def __str__(self) -> str:
        return self.name if self.rate == 1e-3 else f"{self.name}, lr {self.rate:g}"

    def module(self) -> Callable[[Tensor], Tensor]:
        """The activation: hatact's own op for every piecewise polynomial, ReLU too."""
        if self.activation == "tanh":
            return lambda x: torch.tanh(x if self.scale == 1 else self.scale * x)
        return Piecewise(registry()[self.activation].scaled(self.scale))

    def networks(
        self, inputs: int, width: int, depth: int, seeds: Sequence[int], device: str
    ) -> nn.Module:
        """inputs → width → … → 1 with `depth` linear layers, one network a seed."""
        sizes = [inputs, *[width] * (depth - 1), 1]
        return Networks(sizes, seeds, self.module(), self.octaves, self.input).to(device)

    def optimiser_of(self, model: nn.Module) -> torch.optim.Optimizer:
        """What trains the model, at the row's rate."""
        kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[self.optimiser]
        optimiser: torch.optim.Optimizer = kind(model.parameters(), lr=self.rate, fused=True)
        return optimiser
