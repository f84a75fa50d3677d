"""nngp and ntk where numbers are extreme: near points, narrow activations, knots far away."""

import math

import pytest
import torch

from hatact import HAT, RELU, PiecewisePolynomial, bspline
from hatact.activations import registry
from hatact.analysis import nngp, ntk
from hatact.analysis._unrolled import jumps

Kinks = pytest.importorskip("hatact.analysis._kinks").Kinks
Moments = pytest.importorskip("hatact.analysis._moments").Moments
Panels = pytest.importorskip("hatact.analysis._panels").Panels

X = torch.tensor([[0.6, 0.8]], dtype=torch.float64)


def at(angle):
    return torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("scale", "apart", "depth", "most"),
    [(8, 1e-12, 3, 1e-10), (8, 1e-12, 6, 1e-8), (50, 1e-14, 6, 1e-7), (200, 1e-13, 4, 1e-7)],
)
def test_points_that_nearly_coincide_have_nearly_the_kernel_of_one(scale, apart, depth, most):
    f = HAT.scaled(scale)
    once, beside = ntk(f, depth, X), ntk(f, depth, X, X * (1 + apart))
    assert abs(float(beside / once) - 1) < most
    turned = ntk(f, depth, at(1.0), at(1.0 + apart)) / ntk(f, depth, at(1.0))
    assert abs(float(turned) - 1) < most


@pytest.mark.parametrize("activation", ["hat", "bw_relu", "bspline3", "hardtanh"])
@pytest.mark.parametrize("radial", [False, True])
def test_the_kernel_falls_in_proportion_on_both_sides_of_where_distances_take_over(
    activation, radial
):
    """By the angle, or the difference of norms, as it is small; for C¹ specs by its square."""
    f = registry()[activation].scaled(4)
    power = 2 if activation == "bspline3" else 1
    falls = []
    for small in (1.2e-5, 0.8e-5):
        x = X * (1 + small) if radial else at(1.0 + small)
        y = X if radial else at(1.0)
        ends = [float(ntk(f, 5, p)) for p in (x, y)]
        falls.append((sum(ends) - 2 * float(ntk(f, 5, x, y))) / small**power)
    if power == 1:
        assert falls[1] == pytest.approx(falls[0], rel=5e-3)
    else:  # rounding of the kernel is 1e-16/1e-10 of it
        assert falls[1] == pytest.approx(falls[0], rel=0.2, abs=1e-3 * max(1, ends[0]))


@pytest.mark.parametrize("activation", ["hat", "bw_relu", "hardtanh"])
def test_along_a_ray_without_biases_the_kernel_falls_in_proportion_too(activation):
    """The first angle is 0: what later ones are comes from the difference of norms alone."""
    f, options = registry()[activation].scaled(8), {"bias_variance": 0.0}
    falls = []
    for small in (2e-5, 1.2e-5, 0.8e-5, 1e-7):
        x = X * (1 + small)
        ends = [float(ntk(f, 4, p, **options)) for p in (x, X)]
        falls.append((sum(ends) - 2 * float(ntk(f, 4, x, X, **options))) / small)
    assert falls[0] > 0
    assert falls[1:] == pytest.approx([falls[0]] * 3, rel=1e-2)


def test_one_ray_of_a_homogeneous_network_is_one_direction():
    once = float(ntk(RELU, 6, X, bias_variance=0.0))
    for factor in (1 + 1e-6, 1 + 1e-12):
        beside = float(ntk(RELU, 6, X, factor * X, bias_variance=0.0))
        assert beside == pytest.approx(factor * once, rel=1e-10)


@pytest.mark.parametrize("activation", ["hat", "bw_relu", "bspline2", "bspline5"])
@pytest.mark.parametrize("s", [1e2, 1e4, 1e7])
def test_activations_far_narrower_than_their_argument_become_their_integrals(activation, s):
    """E[f·f] → ∫f²/(s·√2π) on the diagonal, (∫f)²/(2π·s²·sin θ) off it."""
    f = registry()[activation]
    area = float(f.integrate(*f.support))
    square = Panels(f).moments(1e5, 1e5, 0.0)[0]
    values, _ = Moments(f)(s, s, torch.tensor([0.0, 1.0, 2.0]).double().numpy())
    assert values[0] == pytest.approx(float(square) * 1e5 / s, rel=5 / s)
    for value, angle in zip(values[1:], (1.0, 2.0), strict=True):
        known = area**2 / (2 * math.pi * s**2 * math.sin(angle))
        assert value == pytest.approx(known, rel=0.5 / s**0.5, abs=1e-9 * values[0])


