"""f, f′ and the slope code at single numbers, by exact fractions: shares no code with hatact.

What a kernel is given, float64 numbers, it first rounds to the dtype that computes; so does this.
From there on nothing is rounded here, and each result comes with the error that a kernel may make:
that of x − t rounded once, Horner's rule of two roundings a step, and a product with g.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

HALVES = (torch.float16, torch.bfloat16)
_NUMPY = {torch.float32: np.float32, torch.float64: np.float64}


def computing(dtype: torch.dtype) -> torch.dtype:
    """The dtype that computes for one that is stored."""
    return torch.float32 if dtype in HALVES else dtype


def _rounded(values: Sequence[float], compute: torch.dtype) -> list[float]:
    return [float(_NUMPY[compute](v)) for v in values]


def as_float(v: Fraction) -> float:
    """The nearest float64, ±inf beyond its range."""
    try:
        return float(v)
    except OverflowError:
        return math.inf if v > 0 else -math.inf


@dataclass(frozen=True)
class Option:
    """A result that may be right at a point: f and f′, the errors allowed, and the piece.

    traced_bound: of an f′ that torch makes of f's formula, whose products underflow on their own.
    """

    f: float
    f_bound: float
    d: float
    d_bound: float
    traced_bound: float
    piece: int


class Exact:
    """A piecewise polynomial given as an op is: knots, coefficients row by row, period or 0.

    `derivative` has the coefficients of f′ on the same knots, as many columns as f has.
    """

    def __init__(
        self,
        knots: Sequence[float],
        coeffs: Sequence[float],
        derivative: Sequence[float],
        period: float,
        compute: torch.dtype,
    ) -> None:
        width = len(coeffs) // (len(knots) + 1)
        self.info = torch.finfo(compute)
        self.knots = _rounded(knots, compute)
        self.period = Fraction(_rounded([period], compute)[0])
        self._given = _rows(coeffs, width), _rows(derivative, width)
        self._rows = tuple(_rows(_rounded(c, compute), width) for c in (coeffs, derivative))
        self._ends = [*map(Fraction, self.knots), Fraction(self.knots[0]) + self.period]

    def at(self, x: float) -> list[Option]:
        """Every result that is right at x: one, but next to a knot when x was reduced to get there.

        Where x is so large that its place in the period is lost, an option of infinite bounds.
        """
        last = len(self.knots)
        if math.isnan(x) or (math.isinf(x) and self.period):
            piece = last + 1 if self.period else last
            return [Option(math.nan, 0.0, math.nan, 0.0, math.inf, piece)]
        if math.isinf(x):
            piece = 0 if x < 0 else last
            f, d = (self._limit(given, rows, piece, x > 0) for given, rows in self._both())
            return [Option(f, 0.0, d, 0.0, 0.0, piece)]
        if not self.period:
            piece = bisect_left(self.knots, x)
            return [self._option(Fraction(x), piece, 0.0)]
        return self._periodic(Fraction(x))

    def _both(self):
        return zip(self._given, self._rows, strict=True)

    def _limit(self, given, rows, piece: int, above: bool) -> float:
        """lim f there, of the numbers as given: one too small for the dtype still leads."""
        row = given[piece]
        lead = next((k for k, c in enumerate(row) if c), len(row) - 1)
        power = len(row) - 1 - lead
        if power == 0:
            return rows[piece][-1]
        return math.inf if (row[lead] > 0) == (above or power % 2 == 0) else -math.inf

    def _option(self, z: Fraction, piece: int, moved: float) -> Option:
        """The polynomial of a piece at z, which a reduction may have moved."""
        base = self.knots[max(piece - 1, 0)]
        u = z - Fraction(base)
        (f, f_bound), (d, d_bound) = (
            self._polynomial(given[piece], rows[piece], u, moved) for given, rows in self._both()
        )
        traced, width = d_bound, len(self._rows[0][piece])
        if width > 2:  # its chain of products is g·u·u·…, and a coefficient only then
            powers = _power(abs(as_float(u)) + 1.0, width - 1)
            least = self.info.smallest_normal * self.info.eps
            size = 1.0 + max(map(abs, self._rows[0][piece]))
            traced += least * width**2 * powers * size if powers < self.info.max / 8 else math.inf
        return Option(f, f_bound, d, d_bound, math.inf if f_bound == math.inf else traced, piece)

    def _polynomial(
        self, given: Sequence[float], row: Sequence[float], u: Fraction, moved: float
    ) -> tuple[float, float]:
        total = Fraction(0)
        for c in row:
            total = total * u + Fraction(c)
        size, unit = abs(as_float(u)) + moved, self.info.eps / 2
        scale = slope = powers = 0.0
        for c in row:
            slope = slope * size + scale
            scale = scale * size + abs(c)
            powers = powers * size + 1.0
        degree = len(row) - 1 - next((k for k, c in enumerate(row) if c), len(row) - 1)
        beyond = any(given[:-1]) and max(scale, size) > self.info.max * (1 - 2.0**-10)
        if beyond:  # of the dtype's range: no promise but a number
            return as_float(total), math.inf
        if degree == 0:
            return as_float(total), slope * moved
        least = self.info.smallest_normal * self.info.eps
        bound = (3 * degree + 4) * unit * scale + slope * moved + least * powers
        return as_float(total), bound

    def _periodic(self, x: Fraction) -> list[Option]:
        period, ends = self.period, self._ends
        turns = math.ceil((x - ends[0]) / period) - 1
        z = x - turns * period
        moved = 4 * self.info.eps * as_float(abs(x) + abs(ends[0]) + period)
        # The rule at knots is promised in the base period, whose end is a rounded sum.
        if turns == 0 and as_float(ends[-1] - x) > moved:
            return [self._option(z, bisect_left(ends, z), 0.0)]
        if moved > as_float(period) / 8 or abs(x - ends[0]) + period > self.info.max:
            return [Option(0.0, math.inf, 0.0, math.inf, math.inf, -1)]
        reach, found = Fraction(moved), []
        for shifted in (z - period, z, z + period):
            near = (
                piece
                for piece in range(1, len(ends))
                if ends[piece - 1] - reach <= shifted <= ends[piece] + reach
            )
            found += [self._option(shifted, piece, moved) for piece in near]
        return found


def _power(size: float, n: int) -> float:
    try:
        return size**n
    except OverflowError:
        return math.inf


def _rows(values: Sequence[float], width: int) -> list[list[float]]:
    return [list(values[i : i + width]) for i in range(0, len(values), width)]


def within(y: Tensor, wanted: Tensor, bound: Tensor, factor: Tensor | float = 1.0) -> Tensor:
    """Whether y, (n,), is one of its options, (n, options), of value factor·wanted.

    An infinite bound asks for any number but NaN; a bound of 0 for the nearest in y's dtype.
    """
    info = torch.finfo(y.dtype)
    unit = torch.finfo(computing(y.dtype)).eps
    factor = torch.as_tensor(factor, dtype=torch.float64).reshape(-1, 1)
    scaled = wanted * factor
    error = bound * factor.abs() + (unit * scaled.abs() if bool((factor != 1).any()) else 0.0)
    y = y.double()[:, None]
    step = info.smallest_normal * info.eps
    least = torch.where((scaled == 0) & (error == 0), 0.0, step)
    room = error + info.eps * 0.5000001 * (scaled.abs() + error) + least
    if info.dtype == "float64":
        room = room + info.eps * scaled.abs()  # `wanted` itself was rounded
    near = (y - scaled).abs() <= room
    over = (scaled.abs() + error >= info.max * (1 - info.eps)) & y.isinf()
    over &= (y > 0) == (scaled > 0)
    same = (y == scaled) | (y.isnan() & scaled.isnan())
    free = bound.isinf() & ~y.isnan()
    return (near | over | same | free).any(1)
