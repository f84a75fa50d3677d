"""Wide networks of one hidden layer that start at zero, in the scaling of the tangent kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


class ShallowNets(nn.Module):
    """y = m^(−1/2)·Σ_r a_r·σ((w_r·x + b_r)/√2), a network a seed, of which w and b are trained.

    w_r ~ N(0, I), b_r = 0, a_r = ±1 fixed. The start is antisymmetric: unit r + m/2 has the w of
    unit r and the opposite a, so y = 0 but for rounding. For unit points the pre-activations have a
    standard deviation of 1/√2; with ReLU the tangent kernel is `hatact.analysis.shallow_relu_ntk`
    as m grows. The larger m against the targets, the closer training follows that of the kernel.
    `weights` holds a matrix a network, as `torch.optim.Muon` takes them.

    Shapes: x (N, inputs), the same for all → (N, S). dtypes: those of its parameters, float32
    unless converted.
    Source: the network of arXiv 2307.14531's experiments, as their published code has it; the
    antisymmetric start is this package's own.

    Args:
        inputs: the dimension of a point.
        width: m, even.
        seeds: S of them; two networks of one seed start alike.
        activation: σ, a module or a function.

    Raises:
        ValueError: for no inputs, no seed or a width that is not even and positive.
    """

    signs: Tensor

    def __init__(
        self, inputs: int, width: int, seeds: Sequence[int], activation: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        if inputs < 1 or width < 2 or width % 2 or not seeds:
            raise ValueError(
                "shallow networks need at least one input, an even width and a seed; got "
                f"{inputs} inputs, width {width} and seeds {tuple(seeds)}"
            )
        self.activation = activation
        half = [
            torch.randn(width // 2, inputs, generator=torch.Generator().manual_seed(seed))
            for seed in seeds
        ]
        self.weights = nn.ParameterList(w.repeat(2, 1) for w in half)
        self.biases = nn.Parameter(torch.zeros(len(half), width))
        self.register_buffer("signs", torch.ones(width).index_fill(0, torch.arange(width // 2), -1))

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.stack([*self.weights]).mT
        h = torch.baddbmm(self.biases[:, None], x.expand(len(weights), -1, -1), weights)
        y = self.activation(h / math.sqrt(2)) @ self.signs
        return y.T / math.sqrt(len(self.signs))
