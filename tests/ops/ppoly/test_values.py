"""Single points on every backend: knots ± one ulp, ±0, subnormals, ±inf, NaN, exact values."""

import math
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from hatact import PiecewisePolynomial, reference
from tests.support.oracle import assert_within, case, compute_eps, exact, jumps, magnitude, settled
from tests.support.places import DTYPES
from tests.support.specs import SPECS

ppoly = torch.ops.hatact.ppoly
every_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)


def _named(which):
    return pytest.mark.parametrize("name", [n for n, spec in SPECS.items() if which(spec)])


def _tolerance(name: str, x: Tensor) -> Tensor:
    step = torch.finfo(x.dtype).smallest_normal * torch.finfo(x.dtype).eps
    scale = magnitude(SPECS[name], x)
    return case(name, x.dtype).share * scale + step * (scale > 0)


def _is_compact(spec) -> bool:
    return all(math.isfinite(end) for end in spec.support)


def _is_dyadic(spec) -> bool:
    numbers = [Fraction(v) for p in (spec.knots, *spec.pieces) for v in p]
    small = all(v.denominator in (1, 2, 4, 8) and abs(v.numerator) < 64 for v in numbers)
    return small and spec.period is None


def _knots_and_neighbours(spec, dtype: torch.dtype) -> Tensor:
    """Each knot that `dtype` can hold and its two neighbours, within the base period."""
    knots, _, period = spec.numbers
    ends = (knots[0] + period,) if period else ()
    held = torch.tensor([*knots, *ends], dtype=torch.float64)
    t = held[held.to(dtype).double() == held].to(dtype)
    up = torch.nextafter(t, torch.full_like(t, torch.inf))
    down = torch.nextafter(t, torch.full_like(t, -torch.inf))
    x = torch.cat([down, t, up])
    base = (x.double() > knots[0]) & (x.double() <= knots[0] + period)
    return x[base] if period else x


@every_dtype
@pytest.mark.parametrize("name", SPECS)
def test_knots(place, name, dtype):
    """A knot belongs to the piece on its left; one ulp to the right the next piece holds."""
    spec = SPECS[name]
    x = _knots_and_neighbours(spec, dtype)
    y = ppoly(x.to(place.device), None, *spec.numbers)
    assert_within(y, exact(spec, x), _tolerance(name, x), x, "knots")


@every_dtype
@pytest.mark.parametrize("name", SPECS)
def test_zeros_and_subnormals(place, name, dtype):
    info = torch.finfo(dtype)
    small = [0.0, info.smallest_normal * info.eps, info.smallest_normal / 2, info.smallest_normal]
    x = torch.tensor([s * v for v in small for s in (1, -1)], dtype=torch.float64).to(dtype)
    y = ppoly(x.to(place.device), None, *SPECS[name].numbers)
    # The sample that calibrates has no numbers as small, and they may be absorbed in a sum.
    tolerance = _tolerance(name, x) + compute_eps(dtype) * magnitude(SPECS[name], x)
    assert_within(y, exact(SPECS[name], x), tolerance, x, "near 0")


@every_dtype
@pytest.mark.parametrize("name", SPECS)
def test_infinities_and_nan(place, name, dtype):
    """At ±inf the tail's limit, NaN for NaN, whatever stands next to them."""
    spec, c = SPECS[name], case(name, dtype)
    special = [math.inf, -math.inf, math.nan]
    at = torch.tensor([0, 7, 8, 15, 16, 33, 40, 62, 66])
    x = c.x[:67].clone()
    x[at] = torch.tensor(special * 3, dtype=dtype)
    y = ppoly(x.to(place.device), None, *spec.numbers).cpu()
    limits = torch.tensor([float(spec(v)) for v in special] * 3, dtype=torch.float64).to(dtype)
    assert torch.allclose(y[at], limits, rtol=2 * torch.finfo(dtype).eps, atol=0, equal_nan=True)
    others = torch.ones(67, dtype=torch.bool).index_fill(0, at, False)
    plain = ppoly(c.x[:67].to(place.device), None, *spec.numbers).cpu()
    assert torch.equal(y[others], plain[others])
    g = torch.full_like(x, -2).to(place.device)
    y = ppoly(x.to(place.device), g, *spec.numbers).cpu()
    assert torch.allclose(
        y[at], -2 * limits, rtol=2 * torch.finfo(dtype).eps, atol=0, equal_nan=True
    )


@every_dtype
@_named(_is_compact)
def test_zero_outside_the_support(place, name, dtype):
    """Exactly 0 up to the largest finite number, with and without g: no cancellation is left."""
    left, right = (float(end) for end in SPECS[name].support)
    largest = torch.finfo(dtype).max
    far = torch.logspace(-3, math.log10(largest) - 1e-3, 300, dtype=torch.float64)
    end = torch.tensor([largest], dtype=torch.float64)
    x = torch.cat([right + far, left - far, end, -end]).clamp(-largest, largest).to(dtype)
    x = x[((x.double() < left) | (x.double() > right)) & settled(SPECS[name], x)]
    assert len(x) > 500 or max(-left, right) > largest / 1e9
    x = x.to(place.device)
    g = torch.linspace(-3, 3, len(x)).to(x)
    assert not ppoly(x, None, *SPECS[name].numbers).any()
    assert not ppoly(x, g, *SPECS[name].numbers).any()


