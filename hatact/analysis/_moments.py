"""E[f(u)·f(v)] and E[f′(u)·f′(v)] of normal u, v: by the kind of f, and as a table of the angle."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from scipy.fft import dct

from hatact.analysis._kinks import Kinks
from hatact.analysis._panels import Panels
from hatact.analysis._unrolled import unrolled
from hatact.spec import PiecewisePolynomial

Array = Any
MOST_KNOTS = 64
PERIODS = 9.0
"""Standard deviations over which a periodic f is unrolled: 2e-19 lies beyond."""
EXACT, LEFT = 1e-11, 1e-8
"""Shares of E[f²] that rounding may take of the closed form, and of the quadrature."""
LEAST, MOST = 32, 4096
"""Degrees of a table."""
SMALL, PLATEAU = 1e-15, 1e-10
"""Terms of a table that are noise, in units of the largest; where they stop falling they may be."""


class Moments:
    """The moments of one f, of any degree, periodic or not."""

    def __init__(self, f: PiecewisePolynomial) -> None:
        self._f = f
        self._unrolled: dict[int, PiecewisePolynomial] = {}
        self._kinks: dict[int, Kinks] = {}
        self._panels: dict[int, Panels] = {}
        self._chosen: dict[float, Kinks | Panels] = {}

    def __call__(self, s1: Array, s2: Array, angle: Array) -> tuple[Array, Array]:
        """Of u ~ N(0, s1²), v ~ N(0, s2²) with correlation cos(angle); the arrays broadcast.

        Raises:
            ValueError: for a periodic f that has more than MOST_KNOTS knots where u and v are; for
                an f so narrow beside u and v that rounding may take more than LEFT of E[f²].
        """
        largest = max(float(np.max(s1)), float(np.max(s2)))
        if largest not in self._chosen:
            self._chosen[largest] = self._choose(largest)
        return self._chosen[largest].moments(s1, s2, angle)

    def radial(self, s: Array) -> Array:
        """E[(u·f′(u))²], u ~ N(0, s²); of a periodic f as it is unrolled."""
        largest = float(np.max(s))
        f = self._over(largest)
        rising = f.derivative()
        bases = [f.knots[0], *f.knots]
        pieces: list[tuple[Fraction, ...]] = []
        for piece, base in zip(rising.pieces, bases, strict=True):
            risen = [*(Fraction(c) for c in piece), Fraction(0)]
            by_base = [Fraction(0), *(Fraction(c) * Fraction(base) for c in piece)]
            pieces.append(tuple(a + b for a, b in zip(risen, by_base, strict=True)))
        product = Panels(PiecewisePolynomial(f.knots, tuple(pieces)))
        values: Array = product.moments(s, s, 0.0)[0]
        return values

    def _over(self, s: float) -> PiecewisePolynomial:
        """f, or of a periodic f what of it is within PERIODS·s of 0, and more."""
        if self._f.period is None:
            return self._f
        turns = int(np.ceil(PERIODS * s / float(self._f.period))) + 1
        if turns not in self._unrolled:
            if len(self._f.knots) * (2 * turns - 1) > 2 * MOST_KNOTS:
                raise _many(len(self._f.knots) * (2 * turns - 1))
            self._unrolled[turns] = unrolled(self._f, turns)
        f = self._unrolled[turns]
        if (near := sum(bool(abs(float(t)) <= PERIODS * s) for t in f.knots)) > MOST_KNOTS:
            raise _many(near)
        return f

    def _choose(self, s: float) -> Kinks | Panels:
        """The closed form, unless its terms cancel beyond 11 digits at a deviation of s."""
        f = self._over(s)
        key = len(f.knots)
        panels = self._panels.setdefault(key, Panels(f))
        value = float(panels.moments(s, s, 0.0)[0])
        if f.degree <= 1:
            kinks = self._kinks.setdefault(key, Kinks.of(f))
            if kinks.rounding(s) <= EXACT * value:
                return kinks
        if panels.rounding(s) > LEFT * math.sqrt(max(value, 0)):
            raise ValueError(
                "an activation must not be so narrow beside its pre-activations that rounding "
                f"takes more than {LEFT:g} of E[f²]; got E[f²] = {value:.2g} at a standard "
                f"deviation of {s:.3g}: take a smaller scale or smaller points"
            )
        return panels

    def table(self, s: float) -> Callable[[Array, Array, Array], tuple[Array, Array]]:
        """The moments where all of s1 and s2 are s, from Chebyshev series in the angle.

        The moments themselves if the series do not end within MOST terms.
        """
        degree = LEAST
        while degree <= MOST:
            x = chebyshev.chebpts1(degree)
            both = [dct(of[::-1], type=2) / degree for of in self(s, s, (x + 1) * (np.pi / 2))]
            for series in both:
                series[0] /= 2
            ends = [_end(series) for series in both]
            if all(ends):
                values, slopes = (c[:end] for c, end in zip(both, ends, strict=True))
                return lambda s1, s2, angle: (_sum(angle, values), _sum(angle, slopes))
            degree *= 2
        return self


def _many(knots: int) -> ValueError:
    return ValueError(
        f"a periodic activation must have at most {MOST_KNOTS} knots within {PERIODS:g} standard "
        f"deviations of a pre-activation; got {knots}: take a smaller scale"
    )


def _end(series: Array) -> int:
    """The number of terms that are more than noise, at least 1; 0 if the series is not at its end.

    Noise: the last quarter of the terms is SMALL, or small and no smaller than the quarter before.
    """
    quarter, size = len(series) // 4, np.abs(series)
    before, last = (float(np.median(q)) for q in (size[-2 * quarter : -quarter], size[-quarter:]))
    flat = last <= PLATEAU * size.max() and before <= 2 * last
    if last > SMALL * size.max() and not flat:
        return 0
    above = np.flatnonzero(size > 4 * max(last, SMALL * size.max()))
    return int(above[-1]) + 1 if len(above) else 1


def _sum(angle: Array, series: Array) -> Array:
    return chebyshev.chebval(angle * (2 / np.pi) - 1, series)
