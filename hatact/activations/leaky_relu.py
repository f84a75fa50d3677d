"""leaky_relu(x) = x for x > 0, x/100 otherwise (PyTorch's default slope)."""

from fractions import Fraction

from hatact.spec import Number, PiecewisePolynomial


def leaky_relu(negative_slope: Number = Fraction(1, 100)) -> PiecewisePolynomial:
    """x for x > 0, negative_slope·x otherwise."""
    return PiecewisePolynomial((0,), ((negative_slope, 0), (1, 0)))


SPECS = {"leaky_relu": leaky_relu()}
