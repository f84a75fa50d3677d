"""Wrong input states the rule and what was got, on every backend; unusual valid input works."""

import math
import random
from fractions import Fraction

import pytest
import torch

from hatact import HAT, PiecewisePolynomial, autograd, functional, nn, reference
from tests.support.bad_input import BAD_NUMBERS, ERRORS, NOT_FLOATS
from tests.support.layouts import LAYOUTS, POOL
from tests.support.oracle import assert_within, compute_eps, magnitude, settled

raw = torch.ops.hatact.ppoly


@pytest.mark.parametrize("dtype", NOT_FLOATS, ids=str)
def test_dtypes_that_are_not_real_floats(place, dtype):
    x = torch.ones(3, dtype=dtype, device=place.device)
    got = f"({dtype}|{NOT_FLOATS[dtype]})"
    says = f"x must be float16, bfloat16, float32 or float64; got {got}: write "
    for call in (functional.hat, nn.BSpline(), lambda x: raw(x, None, *HAT.numbers)):
        with pytest.raises(ERRORS, match=says):
            call(x)
        with torch.no_grad(), pytest.raises(ERRORS, match=says):
            call(x[:0])


@pytest.mark.parametrize("x", [[1.0, 2.0], 1.5, None, "x"], ids=str)
def test_not_a_tensor(x):
    for call in (functional.hat, functional.bspline, nn.Hat()):
        with pytest.raises(ValueError, match=rf"a torch.Tensor; got {type(x).__name__}"):
            call(x)


@pytest.mark.parametrize("spec", [None, (0, 1), HAT.numbers, PiecewisePolynomial], ids=str)
def test_not_a_spec(spec):
    says = r"must be a hatact.PiecewisePolynomial, .*; got (NoneType|tuple|PiecewisePolynomial): "
    with pytest.raises(ValueError, match=says):
        functional.piecewise(torch.ones(2), spec)
    with pytest.raises(ValueError, match=says):
        nn.Piecewise(spec)


@pytest.mark.parametrize(
    ("g", "shape", "dtype"),
    [
        (torch.ones(4), "4", "float32|Float"),
        (torch.ones(()), "", "float32|Float"),
        (torch.ones(1), "1", "float32|Float"),
        (torch.ones(3, 1), "3, 1", "float32|Float"),
        (torch.ones(3, dtype=torch.float64), "3", "float64|Double"),
        (torch.ones(3, dtype=torch.int64), "3", "int64|Long"),
        (torch.ones(3, device="meta"), "3", "float32|Float"),
    ],
    ids=["longer", "scalar", "broadcastable", "more dims", "fp64", "int", "device"],
)
def test_g_that_does_not_match(place, g, shape, dtype):
    x = torch.ones(3, device=place.device)
    g = g if g.is_meta else g.to(place.device)
    rule = rf"g must have x's shape, dtype and device, \(3,?\) (torch.float32|Float) {x.device}"
    says = rf"{rule}; got \({shape},?\) (torch\.)?({dtype}) {g.device}"
    with pytest.raises(ERRORS, match=says):
        raw(x, g, *HAT.numbers)
    with pytest.raises(ERRORS, match=says):
        autograd.ppoly(x.requires_grad_(), g, HAT)


@pytest.mark.parametrize("grad", [False, True], ids=["plain", "grad"])
@pytest.mark.parametrize("numbers", BAD_NUMBERS)
def test_raw_op_with_broken_numbers(place, numbers, grad):
    arguments, says = BAD_NUMBERS[numbers]
    for n in (5, 0):
        x = torch.linspace(-1, 1, n, device=place.device, requires_grad=grad)
        with pytest.raises(ERRORS, match=says):
            raw(x, None, *arguments)


def test_numbers_beyond_the_computing_dtype(place):
    """1e300 is no float32: an error, where infinity would give NaN silently; float64 has it."""
    wide = PiecewisePolynomial((0, 1e300), ((0,), (1, 0), (1e300,)))
    x = torch.tensor([-1.0, 3.0], device=place.device)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        with pytest.raises(ERRORS, match=r"range of .*float.*got .*1e\+300"):
            functional.piecewise(x.to(dtype), wide)
    assert functional.piecewise(x.double(), wide).tolist() == [0, 3]


def _long(knots: int, degree: int) -> PiecewisePolynomial:
    rng = random.Random(knots)
    pieces = [
        tuple(rng.uniform(-1, 1) * 20**k for k in range(degree, -1, -1)) for _ in range(knots + 1)
    ]
    return PiecewisePolynomial([k / 20 for k in range(knots)], [(1,), *pieces[1:-1], (2,)])


LENGTHS = [(500, 1), (500, 3), (15, 2), (16, 2), (17, 2), (64, 1), (3, 20), (100, 20)]


