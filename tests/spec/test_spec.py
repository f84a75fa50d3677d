"""PiecewisePolynomial: its rules, its values, its exact calculus."""

import copy
import math
import pickle
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest

import hatact
from hatact import BW_RELU, HAT, RELU, PiecewisePolynomial
from tests.support.specs import ACTIVATIONS, SPECS

interpolate = pytest.importorskip("scipy.interpolate")
CubicSpline, PPoly = interpolate.CubicSpline, interpolate.PPoly

RAMP = ((0,), (1, 0))
F = Fraction
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


@pytest.mark.parametrize(
    ("knots", "pieces", "period", "says"),
    [
        ((), ((0,),), None, "at least one knot is needed; got none"),
        ((0, 2, 1), ((0,),) * 4, None, r"increase strictly .*got \(0, 2, 1\)"),
        ((0, 0), ((0,),) * 3, None, r"increase strictly .*got \(0, 0\)"),
        ((0, F(1, 2**2000)), ((0,),) * 3, None, "increase strictly"),
        ((0, math.nan), ((0,),) * 3, None, "knots must be finite.*got nan"),
        ((0, math.inf), ((0,),) * 3, None, "knots must be finite.*got inf"),
        ((10**400,), RAMP, None, "knots must be finite in float64; got 1000"),
        (("0",), RAMP, None, "knots must be real numbers; got '0'"),
        ((1j,), RAMP, None, "knots must be real numbers; got 1j"),
        (0, RAMP, None, "knots must be a sequence; got 0"),
        ("01", RAMP, None, "knots must be a sequence; got '01'"),
        ((0,), ((0,),), None, "1 knots need 2 pieces; got 1 pieces"),
        ((0,), ((0,),) * 3, None, "1 knots need 2 pieces; got 3 pieces"),
        ((0,), ((0,), ()), None, "at least one coefficient; got"),
        ((0,), (0, 1), None, "each piece must be a sequence; got 0"),
        ((0,), ((0,), (math.inf,)), None, "coefficients must be finite.*got inf"),
        ((0,), ((0,), ("a",)), None, "coefficients must be real numbers; got 'a'"),
        ((0,), RAMP, 0, "period must be positive; got 0"),
        ((0,), RAMP, -1, "period must be positive; got -1"),
        ((0,), RAMP, math.inf, "period must be finite.*got inf"),
        ((0, 3), ((0,),) * 3, 2, r"within one period.*got knots \(0, 3\) and period 2"),
    ],
)
def test_a_broken_rule_is_stated(knots, pieces, period, says):
    with pytest.raises(ValueError, match=says):
        PiecewisePolynomial(knots, pieces, period)


def test_numbers_stay_as_given():
    spec = PiecewisePolynomial([F(1, 3), 1.5], [(0,), [F(4, 2), True], (np.float64(0.5),)])
    assert spec.knots == (F(1, 3), 1.5)
    assert spec.pieces == ((0,), (2, 1), (0.5,))
    assert spec.degree == 1
    assert spec.numbers == ((1 / 3, 1.5), (0.0, 0.0, 2.0, 1.0, 0.0, 0.5), 0.0)
    assert PiecewisePolynomial((0,), RAMP, F(1, 2)).numbers[2] == 0.5


def test_values_are_exact_and_knots_belong_to_the_left():
    assert HAT(F(1, 3)) == F(1, 3)
    assert HAT(F(5, 3)) == F(1, 3)
    assert type(HAT(1)) is int
    step = PiecewisePolynomial((0,), ((1,), (2,)))
    assert (step(-1), step(0), step(5e-324)) == (1, 1, 2)
    assert RELU.derivative()(0) == 0
    assert RELU.derivative()(5e-324) == 1
    third = PiecewisePolynomial((F(1, 3),), ((0,), (1,)))
    assert (third(F(1, 3)), third(1 / 3)) == (0, 0 if F(1 / 3) <= F(1, 3) else 1)


@pytest.mark.parametrize(
    ("pieces", "left", "right"),
    [
        (((1, 0), (2,)), -math.inf, 2),
        (((-1, 0), (-1, 0)), math.inf, -math.inf),
        (((1, 0, 0), (0, 0, 3)), math.inf, 3),
        (((1, 0, 0, 0), (-1, 5, 5)), -math.inf, -math.inf),
        (((0,), (0, 0, 0)), 0, 0),
    ],
)
def test_limits_of_the_tails(pieces, left, right):
    spec = PiecewisePolynomial((0,), pieces)
    assert (spec(-math.inf), spec(math.inf)) == (left, right)
    assert math.isnan(spec(math.nan))


def test_periodic_values():
    saw = SPECS["sawtooth"]
    for x in (F(1, 3), F(1, 2), F(3, 4), F(5, 4)):
        assert saw(x) == saw(x + 7) == saw(x - 1000)
    assert saw(F(1, 4)) == saw(F(5, 4)) == F(-1, 2)  # the wrap belongs to the left
    assert math.isnan(saw(math.inf))
    assert saw.support == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("spec", "support"),
    [
        (HAT, (0, 2)),
        (BW_RELU, (0, 3)),
        (RELU, (0, math.inf)),
        (HAT.derivative(), (0, 2)),
        (HAT.scaled(4), (0, F(1, 2))),
        (HAT.scaled(1, shift=1), (-1, 1)),
        (SPECS["zero"], (0, 0)),
        (SPECS["hardtanh"], (-math.inf, math.inf)),
        (SPECS["hardtanh_d1"], (-1, 1)),
        (PiecewisePolynomial((0,), ((1,), (0,))), (-math.inf, 0)),
        (PiecewisePolynomial((0,), ((1,), (0,)), period=1), (0, 0)),
    ],
)
def test_support(spec, support):
    assert spec.support == support


