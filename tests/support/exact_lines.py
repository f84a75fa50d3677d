"""Changes of pieces on a segment in exact fractions, a line of every unit at a time: an oracle."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

from hatact import PiecewisePolynomial

Line = tuple[Fraction, Fraction]  # slope, value at t = 0
Matrix = list[list[Fraction]]


def matrix(weight) -> Matrix:
    return [[Fraction(w) for w in row] for row in weight.double().tolist()]


def knots_between(spec: PiecewisePolynomial, low: Fraction, high: Fraction) -> list[Fraction]:
    """Those strictly inside (low, high), of all periods."""
    if spec.period is None:
        return [Fraction(k) for k in spec.knots if low < k < high]
    period, first = Fraction(spec.period), Fraction(spec.knots[0])
    turns = range(math.floor((low - first) / period) - 1, math.ceil((high - first) / period) + 2)
    found = {Fraction(k) + turn * period for turn in turns for k in spec.knots}
    return sorted(k for k in found if low < k < high)


def through(spec: PiecewisePolynomial, line: Line, low: Fraction, high: Fraction) -> Line:
    """f of a line, on an interval inside which it meets no knot; exact at two points."""
    m, c = line
    if not m:
        return Fraction(0), Fraction(spec(c))
    a, b = (low + (high - low) * Fraction(k, 3) for k in (1, 2))
    fa, fb = (Fraction(spec(m * t + c)) for t in (a, b))
    slope = (fb - fa) / (b - a)
    return slope, fa - slope * a


def changes(layers, specs, a, b) -> list[Fraction]:
    """Every t at which a piece changes: `layers` of (weight, bias), a spec after each."""
    start = [Fraction(v) for v in a.double().tolist()]
    ends = [Fraction(v) for v in b.double().tolist()]
    lines = [(e - s, s) for s, e in zip(start, ends, strict=True)]
    parts = [(Fraction(0), Fraction(1), lines)]
    for (weight, bias), spec in zip(layers, specs, strict=True):
        w, d = matrix(weight), [Fraction(v) for v in bias.double().tolist()]
        finer = []
        for low, high, lines in parts:
            z = [
                (
                    sum((v * m for v, (m, _) in zip(row, lines, strict=True)), Fraction(0)),
                    sum((v * c for v, (_, c) in zip(row, lines, strict=True)), shift),
                )
                for row, shift in zip(w, d, strict=True)
            ]
            cuts = {low, high}
            for m, c in z:
                if m:
                    values = sorted((m * low + c, m * high + c))
                    cuts |= {(k - c) / m for k in knots_between(spec, *values)}
            for left, right in pairwise(sorted(cuts)):
                finer.append((left, right, [through(spec, line, left, right) for line in z]))
        parts = finer
    return [low for low, _, _ in parts[1:]]
