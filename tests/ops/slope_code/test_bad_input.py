"""Wrong input to the ops of the slope code states the rule and what was got, on every backend."""

import math

import pytest
import torch

from hatact import HAT, bspline
from tests.support.bad_input import BAD_NUMBERS, ERRORS, NOT_FLOATS
from tests.support.specs import CODED

raw = torch.ops.hatact
SLOPES = list(HAT.slopes)
_NUMBERS = "must be float16, bfloat16, float32 or float64; got"


def _rule(n, slopes, length):
    return f"the code of {n} elements and {slopes} slopes must be a dense uint8 vector of {length}"


CODES = {  # the code, given the right one of 20 elements and two bits, and what the error says
    "too short": (lambda c: c[:-1], r"shape \(5,\)"),
    "too long": (lambda c: torch.cat([c, c[:1]]), r"shape \(7,\)"),
    "empty": (lambda c: c[:0], r"shape \(0,\)"),
    "one bit's": (lambda c: c[:3], r"shape \(3,\)"),
    "int8": (lambda c: c.to(torch.int8), "int8|Char"),
    "int32": (lambda c: c.to(torch.int32), "int32|Int"),
    "float": (lambda c: c.to(torch.float32), "float32|Float"),
    "bool": (lambda c: c.to(torch.bool), "bool|Bool"),
    "2-D": (lambda c: c.view(3, 2), r"shape \(3, 2\)"),
    "row": (lambda c: c.view(1, 6), r"shape \(1, 6\)"),
    "0-D": (lambda c: c[0], r"shape \(\)"),
    "strided": (lambda c: c.repeat_interleave(2)[::2], r"strides \(2,\)"),
    "expanded": (lambda c: c[:1].expand(6), r"strides \(0,\)"),
    "meta": (lambda c: c.to("meta"), ""),
}


@pytest.mark.parametrize("grad", [False, True], ids=["plain", "grad"])
@pytest.mark.parametrize("case", CODES)
def test_code(place, case, grad):
    x = torch.linspace(-1, 3, 20, device=place.device)
    code = raw.ppoly_encode(x, *HAT.numbers)[1]
    broken, got = CODES[case]
    g = torch.ones_like(x).requires_grad_(grad)
    with pytest.raises(ERRORS, match=rf"{_rule(20, 3, 6)} bytes on .*; got .*({got})"):
        raw.ppoly_decode(g, broken(code), SLOPES)


BAD_SLOPES = {
    "none": ([], "1 to 8 slopes; got 0"),
    "9": ([float(i) for i in range(9)], "1 to 8 slopes; got 9"),
    "300": ([1.0] * 300, "1 to 8 slopes; got 300"),
    "inf": (
        [0.0, math.inf, 1.0],
        r"slopes must be finite in .*float32.* NaN at the end; got .*inf",
    ),
    "-inf at the end": ([0.0, 1.0, -math.inf], r"slopes must be finite in .*; got .*-inf"),
    "NaN first": ([math.nan, 0.0, 1.0], r"slopes must be finite .* NaN at the end; got .*nan"),
    "NaN inside": ([0.0, math.nan, 1.0], r"slopes must be finite .* NaN at the end; got .*nan"),
    "1e300": ([0.0, 1.0, 1e300], r"slopes must be finite in .*float32.*; got .*1e\+300"),
    "of one bit": ([0.0, 1.0], _rule(20, 2, 3) + r" bytes .*; got shape \(6,\)"),
    "of three bits": ([0.0, 1.0, 2.0, 3.0, 4.0], _rule(20, 5, 9) + r" bytes .*; got shape \(6,\)"),
}


@pytest.mark.parametrize("grad", [False, True], ids=["plain", "grad"])
@pytest.mark.parametrize("case", BAD_SLOPES)
def test_slopes(place, case, grad):
    slopes, says = BAD_SLOPES[case]
    g = torch.ones(20, device=place.device, requires_grad=grad)
    with pytest.raises(ERRORS, match=says):
        raw.ppoly_decode(g, torch.zeros(6, dtype=torch.uint8, device=place.device), slopes)