@pytest.mark.parametrize("name", ["hat", "bw_relu", "hardtanh", "relu"])
@pytest.mark.parametrize("scale", [1, 8, 60, 400])
def test_the_closed_form_is_left_before_rounding_takes_it(name, scale):
    f = registry()[name].scaled(scale)
    angles = torch.tensor([0.0, 1e-3, 0.3, 1.5, 3.0]).double().numpy()
    found, panels = Moments(f)(0.7, 0.7, angles), Panels(f).moments(0.7, 0.7, angles)
    for a, b in zip(found, panels, strict=True):
        assert abs(a - b).max() <= 1e-10 * abs(b).max()
    if name == "hat" and scale == 400:
        assert Kinks.of(f).rounding(0.7) > 1e-11 * panels[0][0]


def test_pieces_far_from_0_keep_their_digits():
    t = 10**6
    square = PiecewisePolynomial((t,), ((1, 2 * t, t * t), (1, 2 * t, t * t)))
    for angle in (0.3, 1.2):
        value = Moments(square)(0.5, 0.5, angle)[0]
        assert float(value) == pytest.approx(0.5**4 * (1 + 2 * math.cos(angle) ** 2), rel=1e-12)


def test_polynomials_have_the_moments_of_isserlis():
    """E[u³·v³] = 6·c³ + 9·q₁·q₂·c."""
    cube = PiecewisePolynomial((0,), ((1, 0, 0, 0), (1, 0, 0, 0)))
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    covariance = x @ x.T / 3 + 0.5
    q = covariance.diag()
    known = 6 * covariance**3 + 9 * q[:, None] * q * covariance
    found = nngp(cube, 2, x, weight_variance=1.0, bias_variance=[0.5, 0.0])
    torch.testing.assert_close(found, known, rtol=1e-11, atol=1e-11 * float(known.abs().max()))


def test_a_periodic_spec_is_the_same_from_any_of_its_periods():
    near = PiecewisePolynomial((0, 1), ((0,), (1, 0), (-1, 1)), period=2)
    far = PiecewisePolynomial((1000, 1001), ((0,), (1, 0), (-1, 1)), period=2)
    torch.testing.assert_close(ntk(far, 3, X), ntk(near, 3, X), rtol=1e-13, atol=0)


def test_float_coefficients_that_meet_but_for_rounding_do_not_jump():
    hats = [
        PiecewisePolynomial((0.0, 0.1, 0.3), ((0.0,), (1.0, 0.0), (-0.5, 0.1), (0.0,))),
        PiecewisePolynomial((-0.1, 0.2, 0.5), ((0.0,), (1.0, 0.0), (-1.0, 0.3), (0.0,))),
    ]
    for f in hats:
        assert not jumps(f)
        assert float(ntk(f, 2, X)) > 0
    assert jumps(PiecewisePolynomial((0.0, 0.1), ((0.0,), (1.0, 0.0), (0.0,))))


def test_results_that_no_float_holds_are_refused():
    with pytest.raises(ValueError, match=r"finite in torch.float64; got 1 entries"):
        ntk(bspline(3), 3, X, weight_variance=1e308)
    with pytest.raises(ValueError, match=r"finite in torch.float32; got 1 entries"):
        nngp(RELU, 2, (X * 1e25).float())
    with pytest.raises(ValueError, match=r"beyond 1\.8e308"):
        nngp(PiecewisePolynomial((10**200,), ((1, 0, 0), (1, 0, 0))), 2, X)


def test_an_activation_too_narrow_beside_others_of_its_pieces_is_refused():
    narrow = PiecewisePolynomial.from_truncated_powers(
        (0, 1e-6, 2e-6, 3e-6, 5), (1e30, -3e30, 3e30, -1e30, 1), 2
    )
    with pytest.raises(ValueError, match=r"rounding takes more than 1e-08 of E\[f²\]; got"):
        nngp(narrow, 2, X)


def test_one_linear_layer_has_no_activation_that_could_jump():
    assert float(ntk(bspline(0), 1, X)) == pytest.approx(float(X.square().sum() / 6 + 1 / 6))


def test_variances_may_be_arrays_and_are_no_booleans():
    listed = ntk(HAT, 3, X, bias_variance=[0.1, 0.2, 0.3])
    array = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    for of in (array, array.numpy()):
        assert float(ntk(HAT, 3, X, bias_variance=of)) == float(listed)
    with pytest.raises(ValueError, match="got True as weight_variance"):
        ntk(HAT, 2, X, weight_variance=True)
    with pytest.raises(ValueError, match="one value a layer, 3 of them; got 2"):
        ntk(HAT, 3, X, bias_variance=array[:2])
    with pytest.raises(ValueError, match="on the device meta"):
        ntk(HAT, 2, torch.ones(1, 2, device="meta"))