@every_dtype
@_named(_is_dyadic)
def test_exact_at_dyadic_points(place, name, dtype):
    """Small multiples of 1/4 lose nothing: the result is the exact one, rounded at most once."""
    x = (torch.arange(-32, 33, dtype=torch.float64) / 4).to(dtype)
    y = ppoly(x.to(place.device), None, *SPECS[name].numbers).cpu()
    assert torch.equal(y, exact(SPECS[name], x).to(dtype))


@every_dtype
@_named(lambda spec: spec.period is not None)
def test_periodic_stays_in_range(place, name, dtype):
    """However large |x| is, it is reduced into the period: f is bounded, and so is the result."""
    spec = SPECS[name]
    start, period = spec.numbers[0][0], spec.numbers[2]
    x = start + period * torch.linspace(1e-9, 1, 4097, dtype=torch.float64)
    bound = float(exact(spec, x).abs().max()) * (1 + 8 * torch.finfo(dtype).eps) + 1e-3
    far = torch.logspace(0, math.log10(torch.finfo(dtype).max) - 1e-3, 500, dtype=torch.float64)
    x = torch.cat([far, -far, torch.tensor([torch.finfo(dtype).max], dtype=torch.float64)]).to(
        dtype
    )
    y = ppoly(x.to(place.device), None, *spec.numbers).cpu()
    assert y.abs().max() <= bound


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_a_knot_at_the_largest_number(place, dtype):
    """There is no next number but infinity, which still has the tail's limit."""
    largest = torch.finfo(dtype).max
    for spec in (
        PiecewisePolynomial((0, largest), ((0,), (1, 0), (3,))),
        PiecewisePolynomial((-largest, 0), ((2,), (1, 0), (-3,))),
    ):
        points = [math.inf, largest, 1.0, 0.0, -1.0, -largest, -math.inf, math.nan]
        x = torch.tensor(points, dtype=dtype)
        y = ppoly(x.to(place.device), None, *spec.numbers).cpu()
        expected = torch.tensor([float(spec(v)) for v in points], dtype=dtype)
        torch.testing.assert_close(y, expected, rtol=1e-6, atol=0, equal_nan=True)


SMALL_LEADS = {  # a power that decides the limit by a coefficient that float32 does not hold
    "linear": ((1e-50, 1),),
    "downwards": ((-1e-50, 2),),
    "a square over a line": ((-1e-60, 3, 0),),
    "a square under a cube's zero": ((0, 1e-50, -1, 2),),
    "a line in a cubic spec": ((0, 0, 2, 1),),
}