@every_spec
def test_there_and_back_through_scipy(spec):
    back = PiecewisePolynomial.from_scipy(spec.to_scipy())
    for x in (v / 8 + 1 / 64 for v in range(-40, 41)):
        assert float(back(x)) == pytest.approx(float(spec(x)), rel=1e-12, abs=1e-12)


def test_a_last_knot_that_is_the_wrap_goes_to_scipy_and_back():
    """No breakpoint comes twice; nothing is lost, for right of that knot there is nothing."""
    spec = PiecewisePolynomial((0, 1, 3), ((9,), (1, 0), (-1, 1), (7,)), period=3)
    pp = spec.to_scipy()
    assert pp.x.tolist() == [0, 1, 3]
    back = PiecewisePolynomial.from_scipy(pp)
    assert (back.knots, back.period) == ((0, 1), 3)
    for k in range(-40, 41):
        x = Fraction(k, 7)
        assert back(x) == spec(x)
        if x % 3 not in (0, 1):
            assert float(pp(float(x))) == pytest.approx(float(spec(x)), abs=1e-14)
    again = PiecewisePolynomial.from_scipy(back.to_scipy())
    assert again == back
    period = 1 + Fraction(1, 10**20)  # apart in no float64
    apart = PiecewisePolynomial((0, 1), ((0,), (1, 0), (2, 5)), period)
    assert PiecewisePolynomial.from_scipy(apart.to_scipy()).knots == (0,)
    with pytest.raises(ValueError, match="apart from its start in float64; got knots"):
        PiecewisePolynomial((2**60,), ((0,), (1,)), period=1).to_scipy()


def test_from_scipy():
    knots = np.array([0, 0.5, 1.25, 2, 4])
    spline = CubicSpline(knots, np.sin(knots))
    spec = PiecewisePolynomial.from_scipy(spline)
    x = np.linspace(-2, 6, 101)
    assert [float(spec(v)) for v in x] == pytest.approx(list(spline(x)), rel=1e-12, abs=1e-13)
    one = PiecewisePolynomial.from_scipy(PPoly([[1.0], [2.0]], [0.5, 1]))
    assert (one(0.5), one(3), one(-1)) == (2, 4.5, 0.5)
    with pytest.raises(ValueError, match=r"must extrapolate.*got extrapolate=False"):
        PiecewisePolynomial.from_scipy(PPoly([[1.0]], [0, 1], extrapolate=False))
    with pytest.raises(
        ValueError, match=r"1-D PPoly is needed; got coefficients of shape \(1, 1, 2"
    ):
        PiecewisePolynomial.from_scipy(PPoly(np.ones((1, 1, 2)), [0, 1]))


@every_spec
def test_equality_hash_pickle_and_copy(spec):
    again = PiecewisePolynomial(spec.knots, spec.pieces, spec.period)
    for other in (again, pickle.loads(pickle.dumps(spec)), copy.deepcopy(spec), copy.copy(spec)):
        assert other == spec
        assert hash(other) == hash(spec)
        assert other.numbers == spec.numbers
        assert other.derivative() == spec.derivative()
    assert spec != PiecewisePolynomial(spec.knots, (*spec.pieces[:-1], (17,)), spec.period)
    assert spec != PiecewisePolynomial((*spec.knots[:-1], 2e30), spec.pieces)
    known = {"hatact": hatact, "PiecewisePolynomial": PiecewisePolynomial, "Fraction": F}
    assert eval(repr(spec), known) == spec
    with pytest.raises(FrozenInstanceError):
        spec.knots = ()


@every_spec
def test_text_says_all(spec):
    """What torch.compile knows of a spec gives it back, number by number and type by type."""
    again = PiecewisePolynomial._of_text(spec._text)
    assert repr(again) == repr(spec)
    assert (again, again.numbers, again._text) == (spec, spec.numbers, spec._text)


def test_text_of_numbers_that_are_long_or_small():
    numbers = (-(10**300), F(-1, 7**6000), -5e-324, 0, 0.1, F(10**300, 3**600 + 1), 1.7e308)
    spec = PiecewisePolynomial((-1.5, F(1, 3)), (numbers, numbers[:1], numbers), F(11, 3))
    again = PiecewisePolynomial._of_text(spec._text)
    assert again == spec
    kinds = [[type(c) for c in p] for p in (spec.knots, *spec.pieces, (spec.period,))]
    assert [[type(c) for c in p] for p in (again.knots, *again.pieces, (again.period,))] == kinds
    assert HAT._text != RELU._text


def test_it_is_opaque_to_pytrees():
    from torch.utils import _pytree

    assert not isinstance(HAT, tuple | list | dict)
    assert _pytree.tree_leaves(HAT) == [HAT]


def test_registry_names_are_the_file_data():
    assert {"relu", "hat", "bw_relu", "bspline3", "triangle_wave"} <= set(ACTIVATIONS)
    assert list(ACTIVATIONS) == sorted(ACTIVATIONS)


def test_from_scipy_refuses_what_it_cannot_say():
    for pp, says in (
        (interpolate.PPoly([[1.0, 2.0]], [2, 1, 0]), "must increase strictly"),
        (interpolate.PPoly([[1j]], [0, 1]), "a real 1-D PPoly is needed; got .*complex"),
        (interpolate.BPoly([[1.0], [2.0]], [0, 1]), "PPoly is needed; got BPoly"),
        (3, "PPoly is needed; got int"),
    ):
        with pytest.raises(ValueError, match=says):
            PiecewisePolynomial.from_scipy(pp)
