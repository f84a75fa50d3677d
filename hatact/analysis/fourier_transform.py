"""The Fourier transform of a piecewise polynomial, and the coefficients of a periodic one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from hatact import _polynomial as poly
from hatact._named import Activation, activation
from hatact.spec import PiecewisePolynomial

BLOCK = 2**14
"""Frequencies that are worked on at a time."""
TURN = 2 * math.pi
_Knot = tuple[float, list[float]]
"""Where it is, and by how much f, f′, f″ … jump there."""


def fourier_transform(spec: Activation, frequencies: Tensor) -> Tensor:
    """F(ν) = ∫ f(x)·e^(−2πiνx) dx = Σ_k Σ_j J_kj·e^(−2πiν·t_k)/(2πiν)^(j+1).

    J_kj is the jump of the j-th derivative of f at the knot t_k. The sum is exact, but its terms
    cancel where ν is low beside the reciprocal of the distance of knots: there every piece is
    integrated by itself, by a Gauss–Legendre rule if it is short beside 1/ν, and F(0) is ∫ f. What
    rounding leaves is some 1e-15 of ∫ |f|, and less where the jumps alone make F smaller.

    Where f is not 0 far out (ReLU, hardtanh) F is the transform of the tempered distribution, which
    at ν = 0 has no value. A periodic f has a line spectrum, and no F.

    Shapes: (*) → (*), complex128, on the device of `frequencies`; no derivative is given.
    Units: cycles per unit of x; F has the unit of ∫ f dx.
    Cost: of a frequency some 2 µs a knot, and of a low one 10 µs a piece.
    Source: the transform of (x)₊^j/j!, which is (2πiν)^−(j+1) for ν ≠ 0.

    Args:
        spec: whatever :func:`hatact.activation` takes.
        frequencies: ν, real numbers of any dtype; F is computed in float64.

    Raises:
        ValueError: for what is no activation; a periodic one; frequencies that are no tensor of
            real, finite numbers, or 0 among them where the support of f is not bounded; an f that
            float64 does not hold.

    Example:
        >>> fourier_transform("hat", torch.tensor([0.0, 0.5])).real  # e^(−2πiν)·sinc(ν)²
        tensor([ 1.0000, -0.4053], dtype=torch.float64)
    """
    f = activation(spec)
    if f.period is not None:
        raise ValueError(
            f"the activation must not be periodic, as it has a line spectrum; got the period "
            f"{f.period}: write hatact.PiecewisePolynomial(knots, pieces) of one period of it"
        )
    nu = _checked(frequencies)
    compact = not any(any(tail) for tail in (f.pieces[0], f.pieces[-1]))
    if not compact and bool((nu == 0).any()):
        raise ValueError(
            "frequencies must not be 0 where the support of f is not bounded; got "
            f"the support [{', '.join(map(str, f.support))}]: write frequencies from above 0 on"
        )
    parts = _Parts(f)
    blocks = [parts.at(block) for block in nu.flatten().split(BLOCK)]
    found = torch.cat(blocks).reshape(nu.shape)
    return torch.where(nu == 0, _integral(f), found) if compact else found


def fourier_coefficients(spec: PiecewisePolynomial, n: Tensor) -> Tensor:
    """c_n = (1/P)·∫_P f(x)·e^(−2πinx/P) dx of an f of period P: f = Σ_n c_n·e^(2πinx/P).

    Shapes: n (*) → (*), complex128.
    """
    if spec.period is None:
        raise ValueError(
            "only a periodic activation has Fourier coefficients; got one without a period: write "
            "fourier_transform(spec, frequencies)"
        )
    period, first = Fraction(spec.period), Fraction(spec.knots[0])
    kept = [
        (t, piece)
        for t, piece in zip(spec.knots, spec.pieces[1:], strict=True)
        if float(t) < float(first + period)  # the last knot may be the first one, a period on
    ]
    knots = (*(t for t, _ in kept), first + period)
    once = PiecewisePolynomial(knots, ((0,), *(piece for _, piece in kept), (0,)))
    return fourier_transform(once, n.double() / float(period)) / float(period)


def _checked(frequencies: Any) -> Tensor:
    if not isinstance(frequencies, Tensor):
        got = type(frequencies).__name__
    elif frequencies.is_complex() or frequencies.dtype == torch.bool:
        got = str(frequencies.dtype)
    else:
        nu = frequencies.detach().double()
        if bool(nu.isfinite().all()):
            return nu
        got = "some that are not finite"
    raise ValueError(
        f"frequencies must be a tensor of real, finite numbers; got {got}: write "
        "torch.linspace(0, 8, 100)"
    )


def _integral(f: PiecewisePolynomial) -> float:
    knots = [Fraction(t) for t in f.knots]
    ends = zip(pairwise(knots), f.pieces[1:-1], strict=True)
    parts = [poly.value(poly.antiderivative(p, 0), b - a) for (a, b), p in ends]
    return _floats([sum(parts, Fraction(0))])[0]


class _Parts:
    """What F is summed from, in u = (x − a)/L, so that the knots lie in 0 … 1."""

    def __init__(self, f: PiecewisePolynomial) -> None:
        knots = [Fraction(t) for t in f.knots]
        start, span = knots[0], knots[-1] - knots[0] or Fraction(1)
        self.start, self.length = _floats([start, span])
        u = [(t - start) / span for t in knots]
        p = [[Fraction(c) for c in poly.stretch(piece, span)] for piece in f.pieces]
        degree = f.degree
        zero = [Fraction(0)]
        bases = [u[0], *u]  # of every piece
        self.knots = [_knot(t, p[i], t - bases[i], p[i + 1]) for i, t in enumerate(u)]
        self.tails = [_knot(u[0], p[0], Fraction(0), zero), _knot(u[-1], zero, u[-1], p[-1])]
        # Beyond `reach` the ends of a piece do not cancel, up to there the rule is exact.
        self.reach = max(20.0, float(degree * degree))
        self.rule = _gauss_legendre(math.ceil(self.reach / 2) + degree + 14)
        self.pieces = []
        for (a, b), piece in zip(pairwise(u), p[1:-1], strict=True):
            if any(piece):
                ends = [_knot(a, zero, a, piece), _knot(b, piece, b - a, zero)]
                self.pieces.append((float(a), float(b - a), _floats(piece), ends))
        self.size = sum(
            width * sum(abs(c) * width**k for k, c in enumerate(reversed(piece)))
            for _, width, piece, _ in self.pieces
        )

    def at(self, nu: Tensor) -> Tensor:
        """F(ν); (n) → (n)."""
        mu = nu * self.length
        by_pieces = _size(self.tails, mu) + self.size <= _size(self.knots, mu)
        found = _of_jumps(self.knots, mu)
        if bool(by_pieces.any()):
            found[by_pieces] = self._by_pieces(mu[by_pieces])
        return self.length * _wave(nu * self.start) * found

    def _by_pieces(self, mu: Tensor) -> Tensor:
        found = _of_jumps(self.tails, mu)
        for start, width, piece, ends in self.pieces:
            short = TURN * mu.abs() * width <= self.reach
            found += torch.where(short, 0, _of_jumps(ends, mu))
            found[short] += self._integrated(start, width, piece, mu[short])
        return found

    def _integrated(self, start: float, width: float, piece: list[float], mu: Tensor) -> Tensor:
        """One piece by the rule."""
        nodes, weights = (of.to(mu.device) for of in self.rule)
        z = width * (1 + nodes) / 2
        values = torch.zeros_like(z)
        for c in piece:
            values = values * z + c
        waves = _wave(mu[:, None] * (start + z))
        return waves @ (values * weights * (width / 2)).to(waves.dtype)


def _knot(t: Fraction, before: Sequence[Any], u: Fraction, after: Sequence[Any]) -> _Knot:
    """Jumps at t, where the polynomial before is at u and the one after it at 0."""
    left, right = poly.shift(before, u)[::-1], [Fraction(c) for c in after][::-1]
    count = max(len(left), len(right))
    left, right = ([*p, *[Fraction(0)] * (count - len(p))] for p in (left, right))
    jumps = [math.factorial(j) * (right[j] - left[j]) for j in range(count)]
    return float(t), _floats(jumps)


def _floats(numbers: Sequence[Any]) -> list[float]:
    try:
        return [float(v) for v in numbers]
    except OverflowError:
        raise ValueError(
            "an activation must be finite in float64 on the whole length of its knots; got one "
            "beyond 1.8e308: write one with smaller coefficients"
        ) from None


def _of_jumps(knots: Sequence[_Knot], mu: Tensor) -> Tensor:
    """Σ_k e^(−2πiμ·t_k)·Σ_j J_kj/(2πiμ)^(j+1); 0 for μ = 0."""
    power = torch.complex(torch.zeros_like(mu), torch.where(mu == 0, 0.0, -1 / (TURN * mu)))
    total = torch.zeros_like(power)
    for t, jumps in knots:
        if any(jumps):
            part = torch.zeros_like(power)
            for jump in reversed(jumps):
                part = (part + jump) * power
            total += _wave(mu * t) * part
    return total


def _size(knots: Sequence[_Knot], mu: Tensor) -> Tensor:
    """The sum of the absolute values of all those terms; inf for μ = 0 unless there are none."""
    total = torch.zeros_like(mu)
    for _, jumps in knots:
        for j, jump in enumerate(jumps):
            if jump:
                total += abs(jump) * (TURN * mu.abs()) ** -(j + 1)
    return total


def _wave(turns: Tensor) -> Tensor:
    """e^(−2πi·turns)."""
    angle = TURN * (turns - turns.round())
    return torch.complex(angle.cos(), -angle.sin())


def _gauss_legendre(count: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights on −1 … 1: eigenvalues of the Jacobi matrix (Golub, Welsch 1969)."""
    k = torch.arange(1, count, dtype=torch.float64, device="cpu")
    beside = k / (4 * k * k - 1).sqrt()
    nodes, vectors = torch.linalg.eigh(beside.diag(1) + beside.diag(-1))
    return nodes, 2 * vectors[0] ** 2
