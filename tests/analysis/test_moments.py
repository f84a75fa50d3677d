"""E[f(u)·f(v)] and E[f′(u)·f′(v)]: sampled, integrated by brute force, and as series and limits."""

import math
import random

import numpy as np
import pytest

import hatact
from hatact import PiecewisePolynomial
from hatact.activations import registry
from hatact.analysis._unrolled import jumps, unrolled
from tests.support.normals import (
    integrated,
    mean,
    random_lines,
    random_pieces,
    root_mean_square,
    sampled,
)

Kinks = pytest.importorskip("hatact.analysis._kinks").Kinks
Moments = pytest.importorskip("hatact.analysis._moments").Moments
Panels = pytest.importorskip("hatact.analysis._panels").Panels

ACTIVATIONS = registry()
CASES = [(1.0, 1.0, 0.01), (1.0, 0.7, 1.0), (1.0, 0.3, 3.1)]
ANGLES = (0.0, 1e-9, 1e-3, 1.0, math.pi - 1e-3, math.pi)
DEVIATIONS = (0.0, 1e-6, 1.0, 10.0)


def relu(s1, s2, angle):
    return s1 * s2 * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / (2 * math.pi)


def moments(spec, s1, s2, angle):
    """As two numbers."""
    return (float(np.squeeze(m)) for m in Moments(spec)(*map(np.array, (s1, s2, angle))))


def agrees_with_samples(spec, n):
    both = np.array([[*moments(spec, *case)] for case in CASES]).T
    for f, found in zip((spec, spec.derivative()), both, strict=True):
        expected, error = sampled(f, CASES, n)
        assert (np.abs(found - expected) <= 4 * error + 1e-12).all()


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_agrees_with_samples(name, scale):
    agrees_with_samples(ACTIVATIONS[name].scaled(scale), 10**6)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_agrees_with_ten_million_samples(name, scale):
    agrees_with_samples(ACTIVATIONS[name].scaled(scale), 10**7)


@pytest.mark.parametrize("degree", range(5))
def test_random_pieces_agree_with_nested_integrals(degree):
    """Of deviations and angles at random; f is discontinuous, and f′ without its deltas."""
    rng = random.Random(degree)
    for _ in range(6):
        f = random_pieces(rng, degree)
        s1, s2, angle = rng.uniform(0.2, 2), rng.uniform(0.2, 2), rng.uniform(0.1, math.pi - 0.1)
        for g, found in zip((f, f.derivative()), moments(f, s1, s2, angle), strict=True):
            scale = root_mean_square(g, s1) * root_mean_square(g, s2)
            assert abs(found - integrated(g, s1, s2, angle)) <= 1e-8 * scale


def size(f, s):
    """What bounds f(s·Z) up to a factor: |f(0)| and the slopes that it has, times s."""
    return abs(float(f(0))) + s * sum(abs(float(p[0])) for p in f.pieces)


@pytest.mark.parametrize("seed", range(6))
def test_the_closed_form_and_quadrature_agree(seed):
    rng = random.Random(seed)
    f = random_lines(rng)
    slopes = sum(abs(float(p[0])) for p in f.pieces)
    s1, s2, angle = map(np.array, np.meshgrid(DEVIATIONS, DEVIATIONS, ANGLES))
    closed, summed = (of.moments(s1, s2, angle) for of in (Kinks.of(f), Panels(f)))
    sizes = np.array([size(f, s) for s in s1.flat]) * np.array([size(f, s) for s in s2.flat])
    assert (np.abs(closed[0] - summed[0]) <= 1e-12 * sizes.reshape(s1.shape)).all()
    assert (np.abs(closed[1] - summed[1]) <= 1e-12 * slopes**2).all()


@pytest.mark.parametrize("seed", range(6))
def test_the_closed_form_and_quadrature_agree_where_f_jumps(seed):
    f = random_pieces(random.Random(seed), seed % 2)
    most = sum(abs(float(c)) for p in f.pieces for c in p) * 4  # knots lie within 3
    s1, s2, angle = map(np.array, np.meshgrid(DEVIATIONS, DEVIATIONS, ANGLES))
    closed, summed = (of.moments(s1, s2, angle) for of in (Kinks.of(f), Panels(f)))
    for a, b in zip(closed, summed, strict=True):
        assert (np.abs(a - b) <= 1e-12 * most**2 * (1 + s1) * (1 + s2)).all()


@pytest.mark.parametrize("angle", [0.0, 1e-5, 1.0, 3.0])
def test_small_deviations_keep_their_digits(angle):
    """Where f is a line, or two lines that meet, so are the moments those of them."""
    s1, s2 = 1e-6, 3e-6
    hat, line = hatact.HAT, ACTIVATIONS["hardtanh"]
    product, both = s1 * s2 * math.cos(angle), (math.pi - angle) / (2 * math.pi)
    assert (*moments(line, s1, s2, angle),) == pytest.approx((product, 1), rel=1e-10, abs=0)
    expected = relu(s1, s2, angle), both
    assert (*moments(hat, s1, s2, angle),) == pytest.approx(expected, rel=1e-10, abs=0)
    cubic = PiecewisePolynomial((-1, 1), ((1, -1), (-1, 3, -2, 0), (1, -1)))  # x − x³ between
    assert (*moments(cubic, s1, s2, angle),) == pytest.approx((product, 1), rel=1e-10, abs=0)


