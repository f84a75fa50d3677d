"""Functions of one variable along learned directions of several inputs, and their sum."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn


class Projected(nn.Module):
    """y = α + β·x + Σ_k c_k·F_k((n_k·x/R + 1)/2), |n_k| = 1, R = √D, for S sums at once.

    For x in [−1, 1]^D every F_k reads [0, 1], so it may be a triangle cascade or a network in its
    place; outside, it reads the nearer end. α and β start at 0.

    Shapes: (N, D), the same for all sums → (N, S). dtypes: that of the directions, if `inner` keeps
    it.

    Args:
        inner: the F_k, (N, S·K) → (N, S·K).
        directions: what n_k starts from, (S, K, D), of any length but 0.
        weights: what c_k starts from, K numbers.

    Raises:
        ValueError: for directions of another shape, one of them 0, or not K weights; calling it,
            for an x of another shape.

    Source: arXiv 2311.18022, whose networks are block-diagonal in this way.
    """

    def __init__(self, inner: nn.Module, directions: Tensor, weights: Sequence[float]) -> None:
        super().__init__()
        if directions.dim() != 3 or directions.shape[1] != len(weights):
            raise ValueError(
                f"directions must have shape (S, {len(weights)}, D), a weight each; "
                f"got {tuple(directions.shape)}"
            )
        if not bool(directions.any(-1).all()):
            raise ValueError(f"no direction may be 0; got {directions.tolist()}")
        sums, _, inputs = directions.shape
        self.inner = inner
        self.directions = nn.Parameter(directions.clone())
        self.linear = nn.Parameter(directions.new_zeros(sums, inputs))
        self.constant = nn.Parameter(directions.new_zeros(sums))
        self.weights = nn.Parameter(directions.new_tensor(weights).repeat(sums, 1))

    def forward(self, x: Tensor) -> Tensor:
        inputs = self.directions.shape[-1]
        if x.dim() != 2 or x.shape[1] != inputs:
            raise ValueError(f"x must have shape (N, {inputs}); got {tuple(x.shape)}")
        n = self.directions / self.directions.norm(dim=-1, keepdim=True)
        p = (x @ n.flatten(0, 1).T / math.sqrt(inputs) + 1) / 2
        h = self.inner(p.clamp(0, 1)).unflatten(1, self.weights.shape)
        y: Tensor = self.constant + x @ self.linear.T + (self.weights * h).sum(-1)
        return y
