"""Tangent kernels the slow way, and kernels of known eigenvalues."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def jacobian(model: nn.Module, x: Tensor) -> Tensor:
    """∂f_o(x_i)/∂w_p as (N, outputs, P), row by row by `torch.autograd.grad`."""
    weights = [p for p in model.parameters() if p.requires_grad]
    out = model(x).reshape(len(x), -1)
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(y, weights, retain_graph=True)])
        for y in out.flatten()
    ]
    return torch.stack(rows).reshape(*out.shape, -1)


def tangent_kernel(model: nn.Module, x1: Tensor, x2: Tensor | None = None) -> Tensor:
    """Σ_o Σ_p ∂f_o(x1_i)/∂w_p · ∂f_o(x2_j)/∂w_p from :func:`jacobian`."""
    left = jacobian(model, x1).flatten(1)
    return left @ (left if x2 is None else jacobian(model, x2).flatten(1)).T


def known_kernel(values: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """V·diag(values)·Vᵀ, exactly symmetric, and a random orthogonal V, in float64."""
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn(len(values), len(values), dtype=torch.float64, generator=generator)
    vectors = torch.linalg.qr(square).Q
    kernel = (vectors * values) @ vectors.T
    return (kernel + kernel.T) / 2, vectors


def circle(n: int) -> Tensor:
    """n points of the unit circle, uniform, in float64."""
    angles = torch.arange(n, dtype=torch.float64) * (2 * math.pi / n)
    return torch.stack([angles.cos(), angles.sin()], 1)
