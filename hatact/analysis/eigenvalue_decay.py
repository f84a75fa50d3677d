"""How the eigenvalues of a kernel fall with the frequency: on the circle, on spheres, on data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import torch
from torch import Tensor

from hatact.analysis.eigenpairs import decomposed, symmetric

CIRCLE, FINEST, NODES = 2**14, 2**16, 2**11
"""Points of the circle at first and at last, and of Gauss–Legendre's rule in the polar angle."""
CLEAR, LEAST = 100, 3
"""How far above its error an eigenvalue must be to enter the fit, and how many must."""
ACCURACY = {torch.float64: 1e-13, torch.float32: 1e-6}
"""Of a kernel's values, in units of the largest, if none is given."""
Kernel = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class EigenvalueDecay:
    """Eigenvalues λ_k, how far they may be off, and the exponent p of λ_k ∝ k^p.

    Args:
        frequencies: (m) k: 0, 1, … on a sphere, 1, 2, … on data.
        values: (m) λ_k, each once; float64.
        errors: (m) how far they may be off, by the accuracy that the kernel is taken to have and
            by what half of the points change, which is an estimate.
        exponent: p, by least squares of log λ_k against log k; NaN if fewer than three λ_k can be
            fitted.
        interval: the 95 % interval of p, as of independent normal residuals.
        fitted: the k that were: those asked for, of which λ_k > 100·error.
    """

    frequencies: Tensor
    values: Tensor
    errors: Tensor
    exponent: float
    interval: tuple[float, float]
    fitted: Tensor


def eigenvalue_decay(
    kernel: Kernel | Tensor,
    first: int,
    last: int,
    dimension: int = 2,
    accuracy: float | None = None,
) -> EigenvalueDecay:
    """λ_k for k up to `last`, and the exponent of λ_k ∝ k^p over k = first … last.

    Of a function kernel(x1, x2), x1 (n1, d), x2 (n2, d) → (n1, n2), that depends on the angle
    between points of the unit sphere alone: the eigenvalues of f → ∫ K(x, x′)·f(x′) dx′, dx′ the
    uniform distribution. In dimension 2 they are those of the waves of k periods,
    λ_k = mean of K(θ)·cos(kθ), by FFT of 2¹⁴ points, or more, up to 2¹⁶, if half of them change one
    that is to be fitted by 1 % or more; above, those of the spherical harmonics of
    degree k, λ_k = ∫ K(cos θ)·P_k(cos θ)·sin^(d−2) θ dθ / ∫ sin^(d−2) θ dθ with Gegenbauer's
    polynomials P_k, P_k(1) = 1, by Gauss–Legendre's rule in θ. Of a matrix (n, n): its eigenvalues,
    the k-th largest as λ_k.

    The errors are accuracy·max|K|, and what half of the points change, on a sphere, and n times
    accuracy·max|K| for a matrix.
    Example: `eigenvalue_decay(partial(ntk, hatact.RELU, 3), 20, 200).exponent` is −2.00.

    Args:
        dimension: of the space around the sphere, at least 2.
        accuracy: of the kernel's values, in units of the largest; by default 1e-13 in float64 and
            1e-6 in float32. `ntk` of narrow activations may be less good than that default.

    Raises:
        ValueError: for 1 ≤ first < last that is broken, a dimension below 2 or for a matrix another
            than 2, an accuracy that is not positive, more frequencies than 2¹²; for a matrix as
            `kernel_eigenpairs`, or with fewer than `last` rows; for values that are not finite,
            of another shape, or no tensor of float32 or float64.
        ModuleNotFoundError: without SciPy, which `hatact[verify]` brings.
    """
    most = len(kernel) if isinstance(kernel, Tensor) and kernel.dim() else CIRCLE // 4
    if not (type(first) is type(last) is int and 1 <= first < last <= most):
        raise ValueError(
            f"first and last must be whole numbers, 1 <= first < last <= {most}; "
            f"got {first!r} and {last!r}"
        )
    matrix = isinstance(kernel, Tensor)
    if not matrix and not callable(kernel):
        raise ValueError(f"a kernel must be a function or a matrix; got {type(kernel).__name__}")
    if type(dimension) is not int or dimension < 2 or (matrix and dimension > 2):
        raise ValueError(
            "the dimension must be an int of at least 2, and is of a function alone; "
            f"got {dimension!r}"
        )
    number = isinstance(accuracy, Real) and not isinstance(accuracy, bool)
    if accuracy is not None and not (number and 0 < accuracy < math.inf):
        raise ValueError(f"the accuracy must be positive and finite; got {accuracy!r}")
    if isinstance(kernel, Tensor):
        kernel = symmetric(kernel)
        k, values = torch.arange(1, last + 1), decomposed(kernel)[0][:last]
        unit = len(kernel) * float(kernel.abs().max())
        errors = torch.full((last,), unit * (accuracy or ACCURACY[kernel.dtype]))
    else:
        if dimension == 2:
            values, half, error = _on_circle(kernel, first, last, accuracy)
        else:
            values, error = _by_harmonics(kernel, last, dimension, NODES, accuracy)
            half, _ = _by_harmonics(kernel, last, dimension, NODES // 2, accuracy)
        k = torch.arange(last + 1)
        errors = (values - half).abs() + error
    values, errors = values.double().cpu(), errors.double()
    fitted = k[(k >= first) & (k <= last) & (values > CLEAR * errors)]
    exponent, interval = _fit(fitted, values[torch.isin(k, fitted)])
    return EigenvalueDecay(k, values, errors, exponent, interval, fitted)


def _on_circle(
    kernel: Kernel, first: int, last: int, accuracy: float | None
) -> tuple[Tensor, Tensor, float]:
    """λ_0 … λ_last, the same of half as many points, and the error of the kernel's values."""
    points = CIRCLE
    while True:
        theta = 2 * math.pi * torch.arange(points, dtype=torch.float64) / points
        row, error = _row(kernel, theta, 2, accuracy)
        whole, half = (torch.fft.rfft(r).real[: last + 1] / len(r) for r in (row, row[::2]))
        aliased, least = (whole - half).abs()[first:], whole[first:].abs() / CLEAR
        if points == FINEST or bool((aliased <= least.clamp(min=error)).all()):
            return whole, half, error
        points *= 2


def _by_harmonics(
    kernel: Kernel, last: int, dimension: int, nodes: int, accuracy: float | None
) -> tuple[Tensor, float]:
    """λ_0 … λ_last, and the error of the kernel's values."""
    import numpy as np

    at, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(nodes))
    theta = (at + 1) * (math.pi / 2)
    weights = weights * theta.sin() ** (dimension - 2)
    weights /= weights.sum()
    row, error = _row(kernel, theta, dimension, accuracy)
    t, alpha = theta.cos(), dimension / 2 - 1
    before, now, found = torch.zeros_like(t), torch.ones_like(t), []
    for k in range(last + 1):
        found.append(float(weights @ (row * now)))
        # C_(k+1)·(k + 1) = 2(k + α)·t·C_k − (k + 2α − 1)·C_(k−1), for P_k = C_k/C_k(1)
        step = (2 * (k + alpha) * t * now - k * before) / (k + 2 * alpha)
        before, now = now, step
    return torch.tensor(found, dtype=torch.float64), error


