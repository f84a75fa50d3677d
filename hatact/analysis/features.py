"""How well a matrix of features is conditioned."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class FeatureCondition(NamedTuple):
    """What :func:`feature_condition` gives.

    Args:
        condition: κ, the largest singular value over the smallest that counts; inf for none.
        rank: how many count.
        dead: columns that are 0 throughout: neurons that no point reaches.
        values: all singular values, from the largest down, (min(N, W)) float64.
    """

    condition: float
    rank: int
    dead: int
    values: Tensor


def feature_condition(features: Tensor) -> FeatureCondition:
    """κ = σ_max/σ_r of the features of N points, r their numerical rank, in float64.

    Those singular values count that are above σ_max·max(N, W)·2⁻⁵², as in
    :func:`torch.linalg.matrix_rank`: a column that is dead, or another's copy, lowers the rank, and
    not κ. The features themselves should be computed in float64, by a network in double and at
    points in double: the threshold knows nothing of how they came about, and in features computed
    in float32 the rounding, of about 2⁻²⁴ of their size, is far above it and counts as rank, so
    that a matrix of rank 3 seems to have full rank and κ to be that of noise. Training the last
    layer alone by gradient descent takes steps in proportion to κ².
    Source: arXiv 2406.02529, which compares the condition numbers of such matrices.

    Shapes: (N, W), a row a point, a column a neuron.

    Raises:
        ValueError: for features of another shape, none, or not finite.
    """
    if features.ndim != 2 or not features.numel():
        raise ValueError(f"features must be (N, W), not empty; got shape {tuple(features.shape)}")
    if not bool(torch.isfinite(features).all()):
        raise ValueError("features must be finite; got some that are not")
    h = features.detach().double()
    values = torch.linalg.svdvals(h)
    least = values[0] * max(h.shape) * torch.finfo(torch.float64).eps
    rank = int((values > least).sum())
    condition = float(values[0] / values[rank - 1]) if rank else float("inf")
    return FeatureCondition(condition, rank, int((h == 0).all(0).sum()), values)
