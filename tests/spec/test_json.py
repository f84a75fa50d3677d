"""Specs to JSON and back."""

import json
import math
import re
from fractions import Fraction

import pytest

from hatact import HAT, PiecewisePolynomial
from hatact.activations import registry

pytest.importorskip("hypothesis")
from hypothesis import given, settings
from hypothesis import strategies as st

settings.register_profile("hatact", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("hatact")

numbers = (
    st.integers(-(10**30), 10**30)
    | st.fractions(-(10**12), 10**12)
    | st.floats(-1e300, 1e300)
    | st.sampled_from([5e-324, 2**53, 2**53 + 1, -(2**60), Fraction(1, 3**900), 0.1])
)


@st.composite
def specs(draw) -> PiecewisePolynomial:
    knots = draw(st.lists(numbers, min_size=1, max_size=5, unique_by=float).map(sorted))
    piece = st.lists(numbers, min_size=1, max_size=4)
    pieces = draw(st.lists(piece, min_size=len(knots) + 1, max_size=len(knots) + 1))
    period = None
    if draw(st.booleans()):
        period = Fraction(knots[-1]) - Fraction(knots[0]) + draw(st.integers(1, 3))
    return PiecewisePolynomial(knots, pieces, period)


def _types(spec):
    flat = (*spec.knots, *(c for p in spec.pieces for c in p), spec.period)
    return [type(number) for number in flat]


@given(specs())
def test_there_and_back(spec):
    text = json.dumps(spec.to_dict(), allow_nan=False)
    again = PiecewisePolynomial.from_dict(json.loads(text))
    assert again == spec
    assert _types(again) == _types(spec)
    assert again.numbers == spec.numbers
    assert hash(again) == hash(spec)


@pytest.mark.parametrize("name", registry())
def test_every_activation(name):
    spec = registry()[name].scaled(Fraction(8, 3))
    assert PiecewisePolynomial.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_what_is_written():
    assert HAT.scaled(8).to_dict() == {
        "version": 1,
        "knots": [0, "1/8", "1/4"],
        "pieces": [[0], [8, 0], [-8, 1], [0]],
        "period": None,
    }
    large = PiecewisePolynomial((2**53, 2**53 + 2), ((0,), (0.5,), (0,))).to_dict()
    assert large["knots"] == [2**53, "9007199254740994"]


def test_numbers_of_more_digits_than_python_writes():
    third = Fraction(1, 3**12_000)  # 5,726 digits
    spec = PiecewisePolynomial((0, 1), ((0,), (third,), (1 + third,)))
    written = json.dumps(spec.to_dict())
    assert "0x" in written
    assert PiecewisePolynomial.from_dict(json.loads(written)) == spec


def test_integers_as_text_and_floats_that_lost_their_point():
    data = HAT.to_dict() | {"knots": ["0", "2/2", 2.0]}
    assert PiecewisePolynomial.from_dict(data) == HAT


GOOD = HAT.to_dict()


def _without(key):
    return {k: v for k, v in GOOD.items() if k != key}


BAD = {
    "not a dict": ([1, 2], "must be an object, a dict; got list: write PiecewisePolynomial"),
    "text": (json.dumps(GOOD), "must be an object, a dict; got str"),
    "none": (None, "must be an object, a dict; got NoneType"),
    "another version": (GOOD | {"version": 2}, "must be of version 1, .*; got version 2: read it"),
    "a version that is true": (GOOD | {"version": True}, "must be of version 1"),
    "a version as text": (GOOD | {"version": "1"}, "must be of version 1, .*; got version '1'"),
    "another version and keys": ({"version": 9, "tables": []}, "got version 9"),
    "no version": (_without("version"), "must have the keys version, .*; got no 'version'"),
    "no knots": (_without("knots"), "got no 'knots'"),
    "no pieces": (_without("pieces"), "got no 'pieces'"),
    "no period": (_without("period"), "got no 'period': write what .*to_dict"),
    "empty": ({}, "got no 'version', no 'knots', no 'pieces', no 'period'"),
    "a key too many": (GOOD | {"scale": 8}, "got 'scale', which is none"),
    "knots are a number": (GOOD | {"knots": 0}, "knots must be a list of numbers"),
    "knots are a text": (GOOD | {"knots": "012"}, "knots must be a list of numbers"),
    "pieces are numbers": (GOOD | {"pieces": [0, 1, 2, 3]}, "pieces a list of such lists"),
    "a knot is NaN": (
        GOOD | {"knots": [0, 1, math.nan]},
        "knots must be finite in float64; got nan",
    ),
    "a coefficient is infinite": (
        GOOD | {"pieces": [[0], [1, math.inf], [-1, 1], [0]]},
        "coefficients must be finite in float64; got inf",
    ),
    "a knot is null": (GOOD | {"knots": [0, None, 2]}, "a knot in a spec's JSON .*; got None"),
    "a knot is true": (GOOD | {"knots": [0, True, 2]}, "a knot in a spec's JSON .*; got True"),
    "a knot is a word": (GOOD | {"knots": [0, "one", 2]}, "must be a number or a text .*'one'"),
    "a division by zero": (GOOD | {"knots": [0, "1/0", 2]}, "must be a number or a text .*'1/0'"),
    "a decimal text": (GOOD | {"knots": [0, "1.0", 2]}, "must be a number or a text .*'1.0'"),
    "half a fraction": (GOOD | {"knots": [0, "1/", 2]}, "must be a number or a text .*'1/'"),
    "digits without end": (GOOD | {"knots": [0, "9" * 5000, 2]}, "must be a number or a text"),
    "the period is a word": (GOOD | {"period": "long"}, "the period in a spec's JSON .*'long'"),
    "a period of 0": (GOOD | {"period": 0}, "the period must be positive; got 0"),
    "unsorted": (GOOD | {"knots": [0, 2, 1]}, "knots must increase strictly"),
    "too few pieces": (GOOD | {"pieces": [[0]]}, "3 knots need 4 pieces; got 1"),
    "beyond float64": (GOOD | {"knots": [0, 1, "9" * 400]}, "knots must be finite in float64"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_json(what):
    data, rule = BAD[what]
    with pytest.raises(ValueError, match=rule) as raised:
        PiecewisePolynomial.from_dict(data)
    assert len(str(raised.value)) < 400
    assert re.search(": (write|read) ", str(raised.value))


def test_a_large_file_of_wrong_pieces_is_not_repeated():
    with pytest.raises(ValueError, match="pieces a list of such lists") as raised:
        PiecewisePolynomial.from_dict(GOOD | {"knots": [*range(10**5)], "pieces": 0})
    assert len(str(raised.value)) < 400
