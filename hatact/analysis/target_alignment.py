"""How much of a target the leading eigenvectors of a kernel hold."""

from __future__ import annotations

import torch
from torch import Tensor


def target_alignment(vectors: Tensor, y: Tensor) -> Tensor:
    """E(m) = Σ_{i≤m} ⟨v_i, y − ȳ⟩² / ‖y − ȳ‖², for m = 1, 2, …

    The share of the target's energy in the m first eigenvectors of a kernel: gradient descent
    learns what is in the first of them first.

    Shapes: vectors (n, m) with orthonormal columns, as of `kernel_eigenpairs`; y (n) or (n, 1), at
    the same points → (m), not decreasing, at most 1 as far as the columns are orthonormal. dtypes:
    float64 is returned.
    Source: arXiv 2112.04645, section 4.

    Raises:
        ValueError: for shapes that do not match, values that are not finite, a constant y, or
            columns that are not orthonormal, to 1e-3.
    """
    for given in (vectors, y):
        if not isinstance(given, Tensor):
            raise ValueError(f"vectors and target must be tensors; got {type(given).__name__}")
    rows = vectors.shape[:1]
    if vectors.dim() != 2 or not vectors.shape[1] or y.shape not in (rows, (*rows, 1)):
        raise ValueError(
            "vectors must have shape (n, m), m at least 1, and y (n) or (n, 1); "
            f"got {tuple(vectors.shape)} and {tuple(y.shape)}"
        )
    v, target = vectors.detach().double(), y.detach().double().flatten().to(vectors.device)
    if not bool(v.isfinite().all() and target.isfinite().all()):
        raise ValueError("vectors and target must be finite; got values that are not")
    apart = (v.T @ v - torch.eye(v.shape[1], dtype=v.dtype, device=v.device)).abs().max()
    if not apart <= 1e-3:
        raise ValueError(f"vectors must be orthonormal; got products off by {float(apart):.2g}")
    centred = target - target.mean()
    energy = centred.square().sum()
    if not energy > 1e-24 * target.square().sum():
        raise ValueError(
            f"the target must not be constant; got {float(target.mean()):g} everywhere"
        )
    return (v.T @ centred).square().cumsum(0) / energy
