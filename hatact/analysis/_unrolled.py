"""Periodic specs over some periods as specs without one, and the jumps of any. Pure Python."""

from __future__ import annotations

from fractions import Fraction

from hatact import _polynomial as poly
from hatact.spec import PiecewisePolynomial

ROUNDED = Fraction(1, 2**44)
"""A jump below that, in units of the values beside it, is rounding: coefficients may be floats."""


def unrolled(f: PiecewisePolynomial, turns: int) -> PiecewisePolynomial:
    """A periodic f over so many periods to either side, beyond which its last pieces go on.

    f itself if it is not periodic.
    """
    if f.period is None:
        return f
    period = Fraction(f.period)
    first, last = Fraction(f.knots[0]), Fraction(f.knots[-1])
    copies = range(-turns, turns + 1)
    knots = [Fraction(t) + m * period for m in copies for t in f.knots]
    before = poly.shift(f.pieces[-1], first - (last - period))
    return PiecewisePolynomial(tuple(knots), (tuple(before), *(f.pieces[1:] * len(copies))))


def jumps(f: PiecewisePolynomial) -> bool:
    """Whether f is discontinuous."""
    f = unrolled(f, 1)
    starts = [f.knots[0], *f.knots]
    for i, t in enumerate(f.knots):
        before = poly.value(f.pieces[i], Fraction(t) - Fraction(starts[i]))
        after = Fraction(f.pieces[i + 1][-1])
        if abs(after - before) > ROUNDED * max(abs(before), abs(after)):
            return True
    return False
