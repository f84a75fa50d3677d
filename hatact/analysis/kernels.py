"""Kernels of networks in closed form."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def shallow_relu_ntk(x1: Tensor, x2: Tensor | None = None) -> Tensor:
    """K(x, x′) = (u + 1)·(π − arccos u)/(4π), u = x·x′, for points of the unit sphere.

    It is what `empirical_ntk` comes to, as the width m grows, of f(x) = m^(−1/2)·Σ_r a_r·relu(
    (w_r·x + b_r)/√2) with w_r ~ N(0, I), b_r = 0, a_r = ±1, of which w and b are trained
    (`hatact.baselines.ShallowNets`). On the circle its eigenvalues fall with the frequency as k⁻².

    Shapes: x1 (n1, d), x2 (n2, d) → (n1, n2); without x2 of x1 with itself, then exactly symmetric.
    dtypes: that of x1.
    Source: the kernel of arXiv 2307.14531's experiments, as their published code has it.

    Raises:
        ValueError: for points that are not rows of one dimension or not of length 1, to 1e-4.
    """
    others = x1 if x2 is None else x2
    if x1.dim() != 2 or others.dim() != 2 or x1.shape[1] != others.shape[1]:
        shapes = f"{tuple(x1.shape)} and {tuple(others.shape)}"
        raise ValueError(f"points must be rows of one dimension; got shapes {shapes}")
    for x in (x1, others):
        lengths = torch.linalg.vector_norm(x, dim=1)
        away = (lengths - 1).abs()
        if not bool((away <= 1e-4).all()):
            length = float(lengths[away.argmax()])  # NaN is the largest
            raise ValueError(f"points must have length 1, to 1e-4; got one of length {length:.6g}")
    u = x1 @ others.T
    if x2 is None:  # a product need not be symmetric, and arccos makes 1e-8 of a last bit
        u = (u + u.T) / 2
    u = u.clamp(-1, 1)
    return (u + 1) * (math.pi - torch.arccos(u)) / (4 * math.pi)
