"""Random specs: the exact calculus against SciPy's, and the reference against both."""

import math
from fractions import Fraction

import pytest
import torch

from hatact import PiecewisePolynomial, reference

pytest.importorskip("scipy")
pytest.importorskip("hypothesis")
from hypothesis import given, settings
from hypothesis import strategies as st

settings.register_profile("hatact", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("hatact")

_coefficient = st.fractions(-8, 8, max_denominator=12) | st.floats(-8, 8).map(lambda v: v + 0.0)
_knots = st.lists(
    st.fractions(-6, 6, max_denominator=16) | st.integers(-6, 6) | st.floats(-6, 6),
    min_size=1,
    max_size=7,
    unique_by=lambda t: round(float(t), 3),
).map(sorted)


@st.composite
def specs(draw, periodic: bool = False) -> PiecewisePolynomial:
    knots = draw(_knots)
    piece = st.lists(_coefficient, min_size=1, max_size=5)
    pieces = draw(st.lists(piece, min_size=len(knots) + 1, max_size=len(knots) + 1))
    period = None
    if periodic:
        period = Fraction(knots[-1]) - Fraction(knots[0]) + draw(st.integers(1, 3))
    return PiecewisePolynomial(knots, pieces, period)


points = st.fractions(-9, 9, max_denominator=97)


def _scale(spec: PiecewisePolynomial, x: Fraction) -> float:
    """Σ|c||u|^k with room for SciPy's left tail, which starts a unit further left."""
    z = spec._reduce(Fraction(x))[0]
    piece, base = spec._at(z)
    u = abs(float(z - base)) + 2
    return 1 + sum(abs(float(c)) * u ** (len(piece) - 1 - k) for k, c in enumerate(piece))


@given(specs(), points)
def test_values_against_scipy(spec, x):
    if any(abs(float(x) - float(t)) < 1e-9 for t in spec.knots):
        return
    assert float(spec.to_scipy()(float(x))) == pytest.approx(
        float(spec(float(x))), abs=1e-14 * _scale(spec, x)
    )


@given(specs(periodic=True), points)
def test_periodic_values_against_scipy(spec, x):
    z = float(spec._reduce(Fraction(x))[0])
    ends = [*spec.knots, spec.knots[0] + spec.period]
    if any(abs(z - float(t)) < 1e-9 for t in ends):
        return
    assert float(spec.to_scipy()(float(x))) == pytest.approx(
        float(spec(float(x))), abs=1e-13 * _scale(spec, x)
    )


@given(specs(), points)
def test_derivative_against_scipy(spec, x):
    if any(abs(float(x) - float(t)) < 1e-9 for t in spec.knots):
        return
    expected = float(spec.to_scipy().derivative()(float(x)))
    derivative = spec.derivative()
    assert float(derivative(float(x))) == pytest.approx(
        expected, abs=1e-13 * _scale(derivative, x) * _scale(spec, x)
    )


@given(specs(), points, points)
def test_integral_against_scipy(spec, a, b):
    expected = float(spec.to_scipy().integrate(float(a), float(b)))
    primitive = spec.antiderivative()
    scale = sum(_scale(primitive, v) for v in (a, b, *spec.knots))
    assert float(spec.integrate(float(a), float(b))) == pytest.approx(expected, abs=1e-13 * scale)
    assert primitive(b) - primitive(a) == pytest.approx(spec.integrate(a, b), abs=0)


@given(specs(), st.fractions(Fraction(1, 9), 9), st.fractions(-3, 3), points)
def test_scaled_is_exact(spec, s, shift, x):
    assert spec.scaled(s, shift)(x) == spec(s * x + shift)
    assert spec.scaled(s, shift).scaled(1 / s, -shift / s) == spec


@given(specs(), points)
def test_total_variation_bounds_every_pair(spec, x):
    y = x + Fraction(1, 3)
    assert abs(float(spec(x) - spec(y))) <= float(spec.total_variation()) * (1 + 1e-12)


@given(specs(), st.floats(-1e6, 1e6) | st.sampled_from([math.inf, -math.inf, 0.0]))
def test_reference_against_exact(spec, x):
    """At every float, knots included: the same piece, and no more error than Horner's rule has."""
    y = float(reference.ppoly(torch.tensor(x, dtype=torch.float64), None, *spec.numbers))
    knots, coeffs, _ = spec.numbers
    width = spec.degree + 1
    rounded = PiecewisePolynomial(
        knots, [coeffs[i : i + width] for i in range(0, len(coeffs), width)]
    )
    exact = float(rounded(x))
    if math.isinf(x):
        assert y == exact
    else:
        assert y == pytest.approx(exact, abs=1e-14 * _scale(rounded, Fraction(x)))
