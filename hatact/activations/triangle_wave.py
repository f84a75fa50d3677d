"""triangle(x) = π/(2√2)·Δ(x), Δ(x) = (x − π⌊x/π + ½⌋)·(−1)^⌊x/π + ½⌋: period 2π.

The piecewise-linear counterpart of √2·sin x. Meronen, Trapp, Solin, Periodic activation
functions induce stationarity (arXiv 2110.13572).
"""

from math import pi, sqrt

from hatact.spec import PiecewisePolynomial

_SLOPE = pi / (2 * sqrt(2))

TRIANGLE_WAVE = PiecewisePolynomial(
    knots=(-pi / 2, pi / 2),
    pieces=((0,), (_SLOPE, -_SLOPE * pi / 2), (-_SLOPE, _SLOPE * pi / 2)),
    period=2 * pi,
)

SPECS = {"triangle_wave": TRIANGLE_WAVE}
