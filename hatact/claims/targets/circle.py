"""Waves on the unit circle: y = A·sin(kθ + φ), φ ~ U[0, 2π) by the seed and k."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hatact.claims.engine.runs import TARGET_SEEDS


def angles(n: int, seed: int | None = None) -> Tensor:
    """n angles θ in [0, 2π), (n) float64: equally spaced; with a seed, each moved on at random.

    Moved by up to 0.8 of the distance between two, so that no two come close.
    """
    drawn: Tensor | float = 0.0
    if seed is not None:
        generator = torch.Generator().manual_seed(TARGET_SEEDS + seed)
        drawn = 0.8 * torch.rand(n, dtype=torch.float64, generator=generator)
    return 2 * math.pi * (torch.arange(n, dtype=torch.float64) + drawn) / n


def points(theta: Tensor) -> Tensor:
    """(cos θ, sin θ): (n) → (n, 2)."""
    return torch.stack([theta.cos(), theta.sin()], 1)


def waves(theta: Tensor, frequencies: Sequence[int], seed: int) -> Tensor:
    """A column sin(kθ + φ_k) for every frequency k, in periods a turn: (n) → (n, frequencies)."""
    generators = [
        torch.Generator().manual_seed(TARGET_SEEDS + 1000 * seed + k) for k in frequencies
    ]
    phases = [torch.rand(1, dtype=torch.float64, generator=g) for g in generators]
    pairs = zip(frequencies, phases, strict=True)
    return torch.stack([torch.sin(k * theta + 2 * math.pi * phase) for k, phase in pairs], 1)
