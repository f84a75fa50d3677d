"""Exact arithmetic on one polynomial: coefficients, highest power first, as rationals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

Number = int | Fraction | float
_BISECTIONS = 200  # halvings until a float64 bracket cannot shrink further


def tidy(x: Number) -> Number:
    """The same number, as an int where it is one."""
    if isinstance(x, Fraction) and x.denominator == 1:
        return int(x)
    return x


def is_inf(x: Number) -> bool:
    """Whether x is ±inf (a Fraction beyond float64's range is not)."""
    return isinstance(x, float) and math.isinf(x)


def is_nan(x: Number) -> bool:
    """Whether x is NaN."""
    return isinstance(x, float) and math.isnan(x)


def written(x: Number) -> str:
    """x exactly, in hexadecimal digits: of decimal ones Python writes no more than 4,300."""
    if isinstance(x, float):
        return x.hex()
    return f"{x:x}" if isinstance(x, int) else f"{x.numerator:x}/{x.denominator:x}"


def read(text: str) -> Number:
    """The number that :func:`written` wrote."""
    if "p" in text:
        return float.fromhex(text)
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator, 16), int(denominator, 16)) if denominator else int(text, 16)


def trim(p: Sequence[Number]) -> tuple[Number, ...]:
    """p without leading zeros; (0,) for the zero polynomial."""
    lead = next((k for k, c in enumerate(p) if c), len(p) - 1)
    return tuple(p[lead:])


def value(p: Sequence[Number], u: Fraction) -> Fraction:
    """p(u) by Horner's rule."""
    total = Fraction(0)
    for c in p:
        total = total * u + Fraction(c)
    return total


def limit(p: Sequence[Number], *, positive: bool) -> Number:
    """lim p(u) as u → +inf (or −inf)."""
    p = trim(p)
    if len(p) == 1:
        return p[0]
    sign = 1 if p[0] > 0 else -1
    if not positive and (len(p) - 1) % 2:
        sign = -sign
    return sign * math.inf


def derivative(p: Sequence[Number]) -> list[Number]:
    """p′, of length max(len(p) − 1, 1)."""
    d = len(p) - 1
    return [tidy(Fraction(c) * (d - k)) for k, c in enumerate(p[:-1])] or [0]


def antiderivative(p: Sequence[Number], start: Number) -> list[Number]:
    """∫_0^u p + start."""
    d = len(p)
    return [*(tidy(Fraction(c) / (d - k)) for k, c in enumerate(p)), tidy(start)]


def stretch(p: Sequence[Number], factor: Fraction) -> list[Number]:
    """p(factor·u)."""
    d = len(p) - 1
    return [tidy(Fraction(c) * factor ** (d - k)) for k, c in enumerate(p)]


def shift(p: Sequence[Number], by: Fraction) -> list[Fraction]:
    """p(u + by), by repeated synthetic division (Taylor's expansion)."""
    c = [Fraction(v) for v in p]
    for end in range(len(c), 1, -1):
        for k in range(1, end):
            c[k] += by * c[k - 1]
    return c


def variation(p: Sequence[Number], width: Fraction) -> Fraction:
    """∫_0^width |p′|: exact where the roots of p′ are rational (degree ≤ 2)."""
    values = [value(p, u) for u in _same_sign_between(derivative(p), width)]
    return sum((abs(b - a) for a, b in pairwise(values)), Fraction(0))


def _same_sign_between(p: Sequence[Number], width: Fraction) -> list[Fraction]:
    """0, …, width such that p does not change sign between neighbours.

    Between neighbours of the list for p′, p is monotone, so one bisection finds its root.
    """
    p = trim(p)
    if len(p) == 1:
        return [Fraction(0), width]
    if len(p) == 2:
        root = -Fraction(p[1]) / Fraction(p[0])
        return [Fraction(0), root, width] if 0 < root < width else [Fraction(0), width]
    stops = _same_sign_between(derivative(p), width)
    roots = [_bisect(p, a, b) for a, b in pairwise(stops) if value(p, a) * value(p, b) < 0]
    return sorted({*stops, *roots})


def _bisect(p: Sequence[Number], a: Fraction, b: Fraction) -> Fraction:
    negative = value(p, a) < 0
    for _ in range(_BISECTIONS):
        middle = Fraction(float((a + b) / 2))
        if middle in (a, b):
            break
        if (value(p, middle) < 0) == negative:
            a = middle
        else:
            b = middle
    return a
