"""Fourier residuals on scattered points in any dimension, by least squares."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class ScatteredSpectrum:
    """a, b of the least squares f(x) ≈ c₀ + Σ_k a_k·cos(2πk·x) + b_k·sin(2πk·x).

    For points where a uniform grid is out of reach: in five dimensions, or measured where data are.
    On a uniform grid with k among its DFT frequencies it agrees with `spectrum` and `residual`.

    Args:
        x: (N, d) points.
        wave_vectors: (K, d), in cycles per unit length.

    Raises:
        ValueError: unless N ≥ 2K + 1, the wave vectors differ, and their waves can be told apart
            on the points (the condition number of the basis stays under 1e6).
    """

    def __init__(self, x: Tensor, wave_vectors: Tensor) -> None:
        if x.ndim != 2 or wave_vectors.ndim != 2 or x.shape[1] != wave_vectors.shape[1]:
            raise ValueError(
                "points must be (N, d) and wave vectors (K, d); got "
                f"{tuple(x.shape)} and {tuple(wave_vectors.shape)}"
            )
        n, k = len(x), len(wave_vectors)
        if n < 2 * k + 1:
            raise ValueError(f"at least 2K + 1 = {2 * k + 1} points are needed; got {n}")
        phase = 2 * math.pi * x.double() @ wave_vectors.double().T.to(x.device)
        basis = torch.cat([phase.cos(), phase.sin(), torch.ones(n, 1).to(phase)], 1)
        condition = float(torch.linalg.cond(basis))
        if not condition < 1e6:
            raise ValueError(
                "the waves must be distinct on the points; their basis has the condition number "
                f"{condition:.1e}"
            )
        self._inverse = torch.linalg.pinv(basis)
        self._count = k

    def coefficients(self, f: Tensor) -> Tensor:
        """a_k − i·b_k, so that a wave cos(2πk·x + φ) has e^{iφ}: f (*, N) → (*, K) complex128."""
        if f.shape[-1] != self._inverse.shape[1]:
            raise ValueError(
                f"f must hold one value a point, {self._inverse.shape[1]}; got {f.shape[-1]}"
            )
        c = f.double() @ self._inverse.T
        return torch.complex(c[..., : self._count], -c[..., self._count : 2 * self._count])

    def residual(self, f: Tensor, u: Tensor) -> Tensor:
        """|c_k(f) − c_k(u)| / |c_k(u)|: 1 for f = 0. Shapes: f (*, N), u (*, N) → (*, K).

        Raises:
            ValueError: for a wave that u does not hold.
        """
        target = self.coefficients(u).abs()
        if bool((target <= 1e-9 * target.amax(-1, keepdim=True)).any()):
            raise ValueError(
                "u must hold every wave; got the amplitudes "
                f"{[float(f'{v:.2g}') for v in target.reshape(-1, self._count)[0]]}"
            )
        return self.coefficients(f - u).abs() / target
