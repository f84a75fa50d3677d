"""Slope codes by arithmetic of their own: exact slopes, random specs, any bytes as a code."""

import math
from fractions import Fraction

import pytest
import torch

import hatact
from hatact import HAT, PiecewisePolynomial, _code
from tests.support.codes import slopes_of, unpacked
from tests.support.layouts import same_bits
from tests.support.specs import CODED, UNCODED

ops = torch.ops.hatact


@pytest.mark.parametrize("name", ["relu", "hat", "bw_relu", "zigzag", "5_slopes", "negative_zero"])
def test_the_layout_of_the_docstring(place, name):
    spec = CODED[name]
    derivative = spec.derivative()
    x = (torch.arange(0, 397, dtype=torch.float64) / 8 - 3).view(1, 397)[:, torch.randperm(397)]
    _, code = ops.ppoly_encode(x.to(place.device), *spec.numbers)
    expected = [float(derivative(Fraction(v))) for v in x.flatten().tolist()]
    assert slopes_of(code, 397, spec.slopes) == expected


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_a_code_by_hand(place, bits):
    """Element 9 alone has the last slope: bit 1 of each byte of the second group."""
    last = {1: 1, 2: 3, 3: 7}[bits]
    knots = list(range(last))
    coeffs = [v for s in range(last + 1) for v in (float(s), 0.0)]
    x = torch.full((12,), -1.0, device=place.device)
    x[9] = last + 5
    _, code = ops.ppoly_encode(x, knots, coeffs)
    assert code.tolist() == [0] * bits + [2] * bits
    x[1] = 0.5  # the second slope: bit 1 of byte 0
    assert ops.ppoly_encode(x, knots, coeffs)[1].tolist() == [2] + [0] * (bits - 1) + [2] * bits


def test_any_bytes(place):
    """A code beyond the slopes gives NaN; bits that belong to no element change nothing."""
    generator = torch.Generator().manual_seed(5)
    every = [0.5, -1.0, 0.0, 3.0, 1 / 3, -2.0, 7.0, -0.25]
    for dtype in place.dtypes:
        for count in range(1, 9):
            for n in (1, 7, 8, 77) if place.interpreted else (1, 5, 8, 64, 77, 517):
                slopes = [*every[: count - 1], math.nan] if n == 8 else every[:count]
                bits = _code.bits_of(count)
                size = -(-n // 8) * bits
                # Its own memory ends with it: a read beyond would be one of poisoned bytes.
                code = torch.randint(256, (size,), generator=generator, dtype=torch.uint8)
                g = torch.linspace(-3, 3, n).to(dtype)
                table = torch.full((8,), math.nan, dtype=torch.float64)
                table[:count] = torch.tensor(slopes, dtype=torch.float64)
                own = torch.float64 if dtype == torch.float64 else torch.float32
                each = table.to(own)[unpacked(code, bits)[:n]]
                expected = (g.to(own) * each).to(dtype)
                for offset in (0, 1):  # the code lies at any address
                    there = torch.zeros(size + offset, dtype=torch.uint8, device=place.device)
                    there[offset:] = code
                    gx = ops.ppoly_decode(g.to(place.device), there[offset:], slopes)
                    assert same_bits(gx, expected), (dtype, count, n)


def test_nan_has_the_last_slope(place):
    """Of both signs; a periodic f has a slope of NaN there, and at ±inf."""
    nan = [math.nan, -math.nan]
    for dtype in place.dtypes:
        x = torch.tensor([*nan, math.inf, -math.inf], dtype=dtype, device=place.device)
        for name, slopes in {
            "relu": [1, 1, 1, 0],
            "hat": [0, 0, 0, 0],
            "leaky_relu": [1, 1, 1, 0.01],
            "5_slopes": [1, 1, 1, -1],
            "triangle_wave": [math.nan] * 4,
            "sawtooth_d1": [math.nan] * 4,
        }.items():
            spec = CODED[name]
            y, code = ops.ppoly_encode(x, *spec.numbers)
            assert y[:2].isnan().all()
            got = torch.tensor(slopes_of(code, 4, spec.slopes), dtype=torch.float64)
            expected = torch.tensor(slopes, dtype=torch.float64)
            assert same_bits(got, expected), name
            gx = ops.ppoly_decode(torch.ones_like(x), code, spec.slopes)
            assert same_bits(gx, expected.to(dtype)), name


@pytest.mark.parametrize("name", UNCODED)
def test_specs_without_a_code(place, name):
    spec = UNCODED[name]
    assert spec.slopes is None
    says = "1 to 8 slopes; got 9" if name == "9_slopes" else r"degree of at most 1; got degree 3"
    for op in (ops.ppoly_encode, ops.ppoly_encode_):
        for n in (5, 0):
            x = torch.full((n,), 0.5, device=place.device)
            with pytest.raises((ValueError, RuntimeError), match=says):
                op(x, *spec.numbers)
            assert (x == 0.5).all()


def test_degree_zero_and_padded_coefficients(place):
    """Steps have one slope, 0, whether or not a column of zeros says so."""
    x = torch.linspace(-2, 3, 41, device=place.device)
    knots = [0.0, 1.0]
    y, code = ops.ppoly_encode(x, knots, [1.0, 2.0, 3.0])
    padded = ops.ppoly_encode(x, knots, [0.0, 1.0, -0.0, 2.0, 0.0, 3.0])
    assert torch.equal(y, padded[0])
    assert torch.equal(code, padded[1])
    assert code.tolist() == [0] * 6
    assert not ops.ppoly_decode(x, code, [0.0]).any()


SKIPPING = {  # knots on a dyadic grid of which they leave out cells, so that a cell is no piece
    "hat at scale 1/2": HAT.scaled(Fraction(1, 2)),
    "relu6": PiecewisePolynomial.from_truncated_powers((0, 6), (1, -1), 1),
    "trapezoid": PiecewisePolynomial.from_truncated_powers((0, 1, 3, 4), (1, -1, -1, 1), 1),
    "hat from 3": HAT.scaled(1, -3),
    "clip to [1, 5]": PiecewisePolynomial((1, 5), ((1,), (1, 1), (5,))),
    "16 cells": PiecewisePolynomial.from_truncated_powers((0, 5, 13), (2, -3, 1), 1),
}


@pytest.mark.parametrize("name", SKIPPING)
def test_knots_that_leave_out_cells(place, name):
    spec = SKIPPING[name]
    derivative = spec.derivative()
    for dtype in place.dtypes:
        x = (torch.arange(-16, 116, dtype=torch.float64) / 8).to(dtype)
        expected = [float(derivative(v)) for v in x.double().tolist()]
        x = x.to(place.device).requires_grad_()
        hatact.functional.piecewise(x, spec).sum().backward()
        assert x.grad.tolist() == expected, dtype
        _, code = ops.ppoly_encode(x.detach(), *spec.numbers)
        assert slopes_of(code, len(x), spec.slopes) == expected, dtype
