"""Slope codes of specs at the edges of what is compiled: many pieces or slopes, big knots."""

import random

import pytest
import torch
from torch import Tensor

import hatact
from hatact import PiecewisePolynomial, _code, reference
from tests.support.places import DTYPES

ops = torch.ops.hatact


def _spec(pieces: int, slopes: int, periodic: bool) -> PiecewisePolynomial:
    """Knots 0, 1, …; every slope occurs, in random order; jumps of 1/4."""
    rng = random.Random(pieces)
    each = [k % slopes - 3 for k in range(pieces)]
    rng.shuffle(each)
    numbers = tuple((slope, rng.randint(-8, 8) / 4) for slope in each)
    return PiecewisePolynomial(tuple(range(pieces - 1)), numbers, pieces if periodic else None)


# Tables of 8, 16, 32 or 64 entries, of which a periodic spec uses one more, for NaN.
SPECS = {
    f"{pieces} pieces{', periodic' * periodic}": _spec(pieces, 7 if periodic else 8, periodic)
    for periodic in (False, True)
    for pieces in (8, 9, 16, 17, 31, 32, 33, 64, 70)
} | {
    "8 slopes": _spec(9, 8, False),
    "4 slopes": _spec(9, 4, False),
    "3 slopes, periodic": _spec(9, 3, True),
    "4 slopes, periodic": _spec(9, 4, True),
    "steps": PiecewisePolynomial((0, 1), ((1,), (2,), (3,))),
    "steps, periodic": PiecewisePolynomial((0, 1), ((1,), (2,), (3,)), period=2),
}


def _input(spec: PiecewisePolynomial, dtype: torch.dtype) -> Tensor:
    """Multiples of 1/8 (jumps at knots are met exactly), ±inf, NaN."""
    end = len(spec.knots) + 1
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(-16, 8 * end, (269,), generator=generator) / 8
    x[::37] = torch.tensor([torch.nan, torch.inf, -torch.inf, 0, 1, end, end - 1, -1])
    return x.to(dtype)


def _same(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a.nan_to_num(nan=12345.0), b.nan_to_num(nan=12345.0))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", SPECS)
def test_code(place, name, dtype):
    numbers = SPECS[name].numbers
    slopes, _ = _code.table(numbers[1], len(numbers[0]) + 1, SPECS[name].period or 0)
    x = _input(SPECS[name], dtype)
    expected, code_expected = reference.ppoly_encode(x, *numbers)
    x = x.to(place.device)
    y, code = ops.ppoly_encode(x, *numbers)
    assert torch.equal(code.cpu(), code_expected)
    assert _same(y, ops.ppoly(x, None, *numbers))
    assert _same(y.cpu(), expected)  # exact in every dtype
    g = torch.randn(len(x)).to(dtype)
    gx = ops.ppoly_decode(g.to(place.device), code, slopes).cpu()
    assert _same(gx, reference.ppoly_decode(g, code_expected, slopes))
    one = g[:1].to(place.device).expand(len(g))
    gx = ops.ppoly_decode(one, code, slopes).cpu()
    assert _same(gx, reference.ppoly_decode(one.cpu(), code_expected, slopes))
    again = x.clone()
    assert torch.equal(ops.ppoly_encode_(x, *numbers), code)
    assert _same(x, y)
    ops.ppoly_(again, *numbers)
    assert _same(again, y)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_no_number_right_of_the_last_knot(place, dtype):
    """Only +inf lies on the right tail, which is constant."""
    largest = torch.finfo(torch.float64 if dtype == torch.float64 else torch.float32).max
    spec = hatact.PiecewisePolynomial((0, largest), ((0,), (0, 1), (-2,)))
    linear = hatact.PiecewisePolynomial((0, largest), ((0,), (1, 0), (-2,)))
    x = torch.tensor([-torch.inf, 0.0, 1.0, torch.inf, torch.nan] * 5).to(dtype)
    for f in (spec, linear):
        y, code = ops.ppoly_encode(x.to(place.device), *f.numbers)
        expected, code_expected = reference.ppoly_encode(x, *f.numbers)
        assert _same(ops.ppoly(x.to(place.device), None, *f.numbers).cpu(), expected)
        assert _same(y.cpu(), expected)
        assert torch.equal(code.cpu(), code_expected)