def test_slopes_that_are_right(place):
    """1e300 in float64; a NaN at the end; fewer slopes than the bits can count."""
    code = torch.zeros(2, dtype=torch.uint8, device=place.device)
    g = torch.ones(3, dtype=torch.float64, device=place.device)
    for slopes in ([1e300, 0.0, 1.0], [1.0, 2.0, math.nan], [5.0, 6.0, 7.0, 8.0]):
        assert raw.ppoly_decode(g, code, slopes).tolist() == [slopes[0]] * 3
    assert raw.ppoly_decode(g, code[:1], [3.0]).tolist() == [3.0] * 3


@pytest.mark.parametrize("dtype", NOT_FLOATS, ids=str)
def test_dtypes(place, dtype):
    x = torch.ones(3, dtype=dtype, device=place.device)
    says = f"{_NUMBERS} ({dtype}|{NOT_FLOATS[dtype]})(: write |$)"
    code = torch.zeros(2, dtype=torch.uint8, device=place.device)
    for call in (
        lambda: raw.ppoly_encode(x, *HAT.numbers),
        lambda: raw.ppoly_encode_(x, *HAT.numbers),
        lambda: raw.ppoly_(x, *HAT.numbers),
        lambda: raw.ppoly_(x[:0], *HAT.numbers),
        lambda: raw.ppoly_decode(x, code, SLOPES),
    ):
        with pytest.raises(ERRORS, match=says):
            call()
    assert bool((x == 1).all())


@pytest.mark.parametrize("numbers", BAD_NUMBERS)
def test_broken_numbers(place, numbers):
    arguments, says = BAD_NUMBERS[numbers]
    for op in (raw.ppoly_encode, raw.ppoly_encode_, raw.ppoly_):
        for n in (5, 0):
            for grad in (False, True):
                x = torch.linspace(-1, 1, n, device=place.device)
                kept = x.clone()
                if grad and op is raw.ppoly_:
                    continue  # refuses any x that requires grad
                leaf = x.requires_grad_(grad)
                with pytest.raises(ERRORS, match=says):
                    op(leaf * 1 if grad else leaf, *arguments)
                assert torch.equal(x.detach(), kept)


def test_degree_2(place):
    """No code; ppoly_ evaluates any degree."""
    x = torch.linspace(-1, 4, 11, device=place.device)
    numbers = bspline(2).numbers
    for op in (raw.ppoly_encode, raw.ppoly_encode_):
        for grad in (False, True):
            z = x.clone().requires_grad_(grad) * 1
            with pytest.raises(
                ERRORS, match="a slope code needs a degree of at most 1; got degree 2"
            ):
                op(z, *numbers)
            assert torch.equal(z.detach(), x)
    expected = raw.ppoly(x, None, *numbers)
    raw.ppoly_(x, *numbers)
    assert torch.equal(x, expected)


def test_numbers_beyond_the_computing_dtype(place):
    wide = [-1e300, 1e300], [0.0, 0.0, 1.0, 0.0, 0.0, 1.0], 0.0
    for op in (raw.ppoly_encode, raw.ppoly_encode_, raw.ppoly_):
        for dtype in (torch.float32, torch.bfloat16, torch.float16):
            with pytest.raises(ERRORS, match=r"range of .*float.*got .*1e\+300"):
                op(torch.ones(3, dtype=dtype, device=place.device), *wide)
    assert raw.ppoly_encode(torch.ones(3).double().to(place.device), *wide)[1].tolist() == [7]


def test_every_spec_with_a_code_has_one(place):
    """What is refused above is refused for its own fault."""
    for spec in CODED.values():
        x = torch.linspace(-1, 3, 20, device=place.device)
        y, code = raw.ppoly_encode(x, *spec.numbers)
        assert raw.ppoly_decode(y, code, spec.slopes).shape == x.shape