def _row(
    kernel: Kernel, theta: Tensor, dimension: int, accuracy: float | None
) -> tuple[Tensor, float]:
    """K between a point and those at angles θ from it, and how far its values may be off."""
    points = torch.zeros(len(theta), dimension, dtype=torch.float64)
    points[:, 0], points[:, 1] = theta.cos(), theta.sin()
    pole = torch.zeros(1, dimension, dtype=torch.float64)
    pole[0, 0] = 1
    values = kernel(pole, points)
    if not isinstance(values, Tensor) or values.dtype not in ACCURACY:
        got = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise ValueError(f"a kernel must give a tensor of float32 or float64; got {got}")
    if values.shape != (1, len(theta)):
        raise ValueError(
            f"a kernel must give (n1, n2) values; got {tuple(values.shape)} for 1 and {len(theta)}"
        )
    row = values[0].detach().double().cpu()
    if not bool(row.isfinite().all()):
        raise ValueError(
            f"a kernel must be finite; got {int((~row.isfinite()).sum())} that are not"
        )
    return row, float(row.abs().max()) * (accuracy or ACCURACY[values.dtype])


def _fit(k: Tensor, values: Tensor) -> tuple[float, tuple[float, float]]:
    try:
        from scipy.stats import linregress, t
    except ModuleNotFoundError:
        needs = "the fit needs SciPy; pip install 'hatact[verify]' brings it"
        raise ModuleNotFoundError(needs, name="scipy") from None
    if len(k) < LEAST:
        return math.nan, (math.nan, math.nan)
    line = linregress(k.double().log().numpy(), values.log().numpy())
    reach = float(t.ppf(0.975, len(k) - 2) * line.stderr)
    return float(line.slope), (float(line.slope) - reach, float(line.slope) + reach)
