"""The expected values and the errors allowed: PyTorch's own in the same dtype, doubled.

An error is measured against the scale of the terms that were added up, `magnitude`: where that
is 0, as outside a support, the value must be exact. How much of it PyTorch loses is measured, per
spec and dtype, by running the plain-torch reference on a fixed sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from hatact import PiecewisePolynomial, reference
from tests.support.layouts import POOL
from tests.support.places import HALVES
from tests.support.specs import SPECS


def compute_eps(dtype: torch.dtype) -> float:
    """The unit of the arithmetic: float32 for the half types."""
    return torch.finfo(torch.float32 if dtype in HALVES else dtype).eps


def rounded(spec: PiecewisePolynomial) -> PiecewisePolynomial:
    """The spec of the float64 numbers that cross into the op, as exact rationals again."""
    knots, coeffs, period = spec.numbers
    width = spec.degree + 1
    pieces = tuple(coeffs[i : i + width] for i in range(0, len(coeffs), width))
    return PiecewisePolynomial(knots, pieces, period or None)


def exact(spec: PiecewisePolynomial, x: Tensor) -> Tensor:
    """f(x) in float64 by exact rational arithmetic, rounded once."""
    f = rounded(spec)
    values = [float(f(v)) for v in x.double().flatten().tolist()]
    return torch.tensor(values, dtype=torch.float64).view(x.shape)


def jumps(spec: PiecewisePolynomial) -> bool:
    """Whether f is discontinuous."""
    ends = [(t, p[-1]) for t, p in zip(spec.knots, spec.pieces[1:], strict=True)]
    if spec.period is not None:
        ends[0] = (spec.knots[0] + spec.period, ends[0][1])
    return any(abs(float(spec(t)) - float(right)) > 1e-12 for t, right in ends)


def _piece(spec: PiecewisePolynomial, x: Tensor, dtype: torch.dtype) -> Tensor:
    """The index of the piece at x, with the knots as they are in `dtype`."""
    knots = torch.tensor(spec.numbers[0], dtype=torch.float64).to(dtype)
    return torch.bucketize(x.to(dtype), knots)


def settled(spec: PiecewisePolynomial, x: Tensor) -> Tensor:
    """Whether the rounding of knots (and of the reduction by a period) cannot change the piece."""
    compute = torch.float32 if x.dtype in HALVES else x.dtype
    if spec.period is None:
        return _piece(spec, x, compute) == _piece(spec, x.double(), torch.float64)
    if not jumps(spec):
        return torch.ones_like(x, dtype=torch.bool)
    knots, _, period = spec.numbers
    distance = torch.full_like(x, torch.inf, dtype=torch.float64)
    for t in knots:
        turns = torch.round((x.double() - t) / period)
        distance = torch.minimum(distance, (x.double() - t - turns * period).abs())
    return distance > 4 * compute_eps(x.dtype) * (x.double().abs() + period)


def magnitude(spec: PiecewisePolynomial, x: Tensor) -> Tensor:
    """Σ|c||u|^k of the piece at x, and what a knot or a reduction that is rounded can move."""
    knots, coeffs, period = spec.numbers
    width = spec.degree + 1
    table = torch.tensor(coeffs, dtype=torch.float64).view(-1, width).abs()
    powers = torch.arange(width - 1, -1, -1, dtype=torch.float64)
    x = x.double().cpu()
    if period:
        u = torch.full_like(x, period)
        c = table[1:].amax(0).expand(*x.shape, width)
        shift = x.abs() + period
    else:
        i = torch.bucketize(x, torch.tensor(knots, dtype=torch.float64))
        base = torch.tensor((knots[0], *knots), dtype=torch.float64)
        lost = (base - base.float().double()).abs() / torch.finfo(torch.float32).eps
        u, c, shift = (x - base[i]).abs(), table[i], lost[i]
    value = (c * u[..., None] ** powers).sum(-1)
    slope = (c * powers * u[..., None] ** (powers - 1).clamp(min=0)).sum(-1)
    return value + slope * shift


def sample(spec: PiecewisePolynomial, dtype: torch.dtype, n: int, seed: int = 0) -> Tensor:
    """n points of `dtype` for a spec: on and about its support, at and about its knots, far off."""
    gen = torch.Generator().manual_seed(seed)

    def draw(lo: float, hi: float) -> Tensor:
        return lo + (hi - lo) * torch.rand(n, generator=gen, dtype=torch.float64)

    knots, _, period = spec.numbers
    lo, hi = knots[0], knots[0] + period if period else knots[-1]
    span = max(hi - lo, 1.0)
    t = torch.tensor(knots, dtype=torch.float64)[torch.randint(len(knots), (n,), generator=gen)]
    sign = torch.where(draw(-1, 1) > 0, 1.0, -1.0)
    kinds = torch.stack(
        [
            draw(lo - span / 4, hi + span / 4),
            draw(lo - span / 4, hi + span / 4),
            10 * torch.randn(n, generator=gen, dtype=torch.float64),
            t + sign * span * 10 ** draw(-8, -1),
            torch.round(8 * draw(lo - 1, hi + 1)) / 8,
            sign * 10 ** draw(-3, 3 if period else 4),
        ]
    )
    x = kinds[torch.randint(len(kinds), (n,), generator=gen), torch.arange(n)]
    largest = torch.finfo(dtype).max
    return x.clamp(-largest, largest).to(dtype)


@dataclass(frozen=True)
class Case:
    """Points, cotangents and what f gives there: float64 values, allowed error as a share."""

    x: Tensor
    g: Tensor
    f: Tensor
    magnitude: Tensor
    share: float  # allowed error of f(x), in units of magnitude
    share_g: float  # allowed error of g·f(x), in units of |g|·magnitude
    misrounded: float  # share of PyTorch's half-type results that are not the nearest value

    def expected(self, with_g: bool) -> tuple[Tensor, Tensor]:
        """g·f(x) in float64 and its tolerance."""
        step = _step(self.x.dtype)
        if not with_g:
            return self.f, self.share * self.magnitude + step * (self.magnitude > 0)
        g = self.g.double()
        scale = self.magnitude * g.abs()
        return self.f * g, self.share_g * scale + step * (scale > 0)


def _step(dtype: torch.dtype) -> float:
    """The smallest subnormal number: what underflow may cost."""
    return torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps


def _relative(y: Tensor, expected: Tensor, scale: Tensor) -> Tensor:
    error = ((y.double() - expected).abs() - _step(y.dtype)).clamp(min=0)
    return torch.where(error == 0, 0.0, error / scale)


def truth(spec: PiecewisePolynomial, x: Tensor) -> Tensor:
    """f(x): float64 by the reference, or by exact arithmetic where x is float64 itself."""
    if x.dtype == torch.float64:
        return exact(spec, x)
    return reference.ppoly(x.double(), None, *spec.numbers)


@cache
def case(name: str, dtype: torch.dtype) -> Case:
    """The fixed sample of a spec in a dtype, calibrated."""
    spec = SPECS[name]
    x = sample(spec, dtype, (2 if dtype == torch.float64 else 3) * POOL)  # exact is slow
    g = torch.randn(len(x), generator=torch.Generator().manual_seed(1)).to(dtype)
    f = truth(spec, x)
    largest = torch.finfo(dtype).max / 8
    keep = settled(spec, x) & (f.abs() < largest) & ((f * g.double()).abs() < largest)
    x, g, f = x[keep], g[keep], f[keep]
    scale = magnitude(spec, x)
    numbers = spec.numbers
    own = reference.ppoly(x, None, *numbers)
    own_g = reference.ppoly(x, g, *numbers)
    gf = f * g.double()
    return Case(
        x[:POOL],
        g[:POOL],
        f[:POOL],
        scale[:POOL],
        2 * float(_relative(own, f, scale).max()),
        2 * float(_relative(own_g, gf, scale * g.double().abs()).max()),
        float((own_g != gf.to(dtype)).double().mean()),
    )


def assert_within(y: Tensor, expected: Tensor, tolerance: Tensor, x: Tensor, what: str) -> None:
    """Fail, with the worst point, unless |y − expected| ≤ tolerance everywhere."""
    error = (y.double().cpu() - expected).abs()
    bad = ~(error <= tolerance)
    if bool(bad.any()):
        worst = int(torch.where(bad, (error - tolerance).nan_to_num(torch.inf), -1.0).argmax())
        raise AssertionError(
            f"{what}: {int(bad.sum())} of {bad.numel()} values off; "
            f"at x={float(x.flatten()[worst])!r} got {float(y.flatten()[worst])!r}, "
            f"expected {float(expected.flatten()[worst])!r} "
            f"within {float(tolerance.flatten()[worst]):.3g}"
        )
