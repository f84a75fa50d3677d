"""The Fourier transform of f, against closed forms, quadrature and the laws of scale and shift."""

import math
import random
from fractions import Fraction
from itertools import pairwise

import pytest
import torch

import hatact
from hatact import PiecewisePolynomial
from hatact.analysis import fourier_transform
from hatact.analysis.fourier_transform import fourier_coefficients
from tests.support.random_specs import random_spec
from tests.support.specs import ACTIVATIONS

LOW_TO_HIGH = torch.cat([torch.zeros(1), torch.logspace(-9, 4, 400)]).double()
BOTH_SIDES = torch.cat([-LOW_TO_HIGH, LOW_TO_HIGH])


def compact(spec):
    return spec.period is None and not any(map(any, (spec.pieces[0], spec.pieces[-1])))


COMPACT = {name: spec for name, spec in ACTIVATIONS.items() if compact(spec)}


def wave(turns):
    return torch.exp(-2j * math.pi * turns)


def close(found, known, within=1e-12):
    """To a share of the largest |F|."""
    assert found.dtype == torch.complex128
    assert found.shape == known.shape
    assert float((found - known).abs().max()) <= within * float(known.abs().max())


@pytest.mark.parametrize("degree", range(6))
def test_of_a_b_spline_it_is_a_power_of_sinc(degree):
    known = wave(BOTH_SIDES * (degree + 1) / 2) * torch.sinc(BOTH_SIDES) ** (degree + 1)
    close(fourier_transform(f"bspline{degree}", BOTH_SIDES), known)


def test_high_frequencies_have_more_digits_than_those_of_the_largest():
    nu = torch.tensor([3.5, 64.5, 1000.25], dtype=torch.float64)
    found = fourier_transform("bspline5", nu)
    torch.testing.assert_close(found.abs(), torch.sinc(nu) ** 6, rtol=1e-11, atol=0)


def test_of_hat_by_name_by_spec_and_by_module():
    nu = torch.rand(3, 4, 2).double()
    known = wave(nu / 8) * torch.sinc(nu / 8) ** 2 / 8
    for spec in (hatact.HAT.scaled(8), hatact.nn.Hat(scale=8)):
        close(fourier_transform(spec, nu), known)
    close(fourier_transform("hat", nu / 8) / 8, known)


def test_of_the_wavelet_it_is_seven_waves():
    nu = LOW_TO_HIGH[200:]
    waves = zip((1, -8, 23, -32, 23, -8, 1), range(7), strict=True)
    known = -sum(w / 6 * wave(nu * k / 2) for w, k in waves) / (2 * math.pi * nu) ** 2
    close(fourier_transform("bw_relu", nu), known, 1e-9)  # what the sum itself leaves at low ν


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("relu", lambda nu: -1 / (2 * math.pi * nu) ** 2 + 0j),
        ("leaky_relu", lambda nu: -0.99 / (2 * math.pi * nu) ** 2 + 0j),
        ("hardtanh", lambda nu: torch.sinc(2 * nu) / (1j * math.pi * nu)),
    ],
)
def test_where_the_support_is_not_bounded_it_is_that_of_the_distribution(name, known):
    nu = torch.cat([-LOW_TO_HIGH[1:], LOW_TO_HIGH[1:]])
    found = fourier_transform(name, nu)
    ratio = (found / known(nu) - 1).abs()
    assert float(ratio[nu.abs() < 0.4].max()) < 2e-15  # hardtanh's is 0 at multiples of 1/2
    close(found * nu**2, known(nu) * nu**2, 1e-11)