def means(spec, s):
    """E[f(v)] and E[f′(v)] by the rule of brute force, of a periodic f over some periods."""
    if spec.period is not None:
        spec = unrolled(spec, 12)
    return (mean(f, s) if s else float(f(0)) for f in (spec, spec.derivative()))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_one_deviation_of_0_gives_a_product_with_f_of_0(name):
    f = ACTIVATIONS[name]
    for spec in (f, f.scaled(2, -0.3), f.scaled(1, 0.4)):
        zeros = float(spec(0)), float(spec.derivative()(0))
        for s in (0.0, 1e-6, 0.8):
            averages = [*means(spec, s)]
            for pair in ((0.0, s), (s, 0.0)):
                expected = [a * b for a, b in zip(zeros, averages, strict=True)]
                assert [*moments(spec, *pair, 1.0)] == pytest.approx(expected, rel=1e-12, abs=1e-13)


def test_independent_variables_give_a_product_of_means():
    for spec in ACTIVATIONS.values():
        expected = [a * b for a, b in zip(means(spec, 0.5), means(spec, 0.9), strict=True)]
        found = [*moments(spec, 0.5, 0.9, math.pi / 2)]
        assert found == pytest.approx(expected, rel=1e-11, abs=1e-13)


def test_a_constant_and_a_line():
    constant, line = (
        PiecewisePolynomial((1,), ((2,), (2,))),
        PiecewisePolynomial((1,), ((3, 1),) * 2),
    )
    s1, s2, angle = np.array([0.0, 1, 2]), np.array([1.0, 2, 0]), np.array([0.0, 1, 3])
    for spec in (constant, line):
        a, b = float(spec(0)), float(spec.derivative()(0))
        value, slope = Moments(spec)(s1, s2, angle)
        np.testing.assert_allclose(value, a * a + b * b * s1 * s2 * np.cos(angle), rtol=1e-14)
        np.testing.assert_allclose(slope, [b * b] * 3, rtol=1e-14)


def test_arrays_broadcast():
    for spec in (hatact.HAT, hatact.bspline(3), ACTIVATIONS["triangle_wave"]):
        s1, s2, angle = np.array([[0.5], [1.0]]), np.array([[0.2, 0.4, 0.6]]), np.full((2, 3), 0.7)
        value, slope = Moments(spec)(s1, s2, angle)
        assert value.shape == slope.shape == (2, 3)
        for i in range(2):
            for j in range(3):
                one = moments(spec, s1[i, 0], s2[0, j], 0.7)
                assert (value[i, j], slope[i, j]) == pytest.approx((*one,), rel=1e-13)


@pytest.mark.parametrize("angle", [0.3, 1.0, 2.5])
def test_the_triangle_wave_is_its_sine_series(angle):
    """sin(mu)·sin(nv) has a mean of exp(−(m²s² + n²t²)/2)·sinh(mnst·cos)."""
    wave, s, t = ACTIVATIONS["triangle_wave"], 0.9, 0.6
    top = float(wave(wave.knots[1]))
    n = np.arange(1, 400, 2)
    c = 8 / np.pi**2 * top * np.sin(n * np.pi / 2) / n**2
    damping = ((n[:, None] * s) ** 2 + (n * t) ** 2) / 2
    along = np.outer(n, n) * s * t * np.cos(angle)
    sines = (np.exp(along - damping) - np.exp(-along - damping)) / 2
    cosines = (np.exp(along - damping) + np.exp(-along - damping)) / 2
    expected = c @ sines @ c, (c * n) @ cosines @ (c * n)
    assert [*moments(wave, s, t, angle)] == pytest.approx(expected, rel=1e-12)


def test_a_periodic_spec_is_told_what_scale_it_may_have():
    wave = Moments(ACTIVATIONS["triangle_wave"].scaled(4))
    with pytest.raises(ValueError, match=r"at most 64 knots within 9 .*; got 92: take a"):
        wave(np.array([4.0]), np.array([0.1]), np.array([1.0]))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_of_the_activations_the_box_alone_jumps(name):
    assert jumps(ACTIVATIONS[name]) == (name == "bspline0")


@pytest.mark.parametrize(
    ("spec", "whether"),
    [
        (PiecewisePolynomial((0,), ((0,), (1,))), True),
        (PiecewisePolynomial((0,), ((1, 0), (1, 1e-9))), True),
        (PiecewisePolynomial((0.1, 0.3), ((0,), (3, 0), ((0.3 - 0.1) * 3,))), False),
        (PiecewisePolynomial((0, 1), ((0,), (1, 0), (1,)), 2), True),
        (PiecewisePolynomial((0, 1), ((7,), (1, 0), (-1, 1)), 2), False),
        (PiecewisePolynomial((0,), ((7,), (1, 0)), 1), True),
        (PiecewisePolynomial((-1, 1), ((1, 0, 0), (0,), (2, 0, 0))), False),
    ],
)
def test_jumps(spec, whether):
    """Of a periodic spec at the wrap too, and its first piece is none of its pieces."""
    assert jumps(spec) == whether
