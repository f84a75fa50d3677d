"""Each activation against its textbook formula, and the facts that the papers state of it."""

import importlib
import math
from fractions import Fraction
from itertools import pairwise
from operator import mul

import pytest
import torch
import torch.nn.functional as F

from hatact import BW_RELU, HAT, RELU, PiecewisePolynomial, activations, bspline, functional
from tests.support.specs import ACTIVATIONS

X = torch.cat([torch.linspace(-9, 9, 4001), torch.tensor([0.0, 0.5, 1, 1.5, 2, 2.5, 3])]).double()


def _delta(x):
    """Meronen's Δ(x) = (x − π⌊x/π + ½⌋)(−1)^⌊x/π + ½⌋."""
    k = torch.floor(x / math.pi + 0.5)
    return (x - math.pi * k) * (-1.0) ** k


def _bspline(degree):
    """Cox–de Boor on the integers."""

    def f(x):
        if degree == 0:
            return ((x > 0) & (x <= 1)).to(x)
        lower = _bspline(degree - 1)
        return (x * lower(x) + (degree + 1 - x) * lower(x - 1)) / degree

    return f


FORMULAS = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "hardtanh": F.hardtanh,
    "hat": lambda x: F.relu(x) - 2 * F.relu(x - 1) + F.relu(x - 2),
    "srelu": lambda x: F.relu(x) * F.relu(1 - x),
    "bw_relu": lambda x: sum(
        w / 6 * F.relu(x - k / 2) for k, w in enumerate((1, -8, 23, -32, 23, -8, 1))
    ),
    "triangle_wave": lambda x: math.pi / (2 * math.sqrt(2)) * _delta(x),
    "periodic_relu": lambda x: math.pi / 4 * (_delta(x) + _delta(x + math.pi / 2)),
    **{f"bspline{d}": _bspline(d) for d in range(6)},
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(place, name):
    x = X.to(place.device)
    y = functional.piecewise(x, ACTIVATIONS[name])
    assert (y - FORMULAS[name](x)).abs().max() <= 1e-14 * max(1, float(y.abs().max()))


def test_named_functions(place):
    x = X.to(place.device)
    assert torch.equal(functional.hat(x), functional.piecewise(x, HAT))
    assert torch.equal(functional.bw_relu(x), functional.piecewise(x, BW_RELU))
    assert torch.equal(functional.bspline(x, 2), functional.piecewise(x, bspline(2)))
    for scale in (0.5, 3, Fraction(1, 3)):
        s = float(scale)
        for y, formula in (
            (functional.hat(x, scale), FORMULAS["hat"]),
            (functional.bw_relu(x, scale), FORMULAS["bw_relu"]),
            (functional.bspline(x, 3, scale), FORMULAS["bspline3"]),
        ):
            assert (y - formula(s * x)).abs().max() <= 1e-13


def test_bw_relu_facts():
    assert [_moment(BW_RELU, k) for k in range(3)] == [0, 0, Fraction(-1, 24)]
    assert BW_RELU.derivative().total_variation() == 16
    assert _inner(BW_RELU, BW_RELU) == Fraction(1, 4)
    assert _inner(BW_RELU, BW_RELU.scaled(1, shift=-1)) == Fraction(5, 108)
    assert _inner(BW_RELU, BW_RELU.scaled(1, shift=-2)) == Fraction(-1, 216)
    assert _inner(BW_RELU, BW_RELU.scaled(1, shift=-3)) == 0
    values = [BW_RELU(Fraction(k, 2)) for k in range(7)]
    assert values == [Fraction(v, 12) for v in (0, 1, -6, 10, -6, 1, 0)]
    slopes = [p[0] * 6 for p in BW_RELU.pieces[1:-1]]
    assert slopes == [1, -7, 16, -16, 7, -1]
    for shift in range(-3, 4):
        assert _inner(BW_RELU, HAT.scaled(1, shift=shift)) == 0, "orthogonal to every hat"


def _inner(f: PiecewisePolynomial, g: PiecewisePolynomial) -> Fraction:
    """∫fg for continuous f and g, by Boole's rule between all knots: exact up to degree 5."""
    ends = sorted({Fraction(t) for t in (*f.knots, *g.knots)})
    total = Fraction(0)
    for a, b in pairwise(ends):
        at = [a + (b - a) * k / 4 for k in range(5)]
        values = [Fraction(f(v)) * Fraction(g(v)) for v in at]
        total += (b - a) / 90 * sum(map(mul, (7, 32, 12, 32, 7), values))
    return total


def _moment(f: PiecewisePolynomial, k: int) -> Fraction:
    """∫x^k f(x) dx."""
    power = (1, *[0] * k)
    return _inner(f, PiecewisePolynomial((0,), (power, power)))


def test_hat_gram_constants():
    assert _inner(HAT, HAT) == Fraction(2, 3)
    assert _inner(HAT, HAT.scaled(1, shift=-1)) == Fraction(1, 6)
    assert _inner(HAT, HAT.scaled(1, shift=-2)) == 0
    assert HAT.integrate(0, 2) == 1
    assert HAT(1) == 1
    assert bspline(1) == HAT


@pytest.mark.parametrize("degree", range(6))
def test_bspline_facts(degree):
    f = bspline(degree)
    for x in (Fraction(v, 7) for v in range(1, 8)):
        assert sum(f(x + k) for k in range(-degree - 1, degree + 2)) == 1, "partition of unity"
        assert f(x) == f(degree + 1 - x) or degree == 0, "symmetric"
    assert f.integrate(-math.inf, math.inf) == 1
    assert f.support == (0, degree + 1)
    assert f.degree == degree
    if degree >= 2:
        one_less = bspline(degree - 1)
        for x in (Fraction(v, 4) for v in range(-2, 4 * degree + 8)):
            assert f.derivative()(x) == one_less(x) - one_less(x - 1)


@pytest.mark.parametrize("degree", [-1, 6, 2.0, True, "3"])
def test_bspline_degree_rule(degree):
    with pytest.raises(ValueError, match="degree must be an integer from 0 to 5; got"):
        bspline(degree)


def test_periodic_ones_imitate_sine_and_cosine():
    triangle, periodic = ACTIVATIONS["triangle_wave"], ACTIVATIONS["periodic_relu"]
    assert triangle(math.pi / 2) == pytest.approx(math.pi**2 / (4 * math.sqrt(2)), rel=1e-15)
    assert triangle(0) == pytest.approx(0, abs=1e-15)
    assert periodic(math.pi / 4) == pytest.approx(math.pi**2 / 8, rel=1e-15)
    for f in (triangle, periodic):
        assert f.period == 2 * math.pi
        for x in (-1.0, 0.3, 2.9):
            assert f(x + math.pi) == pytest.approx(-f(x), abs=1e-14), "half-wave antisymmetric"


def test_relu_derivative_at_zero_is_zero():
    assert RELU.derivative()(0) == 0
    assert functional.piecewise(torch.zeros(1), RELU.derivative()).item() == 0


def test_a_name_defined_twice_is_refused(monkeypatch):
    relu = importlib.import_module("hatact.activations.relu")
    monkeypatch.setattr(relu, "SPECS", {"hat": RELU})
    with pytest.raises(ValueError, match="'hat' is defined twice"):
        activations.registry()
