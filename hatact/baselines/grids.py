"""Grids of values that are interpolated: what a coordinate network is to beat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample


class Grids(nn.Module):
    """y(x) = Σ_ij values_ij·Λ((x_1 − t_i)/h)·Λ((x_2 − t_j)/h), Λ(u) = max(0, 1 − |u|).

    A grid a seed, interpolated bilinearly on [−1, 1]²: t_i = −1 + i·h with h = 2/(side − 1), so the
    outermost values are at ±1. Coordinates are (row, column), as those of
    :func:`hatact.analysis.images.pixel_grid`, and are clamped to [−1, 1]: outside and at ±inf y is
    what it is at the border. torch takes a NaN as −1. Values start from U(±0.01), drawn from a seed
    each; the caller's generator is left alone.

    Shapes: x (N, 2), the same for all, or (S, N, 2) → (S, N, outputs). dtypes: that of the values,
    which x must have, float32 unless converted.

    Args:
        side: how many values a row and a column have.
        seeds: S of them.
        outputs: how many values a grid point has.

    Attributes:
        values: (S, outputs, side, side), the one parameter.

    Raises:
        ValueError: for a side below 2, no output or no seed.

    Source: arXiv 2506.11139, which compares such grids with implicit neural representations of as
    many parameters; the start is this package's own.
    """

    def __init__(self, side: int, seeds: Sequence[int], outputs: int = 1) -> None:
        super().__init__()
        if side < 2 or outputs < 1 or not seeds:
            raise ValueError(
                "grids need a side of at least 2, an output and a seed; "
                f"got side {side}, {outputs} outputs and seeds {tuple(seeds)}"
            )
        generators = (torch.Generator().manual_seed(seed) for seed in seeds)
        drawn = [
            torch.empty(outputs, side, side).uniform_(-0.01, 0.01, generator=generator)
            for generator in generators
        ]
        self.values = nn.Parameter(torch.stack(drawn))

    @classmethod
    def of_parameters(cls, sizes: Sequence[int], seeds: Sequence[int]) -> Grids:
        """The largest grids with at most as many parameters P as a network of linear layers has.

        side = ⌊√(P/outputs)⌋, P = Σ (in + 1)·out.

        Args:
            sizes: of the network: 2 inputs, the widths of the hidden layers, outputs.
            seeds: S of them.

        Raises:
            ValueError: for fewer than two sizes, other than 2 inputs or a size below 1; as the
                class.
        """
        if len(sizes) < 2 or sizes[0] != 2 or min(sizes) < 1:
            raise ValueError(
                "sizes must be two or more, the first of them 2, each at least 1; "
                f"got {tuple(sizes)}"
            )
        parameters = sum((a + 1) * b for a, b in pairwise(sizes))
        return cls(math.isqrt(parameters // sizes[-1]), seeds, sizes[-1])

    def forward(self, x: Tensor) -> Tensor:
        # grid_sample takes (column, row), and points in two dimensions.
        points = x.flip(-1).expand(len(self.values), -1, -1)[:, None]
        y = grid_sample(self.values, points, padding_mode="border", align_corners=True)
        return y[:, :, 0].mT

    def total_variation(self) -> Tensor:
        """mean √(Δ_1² + Δ_2²)/h over cells and outputs: the mean slope of the grid, isotropic.

        Δ_1 and Δ_2 are the differences of a cell's first corner to the next value of its column and
        of its row. The unit is that of a value per unit length, so it does not depend on the side:
        of a linear y it is the length of its gradient. Where both differences are 0, the gradient
        is 0.

        Shapes: → (S). To be added to a loss a network, times a weight.
        """
        v = self.values
        corner = v[..., :-1, :-1]
        steps = torch.stack([v[..., 1:, :-1] - corner, v[..., :-1, 1:] - corner])
        # The square root's derivative at 0 is inf; vector_norm takes 0 there.
        slopes = torch.linalg.vector_norm(steps, dim=0)
        variation: Tensor = slopes.mean((1, 2, 3)) * (v.shape[-1] - 1) / 2
        return variation
