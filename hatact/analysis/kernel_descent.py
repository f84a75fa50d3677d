"""Gradient descent of a linearised network, followed in the eigenvectors of its kernel."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hatact.analysis.descent import first_under
from hatact.analysis.eigenpairs import decomposed, symmetric
from hatact.analysis.modified_spectrum import Modulation, modulated


def kernel_descent(
    kernel: Tensor,
    y: Tensor,
    g: Modulation | None = None,
    rate: float = 1.0,
    threshold: float = 0.05,
) -> list[int | None]:
    """The first t with ‖(I − η·K·S)ᵗ·y‖ ≤ threshold·‖y‖, of each column y; η = rate/max g(λ).

    K·S has K's eigenvectors and the eigenvalues g(λ), given from the largest to the smallest;
    without g S = I. It is what a network does that starts at 0 and whose kernel stays K. The steps
    are found by bisection, so 10⁹ of them cost as little as ten; None if g is 0, to rounding, of
    too much of y.

    Shapes: K (n, n), y (n) or (n, columns). dtypes: computed in float64.
    Cost: the eigenvalues of an n × n matrix.
    Source: theorem 4.1 of arXiv 2307.14531, in the limit of wide networks.

    Raises:
        ValueError: as `kernel_eigenpairs` for K, `ModifiedSpectrumKernel` for g; for a y of another
            length, or with a column that is 0 or not finite; for a rate outside (0, 2), or a
            threshold outside (0, 1).
    """
    matrix = symmetric(kernel).double()
    if y.dim() not in (1, 2) or len(y) != len(matrix):
        raise ValueError(
            f"y must have a value or a row for each of {len(matrix)} points; got shape "
            f"{tuple(y.shape)}"
        )
    if not 0 < rate < 2 or not 0 < threshold < 1:
        raise ValueError(
            f"the rate must lie in (0, 2), the threshold in (0, 1); got {rate} and {threshold}"
        )
    values, vectors = decomposed(matrix)
    rates = modulated(g, values) if g else values
    rates = rate * rates / rates.max() if bool(rates.any()) else rates
    columns = y.double().reshape(len(y), -1)
    norms = columns.norm(dim=0)
    if not bool(((norms > 0) & norms.isfinite()).all()):
        raise ValueError(f"y must be finite and not 0; got norms {norms.tolist()}")
    shares = (vectors.T @ (columns / norms)).square()
    still = rates <= len(rates) * torch.finfo(rates.dtype).eps
    limit = math.nextafter(threshold**2, math.inf)
    faster = rates * (2 - rates)  # 1 − (1 − rates)²
    return [
        None if float(share[still].sum()) >= limit else first_under(limit, share, faster)
        for share in shares.T
    ]
