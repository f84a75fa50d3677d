"""The exact calculus of PiecewisePolynomial: integrals, scales, variation, truncated powers."""

import math
from fractions import Fraction

import numpy as np
import pytest

from hatact import BW_RELU, HAT, RELU, PiecewisePolynomial, bspline
from tests.support.specs import SPECS

pytest.importorskip("scipy")

F = Fraction
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


@every_spec
def test_derivative_undoes_antiderivative(spec):
    if spec.period is not None:
        with pytest.raises(ValueError, match=r"not periodic.*got period"):
            spec.antiderivative()
        return
    primitive = spec.antiderivative()
    assert primitive(spec.knots[0]) == 0
    derivative = primitive.derivative()
    for x in (v / 8 for v in range(-40, 41)):
        assert derivative(x) == spec(x)
    for t, piece in zip(spec.knots, primitive.pieces[1:], strict=True):
        assert primitive(t) == piece[-1], "continuous"


@every_spec
def test_integrate_is_additive_and_agrees_with_scipy(spec):
    if max(abs(float(t)) for t in spec.knots) > 1e6:
        return
    a, b, c = F(-3, 2), F(7, 8), F(13, 4)
    assert spec.integrate(a, b) + spec.integrate(b, c) == spec.integrate(a, c)
    assert spec.integrate(b, a) == -spec.integrate(a, b)
    assert spec.integrate(a, a) == 0
    scipy = float(spec.to_scipy().integrate(float(a), float(c)))
    assert float(spec.integrate(a, c)) == pytest.approx(scipy, rel=1e-12, abs=1e-12)


def test_integrals_to_infinity():
    assert HAT.integrate(-math.inf, math.inf) == 1
    assert RELU.integrate(-math.inf, 2) == 2
    assert RELU.integrate(0, math.inf) == math.inf
    assert RELU.integrate(math.inf, 0) == -math.inf
    assert SPECS["cubic_tails"].integrate(-math.inf, math.inf) == -math.inf
    assert PiecewisePolynomial((0,), ((1,), (1,))).integrate(-math.inf, math.inf) == math.inf
    assert math.isnan(PiecewisePolynomial((0,), ((1,), (-1,))).integrate(-math.inf, math.inf))
    assert math.isnan(HAT.integrate(0, math.nan))
    assert math.isnan(SPECS["triangle_wave"].integrate(0, math.inf))


def test_periodic_integral_over_whole_periods():
    saw = SPECS["sawtooth"]
    one = saw.integrate(0, 1)
    assert one == F(1, 32) + F(3, 4) - F(9, 16)
    assert saw.integrate(F(1, 3), F(1, 3) + 12) == 12 * one


@every_spec
@pytest.mark.parametrize(("s", "shift"), [(2, 0), (F(1, 3), -1), (0.7, 2.5)])
def test_scaled(spec, s, shift):
    if len({float((F(t) - F(shift)) / F(s)) for t in spec.knots}) < len(spec.knots):
        with pytest.raises(
            ValueError, match="increase strictly"
        ):  # knots that float64 holds as one
            spec.scaled(s, shift)
        return
    scaled = spec.scaled(s, shift)
    for x in (v / 4 for v in range(-20, 21)):
        assert scaled(x) == spec(F(s) * F(x) + F(shift))
    assert scaled.derivative()(F(1, 9)) == F(s) * spec.derivative()(F(s) / 9 + F(shift))


@pytest.mark.parametrize("s", [0, -1, math.nan, "2"])
def test_scaled_needs_a_positive_scale(s):
    with pytest.raises(ValueError, match=r"the scale must be .*; got"):
        HAT.scaled(s)


@pytest.mark.parametrize(
    ("spec", "tv"),
    [
        (HAT, 2),
        (HAT.derivative(), 4),
        (BW_RELU.derivative(), 16),
        (RELU, math.inf),
        (RELU.derivative(), 1),
        (SPECS["hardtanh"], 2),
        (bspline(0), 2),
        (bspline(2), F(3, 2)),
        (bspline(3), F(4, 3)),
        (SPECS["srelu"], F(1, 2)),
        (SPECS["zero"], 0),
        (SPECS["triangle_wave"], math.inf),
        (PiecewisePolynomial((0,), ((5,), (3,)), period=1), 0),
    ],
)
def test_total_variation(spec, tv):
    assert spec.total_variation() == pytest.approx(tv, rel=1e-15)
    if spec.degree <= 2 and tv != math.inf:
        assert spec.total_variation() == tv


@pytest.mark.parametrize("name", ["bspline4", "bspline5_d1", "bspline4_d1"])
def test_total_variation_of_high_degrees_by_fine_steps(name):
    y = SPECS[name].to_scipy()(np.linspace(-1, 7, 400_001))
    expected = float(np.abs(np.diff(y)).sum())
    assert SPECS[name].total_variation() == pytest.approx(expected, rel=1e-6)


def test_from_truncated_powers():
    spec = PiecewisePolynomial.from_truncated_powers((0.5, F(2, 3), 3), (2, -1, F(1, 7)), 3)
    for x in (F(v, 6) for v in range(-6, 30)):
        terms = zip((0.5, F(2, 3), 3), (2, -1, F(1, 7)), strict=True)
        assert spec(x) == sum(w * max(x - F(t), 0) ** 3 for t, w in terms)
    box = PiecewisePolynomial.from_truncated_powers((0, 1), (1, -1), 0)
    assert [box(x) for x in (0, F(1, 2), 1, 2)] == [0, 1, 1, 0]
    assert HAT.pieces == ((0,), (1, 0), (-1, 1), (0,))


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (((0, 1), (1,), 1), "one weight per knot is needed; got 2 knots, 1 weights"),
        (((0,), (1,), -1), "degree must be an integer >= 0; got -1"),
        (((0,), (1,), 1.5), "degree must be an integer >= 0; got 1.5"),
        (((1, 0), (1, 1), 1), "increase strictly"),
        (((0,), (math.nan,), 1), "weights must be finite.*got nan"),
    ],
)
def test_from_truncated_powers_states_its_rules(args, says):
    with pytest.raises(ValueError, match=says):
        PiecewisePolynomial.from_truncated_powers(*args)
