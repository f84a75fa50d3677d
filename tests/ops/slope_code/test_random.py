"""Slope codes of random specs by hypothesis: the slopes of exact arithmetic."""

import math

import pytest
import torch

import hatact
from hatact import PiecewisePolynomial
from tests.support.codes import slopes_of
from tests.support.layouts import same_bits
from tests.support.places import PLACES

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import strategies as st  # noqa: E402

ops = torch.ops.hatact
_number = st.fractions(-8, 8, max_denominator=12) | st.floats(-8, 8)
_knots = st.lists(_number, min_size=1, max_size=9, unique_by=lambda t: round(float(t), 3))


@st.composite
def linear_specs(draw):
    """Random knots, slopes from a pool of at most eight, ragged pieces, jumps."""
    knots = sorted(draw(_knots))
    pool = draw(st.lists(_number, min_size=1, max_size=8, unique_by=float))
    pieces = [
        (draw(st.sampled_from(pool)), draw(_number)) if draw(st.booleans()) else (draw(_number),)
        for _ in range(len(knots) + 1)
    ]
    return PiecewisePolynomial(knots, pieces)


def _held(spec: PiecewisePolynomial, dtype: torch.dtype) -> PiecewisePolynomial:
    """The spec with its knots rounded to what the dtype computes in, where they stay apart."""
    own = torch.float64 if dtype == torch.float64 else torch.float32
    knots, coeffs, _ = spec.numbers
    knots = torch.tensor(knots, dtype=torch.float64).to(own).tolist()
    width = len(coeffs) // (len(knots) + 1)
    return PiecewisePolynomial(
        knots, [coeffs[i : i + width] for i in range(0, len(coeffs), width)]
    ).derivative()


@hypothesis.settings(deadline=None, derandomize=True, max_examples=40)
@hypothesis.given(linear_specs(), st.lists(_number, max_size=30), st.integers(0, 9))
def test_random_specs(spec, values, size):
    """At random points, knots and their neighbours: the slopes of exact arithmetic."""
    hypothesis.assume(spec.slopes is not None)
    knots = torch.tensor(spec.numbers[0], dtype=torch.float64)
    for place in PLACES:
        if place.interpreted:
            continue
        for dtype in place.dtypes:
            derivative = _held(spec, dtype)
            t = knots.to(dtype)
            up = torch.nextafter(t, torch.full_like(t, math.inf))
            down = torch.nextafter(t, torch.full_like(t, -math.inf))
            some = torch.tensor([float(v) for v in values], dtype=torch.float64).to(dtype)
            x = torch.cat([t, up, down, some, t[:size]]).to(place.device)
            with hatact.use_backend(place.backend):
                y, code = ops.ppoly_encode(x, *spec.numbers)
                assert same_bits(y, ops.ppoly(x, None, *spec.numbers))
                gx = ops.ppoly_decode(torch.ones_like(x), code, spec.slopes)
                assert same_bits(gx, ops.ppoly(x, None, *spec.derivative().numbers))
            expected = [float(derivative(v)) for v in x.double().tolist()]
            assert slopes_of(code, len(x), spec.slopes) == expected, (place, dtype)
