"""Periodic specs over some periods as specs without one, and the jumps of any. Pure Python."""

from __future__ import annotations

from fractions import Fraction

from hatact import _polynomial as poly
from hatact.spec import PiecewisePolynomial

ROUNDED = Fraction(1, 2**44)
"""A jump below that, in units of the terms beside it, is rounding: coefficients may be floats."""


def unrolled(f: PiecewisePolynomial, turns: int) -> PiecewisePolynomial:
    """A periodic f over so many periods to either side of 0, beyond which its last pieces go on.

    f itself if it is not periodic.
    """
    if f.period is None:
        return f
    period, first = Fraction(f.period), Fraction(f.knots[0])
    away = first // period
    copies = range(-turns - away, turns - away + 1)
    knots = [Fraction(t) + m * period for m in copies for t in f.knots]
    before = poly.shift(f.pieces[-1], first - (Fraction(f.knots[-1]) - period))
    return PiecewisePolynomial(tuple(knots), (tuple(before), *(f.pieces[1:] * len(copies))))


def jumps(f: PiecewisePolynomial) -> bool:
    """Whether f is discontinuous, beyond what rounding of float coefficients leaves."""
    f = unrolled(f, 1)
    starts = [f.knots[0], *f.knots]
    for i, t in enumerate(f.knots):
        width, piece = Fraction(t) - Fraction(starts[i]), f.pieces[i]
        before, after = poly.value(piece, width), Fraction(f.pieces[i + 1][-1])
        terms = poly.value([abs(Fraction(c)) for c in piece], abs(width)) + abs(after)
        if abs(after - before) > ROUNDED * terms:
            return True
    return False
