"""Gradient descent on the output weights of a shallow network, followed in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from hatact._named import Activation, activation
from hatact.activations.hat import HAT
from hatact.analysis.gram import gram
from hatact.spec import PiecewisePolynomial


@dataclass(frozen=True)
class MeshDescent:
    """What :func:`mesh_descent` gives.

    Args:
        steps: by frequency, the first step at which the error is under the threshold.
        sign_changes: by mode, the fastest first, how often it changes sign along the mesh.
    """

    steps: list[int]
    sign_changes: list[int]


def mesh_descent(
    spec: Activation,
    n: int,
    frequencies: Sequence[float],
    rate: float,
    threshold: float = 0.1,
) -> MeshDescent:
    """Steps of gradient descent on ½‖Σ_i a_i φ_i − u‖² in L²(0, 1) from a = 0, φ_i(x) = σ(n·x − i).

    u is the interpolant of sin(2πkx) at the mesh's nodes, for each frequency k in cycles per unit
    length; the learning rate is rate/λ_max of :func:`gram`. The error is ⟨u − f, u⟩/⟨u, u⟩, which
    starts at 1 and only falls for rate ≤ 1; its steps are found by bisection, so 10⁹ of them cost
    as little as ten. RELU and HAT span the same functions, the continuous piecewise linear ones
    that are 0 at 0: between them nothing but the basis differs.

    spec: σ, whatever :func:`hatact.activation` takes. Cost: an SVD of n × n in float64. Source: the
    setting of arXiv 2208.04924; its wording was not at hand.

    Raises:
        ValueError: unless the spec is continuous and piecewise linear with knots at whole numbers,
            0 for x ≤ 0 and not at x = 1; for a rate outside (0, 1] or a threshold outside (0, 1);
            for a frequency that is a multiple of n/2, whose sine is 0 at every node.
    """
    f = activation(spec)
    _check(f, rate, threshold)
    zero = [k for k in frequencies if math.isclose(2 * k / n, round(2 * k / n), abs_tol=1e-9)]
    if zero:
        raise ValueError(f"no frequency may be a multiple of n/2, {n / 2:g}; got {zero[0]:g}")
    rates, modes, factor = _modes(f, n)
    nodes = torch.arange(1, n + 1, dtype=torch.float64) / n
    steps = []
    for k in frequencies:
        share = (modes.T @ (factor.T @ torch.sin(2 * math.pi * k * nodes))).square()
        steps.append(first_under(threshold, share / share.sum(), rate * rates))
    functions = torch.linalg.solve_triangular(factor.T, modes, upper=True)
    changes: Tensor = (functions[1:] * functions[:-1] < 0).sum(0)
    return MeshDescent(steps, changes.tolist())


def _check(spec: PiecewisePolynomial, rate: float, threshold: float) -> None:
    whole = spec.period is None and all(Fraction(t).denominator == 1 for t in spec.knots)
    joined = whole and all(spec(t) == _right(spec, i) for i, t in enumerate(spec.knots))
    if not joined or spec.degree > 1 or spec.knots[0] < 0 or any(spec.pieces[0]) or not spec(1):
        raise ValueError(
            "the spec must be continuous and piecewise linear with knots at whole numbers, 0 for "
            f"x <= 0 and not at 1; got {spec}"
        )
    if not 0 < rate <= 1:
        raise ValueError(f"the rate must lie in (0, 1]; got {rate}")
    if not 0 < threshold < 1:
        raise ValueError(f"the threshold must lie in (0, 1); got {threshold}")


def _right(spec: PiecewisePolynomial, knot: int) -> float | Fraction:
    """The limit at a knot from its right: the last coefficient of the piece that begins there."""
    return spec.pieces[knot + 1][-1]


def _modes(spec: PiecewisePolynomial, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """λ_j/λ_max, largest first; modes Lᵀv by column, v their values at the nodes; L, LLᵀ Hat's M.

    With V_im = φ_m(node i) gradient descent takes v to v − η·VVᵀLLᵀ(v − u), so the modes are the
    left singular vectors of LᵀV, and M = VᵀLLᵀV.
    """
    factor = torch.linalg.cholesky(gram(HAT, n))
    values = torch.tensor(
        [[float(spec(i + 1 - m)) for m in range(n)] for i in range(n)], dtype=torch.float64
    )
    modes, singular, _ = torch.linalg.svd(factor.T @ values)
    return (singular / singular[0]).square(), modes, factor


def first_under(limit: float, share: Tensor, rates: Tensor) -> int:
    """The first t with Σ_j share_j·(1 − rates_j)^t < limit, by bisection: the sum falls with t."""

    def left(t: int) -> float:
        return float((share * (1 - rates) ** t).sum())

    if left(0) < limit:
        return 0
    high = 1
    while left(high) >= limit:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle) < limit else (middle, high)
    return high
