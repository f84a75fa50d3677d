"""E[f(u)·f(v)] and E[f′(u)·f′(v)] of normal u, v: by the kind of f, and as a table of the angle."""

from __future__ import annotations

from collections.abc import Callable
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
LEAST, MOST = 32, 4096
"""Degrees of a table."""
SMALL, PLATEAU = 1e-15, 1e-10
"""Terms of a table that are noise, in units of the largest; where they stop falling they may be."""


class Moments:
    """The moments of one f, of any degree, periodic or not."""

    def __init__(self, f: PiecewisePolynomial) -> None:
        self._f = f
        self._known: dict[int, Kinks | Panels] = {}

    def __call__(self, s1: Array, s2: Array, angle: Array) -> tuple[Array, Array]:
        """Of u ~ N(0, s1²), v ~ N(0, s2²) with correlation cos(angle); the arrays broadcast.

        Raises:
            ValueError: for a periodic f that has more than MOST_KNOTS knots where u and v are.
        """
        turns = 0
        if self._f.period is not None:
            reach = PERIODS * max(float(np.max(s1)), float(np.max(s2)))
            away = abs(float(self._f.knots[0])) + reach
            turns = int(np.ceil(away / float(self._f.period))) + 1
            if (knots := len(self._f.knots) * (2 * turns + 1)) > MOST_KNOTS:
                raise ValueError(
                    f"a periodic activation must have at most {MOST_KNOTS} knots within "
                    f"{PERIODS:g} standard deviations of a pre-activation; got {knots}: take a "
                    "smaller scale"
                )
        if turns not in self._known:
            f = unrolled(self._f, turns)
            self._known[turns] = Kinks.of(f) if f.degree <= 1 else Panels(f)
        return self._known[turns].moments(s1, s2, angle)

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