@pytest.mark.parametrize(("knots", "degree"), LENGTHS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_long_lists(place, knots, degree, dtype):
    """More knots or powers than any kernel was compiled for: right all the same, and its VJP."""
    spec = _long(knots, degree)
    gen = torch.Generator().manual_seed(0)
    x = (torch.rand(POOL, generator=gen, dtype=torch.float64) * (knots + 2) / 20 - 0.05).to(dtype)
    g = torch.randn(POOL, generator=gen).to(dtype)
    x_there, g_there = x.to(place.device), g.to(place.device)
    share = torch.finfo(dtype).eps + 2 * (degree + 2) * compute_eps(dtype)
    keep = settled(spec, x)
    for f in (spec, spec.derivative()):
        expected = reference.ppoly(x.double(), g.double(), *f.numbers)
        tolerance = share * magnitude(f, x) * g.double().abs()
        y = raw(x_there, g_there, *f.numbers)
        assert_within(y[keep], expected[keep], tolerance[keep], x[keep], "long")
        for layout in (LAYOUTS["transposed"], LAYOUTS["sliced_2d"]):
            assert torch.equal(raw(layout(x_there), layout(g_there), *f.numbers), layout(y))
    leaf = x_there.clone().requires_grad_()
    (gx,) = torch.autograd.grad(functional.piecewise(leaf, spec), leaf, g_there)
    assert torch.equal(gx, y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_knots_that_float32_cannot_tell_apart(place, dtype):
    """The piece between them vanishes; nothing divides by its width."""
    spec = PiecewisePolynomial((0, 1, 1 + 1e-12, 2), ((0,), (1, 0), (7,), (-1, 1), (0,)))
    x = torch.tensor([0.5, 1.0, 1.0078125, 1.5, 2.5], device=place.device, dtype=dtype)
    y = functional.piecewise(x, spec).double().cpu()
    expected = torch.tensor([0.5, 1.0, 1 - 0.0078125, 0.5, 0], dtype=torch.float64)
    assert (y - expected).abs().max() <= torch.finfo(dtype).eps


def test_a_span_beyond_the_computing_dtype(place):
    """Between knots so far apart x − t would be no number; a tail may reach that far."""
    for dtype, far in ((torch.float32, 2e38), (torch.bfloat16, 2e38), (torch.float64, 1e308)):
        x = torch.ones(3, dtype=dtype, device=place.device)
        for grad in (False, True):
            with pytest.raises(ERRORS, match="their span, coeffs and period must be in the range"):
                raw(x.clone().requires_grad_(grad), None, [-far, far], [0.0, 1.0, 0.0])
        assert raw(x, None, [-far, 0.0], [0.0, 1.0, 0.0]).tolist() == [0.0, 0.0, 0.0]


def test_a_period_that_rounding_left_shorter_than_its_knots(place):
    """What passes as numbers passes with a gradient too."""
    spec = PiecewisePolynomial((0.1, 0.7), ((0,), (1, 0), (2, 5)), period=Fraction("0.61"))
    knots, coeffs, _ = spec.numbers
    period = math.nextafter(0.7 - 0.1, 0)
    assert Fraction(knots[1]) - Fraction(knots[0]) > Fraction(period)
    x = torch.tensor([0.3, 0.5], dtype=torch.float64, device=place.device, requires_grad=True)
    y = raw(x, None, knots, coeffs, period)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]
    far = torch.tensor([0.3, 1e12, -3e9], dtype=torch.float64, device=place.device)
    with_grad = raw(far.clone().requires_grad_(), None, knots, coeffs, period)
    assert torch.equal(with_grad.detach(), raw(far, None, knots, coeffs, period))


def test_derivatives_that_nothing_asks_for_need_not_exist(place):
    """f and f′ are in float64's range, f″ is not."""
    x = torch.tensor([1e-3], dtype=torch.float64, device=place.device, requires_grad=True)
    y = raw(x, None, [0.0], [0, 0, 0, 0, 4e307, 0.0, 0.0, 0.0])
    y.backward()
    assert y.item() == pytest.approx(4e298)
    assert x.grad.item() == pytest.approx(1.2e302)


def test_rules_of_scale_and_degree():
    for call in (functional.hat, functional.bw_relu, functional.bspline):
        with pytest.raises(ValueError, match=r"the scale must be a positive real number.*; got -2"):
            call(torch.ones(3), scale=-2)
    with pytest.raises(ValueError, match=r"the scale must be .*finite.*got nan"):
        nn.Hat(float("nan"))
    for call in (nn.BSpline, lambda degree: functional.bspline(torch.ones(2), degree)):
        with pytest.raises(ValueError, match="an integer from 0 to 5; got 9"):
            call(9)


@pytest.mark.parametrize("scale", [torch.tensor(1.0), torch.tensor(2.0), "8", None], ids=str)
def test_a_scale_that_is_no_number(scale):
    with pytest.raises(ValueError, match=r"the scale must be a positive real number.* got "):
        functional.hat(torch.ones(2), scale)


@pytest.mark.parametrize("degree", [True, 2.0, 6, -1, "3"], ids=str)
def test_a_degree_that_is_none(degree):
    with pytest.raises(ValueError, match="degree must be an integer from 0 to 5; got"):
        functional.bspline(torch.ones(2), degree)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_more_knots_than_16_bits_count(place, dtype):
    knots = [float(k) for k in range(70_000)]
    coeffs = [0.0] * 70_000 + [5.0]
    x = torch.tensor([-1.0, math.inf], dtype=dtype, device=place.device)
    assert raw(x, None, knots, coeffs, 0.0).tolist() == [0.0, 5.0]