@pytest.mark.parametrize("name", COMPACT)
def test_at_0_it_is_the_integral_and_beside_0_nearly(name):
    spec = COMPACT[name]
    whole = float(spec.integrate(-math.inf, math.inf))
    found = fourier_transform(spec, torch.tensor([0.0, 1e-300, 1e-18, 5e-324], dtype=torch.float64))
    assert found[0] == whole
    torch.testing.assert_close(found, torch.full_like(found, whole), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", COMPACT)
@pytest.mark.parametrize("s", [8, Fraction(1, 3), 1e-30, 1e30])
def test_f_of_s_x_has_the_transform_at_nu_over_s_by_s(name, s):
    found = fourier_transform(COMPACT[name].scaled(s), BOTH_SIDES * float(s))
    close(found * float(s), fourier_transform(COMPACT[name], BOTH_SIDES))


@pytest.mark.parametrize("name", COMPACT)
@pytest.mark.parametrize("shift", [Fraction(-7, 3), 100])
def test_f_of_x_plus_a_has_the_transform_times_a_wave(name, shift):
    found = fourier_transform(COMPACT[name].scaled(1, shift), BOTH_SIDES)
    turned = wave(-BOTH_SIDES * float(shift)) * fourier_transform(COMPACT[name], BOTH_SIDES)
    close(found, turned, 1e-11)


def test_the_derivative_has_the_transform_times_2_pi_i_nu():
    found = fourier_transform(hatact.bspline(5).derivative(), BOTH_SIDES)
    close(found, 2j * math.pi * BOTH_SIDES * fourier_transform("bspline5", BOTH_SIDES))


def _quadrature(spec, nu):
    """∫ f·cos and ∫ f·sin of 2πνx on every piece, by SciPy; and ∫ |f|."""
    from scipy.integrate import quad

    total, size = 0, 0.0
    knots, *_ = spec.numbers
    for a, b in pairwise(knots):
        if not b > a:
            continue
        piece = spec.pieces[knots.index(b)]

        def f(u, piece=piece):
            value = 0.0
            for c in piece:
                value = value * u + float(c)
            return value

        width = b - a
        parts = [
            quad(lambda v, f=f, w=width: f(v * w), 0, 1, weight=how, wvar=2 * math.pi * nu * width)
            for how in ("cos", "sin")
        ]
        inner = (parts[0][0] - 1j * parts[1][0]) * width
        total = total + inner * complex(wave(torch.tensor(nu * a, dtype=torch.float64)))
        size += quad(lambda v, f=f, w=width: abs(f(v * w)), 0, 1, limit=200)[0] * width
    return total, size


def _random_compact(count):
    """Random specs of moderate numbers, with 0 beyond their knots."""
    rng, found = random.Random(5), []
    while len(found) < count:
        kind, spec = random_spec(rng)
        inner = spec.pieces[1:-1]
        if kind in ("tiny", "huge", "collapsing") or spec.period is not None or len(inner) < 1:
            continue
        found.append(PiecewisePolynomial(spec.knots, ((0,), *inner, (0,))))
    return found


@pytest.mark.filterwarnings("ignore:.*:scipy.integrate.IntegrationWarning")
def test_of_random_specs_it_is_what_quadrature_gives():
    pytest.importorskip("scipy")
    for spec in _random_compact(30):
        width = float(spec.knots[-1]) - float(spec.knots[0])
        nus = [share / width for share in (1e-3, 0.2, 1.3, 4.0, 20.0)]
        found = fourier_transform(spec, torch.tensor(nus, dtype=torch.float64))
        for nu, value in zip(nus, found.tolist(), strict=True):
            known, size = _quadrature(spec, nu)
            assert abs(value - known) <= 1e-11 * size, (spec, nu)


@pytest.mark.parametrize(("first", "degree"), [(Fraction(1, 2**40), 3), (1, 3), (1, 12)])
def test_uneven_pieces_and_high_degrees_are_joined_without_a_jump(first, degree):
    """Of u^d on a short piece and on a long one, whatever each of them is summed by."""
    knots = (0, first, 1 + first, 300)
    pieces = ((0,), (1, *[0] * degree), (1,), (1, -1), (0,))
    spec = PiecewisePolynomial(knots, pieces)
    nu = torch.logspace(-4, 3, 300).double()
    parts = [PiecewisePolynomial(knots[i : i + 2], ((0,), pieces[i + 1], (0,))) for i in range(3)]
    whole = fourier_transform(spec, nu)
    summed = sum(fourier_transform(part, nu) for part in parts)
    size = float(sum(part.integrate(-math.inf, math.inf) for part in parts))
    assert float((whole - summed).abs().max()) <= 1e-13 * size
    around = torch.linspace(0.05, 0.06, 4001).double()  # no step where another sum takes over
    curve = fourier_transform(parts[0], around).abs()
    assert float(curve.diff().diff().abs().max()) <= 1e-6 * float(curve.max())


def test_shapes_dtypes_and_zero():
    assert fourier_transform("hat", torch.zeros(0, 3)).shape == (0, 3)
    assert fourier_transform("hat", torch.tensor(0.5)).shape == ()
    assert fourier_transform("hat", torch.tensor([0, 1])).tolist() == [1, pytest.approx(0)]
    nu = torch.rand(5, requires_grad=True)
    assert not fourier_transform("hat", nu).requires_grad
    zero = PiecewisePolynomial((0,), ((0,), (0,)))
    assert fourier_transform(zero, LOW_TO_HIGH).abs().max() == 0
    many = torch.linspace(0, 9, 40_000).double()
    close(fourier_transform("hat", many), wave(many) * torch.sinc(many) ** 2)


@pytest.mark.parametrize(
    ("spec", "nu", "message"),
    [
        ("hut", torch.ones(1), "got 'hut': write \"hat\""),
        ("triangle_wave", torch.ones(1), "must not be periodic, as it has a line spectrum; got"),
        ("relu", torch.tensor([1.0, 0.0]), r"must not be 0 .* got the support \[0, inf\]: write"),
        ("hat", 0.5, "must be a tensor of real, finite numbers; got float: write"),
        ("hat", torch.ones(1) * 1j, "real, finite numbers; got torch.complex64: write"),
        ("hat", torch.ones(1) > 0, "real, finite numbers; got torch.bool: write"),
        ("hat", torch.tensor([math.nan]), "got some that are not finite: write"),
        ("hat", torch.tensor([math.inf]), "got some that are not finite: write"),
        (
            PiecewisePolynomial((0, 1e300), ((0,), (1e300, 0), (0,))),
            torch.ones(1),
            "must be finite in float64 on the whole length of its knots; got one beyond 1.8e308",
        ),
    ],
)
def test_what_has_no_transform_is_refused(spec, nu, message):
    with pytest.raises(ValueError, match=message):
        fourier_transform(spec, nu)


@pytest.mark.parametrize("s", [1, 8, Fraction(1, 3)])
def test_coefficients_of_the_triangle_wave(s):
    """√2·Σ_m (−1)^m·sin((2m + 1)x)/(2m + 1)², the linear counterpart of √2·sin x."""
    n = torch.arange(-31, 32).double()
    sign = n.sign() * torch.cos(math.pi * (n.abs() - 1) / 2).round()  # 0 where n is even
    known = -1j * sign * math.sqrt(2) / 2 / n.square().clamp(min=1)
    close(fourier_coefficients(ACTIVATIONS["triangle_wave"].scaled(s), n), known, 1e-13)


def test_coefficients_where_the_last_knot_is_the_first_a_period_on():
    n = torch.arange(0, 9).double()
    square = ((0,), (1,), (-1,))
    plain = PiecewisePolynomial((0, 1), square, 2)
    wrapped = PiecewisePolynomial((0, 1, 2), (*square, (7,)), 2)
    known = torch.where(n % 2 == 1, -2j / (math.pi * n.clamp(min=1)), 0)
    for spec in (plain, wrapped):
        close(fourier_coefficients(spec, n), known)
    with pytest.raises(ValueError, match="only a periodic"):
        fourier_coefficients(hatact.HAT, n)
