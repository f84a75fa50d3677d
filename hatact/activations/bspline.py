"""N_d(x) = (1/d!)·Σ_{k=0}^{d+1} (−1)^k·C(d+1, k)·(x − k)₊^d: cardinal B-splines on [0, d + 1].

Degree 0 is the box on (0, 1], degree 1 is Hat. Schoenberg (1946); de Boor, A Practical Guide
to Splines, chapter IX.
"""

from fractions import Fraction
from math import comb, factorial

from hatact.spec import PiecewisePolynomial

MAX_DEGREE = 5


def bspline(degree: int = 3) -> PiecewisePolynomial:
    """The cardinal B-spline of a degree from 0 to 5, with knots 0, 1, …, degree + 1.

    Raises:
        ValueError: for any other degree.
    """
    if isinstance(degree, bool) or not isinstance(degree, int) or not 0 <= degree <= MAX_DEGREE:
        raise ValueError(
            f"a B-spline's degree must be an integer from 0 to {MAX_DEGREE}; got {degree!r}: write "
            "bspline(3), or for another PiecewisePolynomial.from_truncated_powers"
        )
    knots = range(degree + 2)
    weights = (Fraction((-1) ** k * comb(degree + 1, k), factorial(degree)) for k in knots)
    return PiecewisePolynomial.from_truncated_powers(knots, weights, degree)


SPECS = {f"bspline{degree}": bspline(degree) for degree in range(MAX_DEGREE + 1)}