@every_dtype
@pytest.mark.parametrize("name", SMALL_LEADS)
def test_limits_of_tails_of_any_degree(place, name, dtype):
    """At ±inf the limit of the numbers as given; a number wherever x − t is beyond the range."""
    (tail,) = SMALL_LEADS[name]
    largest = torch.finfo(dtype).max
    x = torch.tensor([math.inf, -math.inf, largest, -largest, 0.5, math.nan], dtype=dtype)
    for knot in (0.0, 1e37, -1e37):
        for spec in (
            PiecewisePolynomial((knot,), (tail, tail)),
            PiecewisePolynomial((knot,), ((3,), tail)),
            PiecewisePolynomial((knot,), (tail, (3,))),
        ):
            g = torch.full_like(x, 2)
            y = ppoly(x.to(place.device), None, *spec.numbers).cpu()
            with_g = ppoly(x.to(place.device), g.to(place.device), *spec.numbers).cpu()
            limits = torch.tensor([float(spec(v)) for v in (math.inf, -math.inf)])
            assert torch.equal(y[:2].float(), limits)
            assert torch.equal(with_g[:2].float(), 2 * limits)
            assert not y[2:5].isnan().any()
            assert y[5].isnan()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_the_least_number_right_of_a_period_s_start(place, dtype):
    """It is in the first piece, though its quotient by the period may underflow to 0."""
    least = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
    spec = PiecewisePolynomial((0, 4), ((9,), (1, 2), (-3, 7)), period=16)
    x = torch.tensor([least, 0.0, -least, 3 * least], dtype=dtype, device=place.device)
    y, code = torch.ops.hatact.ppoly_encode(x, *spec.numbers)
    assert y.tolist() == [2.0, -29.0, -29.0, 2.0]
    slope = torch.ops.hatact.ppoly_decode(torch.ones_like(x), code, spec.slopes)
    assert slope.tolist() == [1.0, -3.0, -3.0, 1.0]
    assert ppoly(x, None, *spec.derivative().numbers).tolist() == [1.0, -3.0, -3.0, 1.0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", ["hardtanh", "hat", "half_hat", "trapezoid", "clip", "relu"])
def test_slopes_that_are_powers_of_two_round_once(place, name, dtype):
    """Next to 0 too, where x minus a knot on its left would be rounded: the nearest number."""
    near = torch.logspace(-30, 0, 200, dtype=torch.float64)
    x = torch.cat([near, -near, 6 * torch.rand(300, dtype=torch.float64)]).to(dtype)
    wanted = exact(SPECS[name], x).to(dtype)
    assert torch.equal(ppoly(x.to(place.device), None, *SPECS[name].numbers).cpu(), wanted)
    if name == "hardtanh":
        assert torch.equal(wanted, torch.nn.functional.hardtanh(x))


ABOUT_ZERO = {  # slope, constant and knot of a piece, and a point where the wrong choice shows
    "beyond float32": (4.0, -1.75 * 2.0**127, -1.5 * 2.0**126, -1.375 * 2.0**126),
    "huge slope": (2.0**980, -(2.0**980), -1.0, 1e-20),
    "huge knot": (1.0, -(2.0**1023), -(2.0**1023), 1.0),
    "no power of two": (3.0, -3.0, -1.0, 1e-9),
    "long constant": (1.0, -1.0 + 2.0**-40, -1.0, 1e-9),
    "hardtanh": (1.0, -1.0, -1.0, 1e-20),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", ABOUT_ZERO)
def test_powers_of_x_about_zero(place, name, dtype):
    """Nothing is lost by them, at either end of the range, and every backend takes them alike."""
    slope, constant, knot, at = ABOUT_ZERO[name]
    if max(map(abs, (slope, constant, knot))) > torch.finfo(dtype).max:
        return
    numbers = [knot, 0.0], [0.0, 0.0, slope, constant, 0.0, 0.0]
    if at > 0:
        numbers = [knot], [0.0, 0.0, slope, constant]
    x = torch.tensor([at], dtype=dtype)
    spec = PiecewisePolynomial(numbers[0], zip(*[iter(numbers[1])] * 2, strict=True))
    y = ppoly(x.to(place.device), None, *numbers).cpu()
    assert_within(y, exact(spec, x), 4 * compute_eps(dtype) * magnitude(spec, x), x, name)
    assert torch.equal(y, reference.ppoly(x, None, *numbers))


@every_dtype
def test_zeros_have_no_sign(place, dtype):
    """Specs that differ in a zero's sign alone are equal, and so are their results, to the bit."""
    x = torch.tensor([-1.0, 0.0, -0.0, 0.5, 3.0], dtype=dtype, device=place.device)
    for zeros in ((-0.0, 0.0), (0.0, -0.0)):  # whichever was used first
        for zero in zeros:
            spec = PiecewisePolynomial((zero, 1), ((zero,), (1, zero), (zero,)))
            assert str(spec.pieces[0][0]) == "0.0"
            knots, coeffs = [zero, 1.0], [zero, zero, 1.0, zero, -1e-60, zero]
            small = [zero, -1e-60 if dtype != torch.float64 else zero] * 3
            for numbers in (spec.numbers, (knots, coeffs), (knots, small)):
                leaf = x.clone().requires_grad_()
                results = [
                    ppoly(x, None, *numbers),
                    ppoly(leaf, None, *numbers).detach(),
                    torch.ops.hatact.ppoly_encode(x, *numbers)[0],
                    torch.ops.hatact.ppoly_decode(
                        torch.ones(5, dtype=dtype, device=place.device),
                        torch.tensor([0], dtype=torch.uint8, device=place.device),
                        [zero, 1.0],
                    ),
                ]
                for y in results:
                    assert not torch.signbit(y[y == 0]).any()


@every_dtype
def test_relu_is_torch_relu(place, dtype):
    x = case("relu", dtype).x.to(place.device)
    extremes = [0.0, -0.0, math.inf, -math.inf, torch.finfo(dtype).max, torch.finfo(dtype).min]
    x = torch.cat([x, torch.tensor(extremes, dtype=dtype, device=x.device)])
    assert torch.equal(ppoly(x, None, *SPECS["relu"].numbers), torch.relu(x))


def test_the_specs_cover_what_they_should():
    kinds = {
        "jumps": jumps,
        "compact": _is_compact,
        "periodic": lambda s: s.period is not None,
        "dyadic": _is_dyadic,
        "unbounded": lambda s: any(math.isinf(v) for v in (s(math.inf), s(-math.inf))),
        "ragged": lambda s: len({len(p) for p in s.pieces}) > 1,
        "long": lambda s: len(s.knots) > 40,
        "not representable in float32": lambda s: any(
            float(torch.tensor(t)) != t for t in s.numbers[0]
        ),
    }
    for kind, holds in kinds.items():
        assert sum(holds(spec) for spec in SPECS.values()) >= 2, kind
