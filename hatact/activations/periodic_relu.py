"""periodic_relu(x) = π/4·(Δ(x) + Δ(x + π/2)), Δ the triangle wave of period 2π.

The piecewise-linear counterpart of sin x + cos x: a ramp, a flat top, a ramp, a flat bottom.
Meronen, Trapp, Solin, Periodic activation functions induce stationarity (arXiv 2110.13572).
"""

from math import pi

from hatact.spec import PiecewisePolynomial

_TOP = pi * pi / 8

PERIODIC_RELU = PiecewisePolynomial(
    knots=(-pi / 2, 0, pi / 2, pi),
    pieces=((0,), (pi / 2, -_TOP), (_TOP,), (-pi / 2, _TOP), (-_TOP,)),
    period=2 * pi,
)

SPECS = {"periodic_relu": PERIODIC_RELU}
