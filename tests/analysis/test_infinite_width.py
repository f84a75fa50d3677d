"""The kernels of infinitely wide networks, against the formulas for ReLU and against themselves."""

import math
import sys

import pytest
import torch

import hatact
from hatact import PiecewisePolynomial, bspline
from hatact.activations import registry
from hatact.analysis import nngp, ntk, shallow_relu_ntk
from tests.support.memory import Largest
from tests.support.tangents import circle

Moments = pytest.importorskip("hatact.analysis._moments").Moments

module = sys.modules["hatact.analysis.infinite_width"]
RELU = hatact.RELU
SPECS = {
    "relu": RELU,
    "hat": hatact.HAT,
    "hat, 4": hatact.HAT.scaled(4),
    "bw_relu": registry()["bw_relu"],
    "hardtanh": registry()["hardtanh"],
    "cubic": bspline(3),
    "srelu": registry()["srelu"],
    "triangle_wave": registry()["triangle_wave"],
}
KERNELS = {"nngp": nngp, "ntk": ntk}


def points(n, seed=1, d=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, d, dtype=torch.float64, generator=generator) * 2 - 1


def on_sphere(n, seed=1, d=3):
    x = points(n, seed, d)
    return x / x.norm(dim=1, keepdim=True)


def far_apart(n, least=0.01):
    """Points of the sphere, no two of which are nearer in angle than that, or nearly opposite."""
    kept = []
    for row in on_sphere(4 * n, 3):
        if all(abs(float(row @ other)) < math.cos(least) for other in kept):
            kept.append(row)
    return torch.stack(kept[:n])


def spread(n):
    """The same with norms from 0.3 to 3."""
    return far_apart(n, 0.05) * torch.logspace(-0.5, 0.5, n, dtype=torch.float64)[:, None]


def arc_cosine(x1, x2, depth, weight, bias):
    """Σ_depth and Θ_depth of ReLU; its first angle by arctan, as arccos would lose its digits."""
    biases = [1 / (3 * x1.shape[1]), *[0.0] * (depth - 1)] if bias is None else [bias] * depth
    left, right = (
        torch.cat(
            [x * math.sqrt(weight / x.shape[1]), x.new_full((len(x), 1), biases[0] ** 0.5)], 1
        )
        for x in (x1, x2)
    )
    a, b = left.norm(dim=1)[:, None], right.norm(dim=1)[None]
    u, v = (left / a)[:, None], (right / b.T)[None]
    angle = 2 * torch.atan2((u - v).norm(dim=2), (u + v).norm(dim=2))
    covariance = tangent = a * b * angle.cos()
    for bias in biases[1:]:
        kappa0 = (math.pi - angle) / (2 * math.pi)
        kappa1 = (angle.sin() + (math.pi - angle) * angle.cos()) / (2 * math.pi)
        covariance = weight * a * b * kappa1 + bias
        tangent = covariance + tangent * weight * kappa0
        a, b = ((weight * s.square() / 2 + bias).sqrt() for s in (a, b))
        angle = torch.where(angle < 1e-9, 0, (covariance / (a * b)).clamp(-1, 1).acos())
    return covariance, tangent


def agree(found, expected, tolerance):
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())


@pytest.mark.parametrize("bias", [0.1, 0.0, None])
@pytest.mark.parametrize("depth", [1, 2, 3, 6])
@pytest.mark.parametrize("made", [far_apart, spread])
def test_relu_gives_the_arc_cosine_kernels(made, depth, bias):
    """On a sphere or not; the others share points with the first, whose angle to them is 0."""
    x = made(30)
    for others in (None, torch.cat([x[20:], x[:7]])):
        both = arc_cosine(x, x if others is None else others, depth, 1.7, bias)
        for kernel, expected in zip((nngp, ntk), both, strict=True):
            found = kernel(RELU, depth, x, others, 1.7, bias)
            assert float((found / expected - 1).abs().median()) <= 1e-13
            agree(found, expected, 1e-12)
            if others is None:
                expected, found = (torch.stack([k.diagonal()]) for k in (expected, found))
                assert float((found / expected - 1).abs().max()) <= 1e-13


@pytest.mark.parametrize("bias", [0.1, 0.0, None])
@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_relu_on_a_sphere_by_a_table(depth, bias):
    x = far_apart(80)
    assert len(x) ** 2 > module.FEW
    for others in (None, torch.cat([x[:5], on_sphere(90, 8)])):
        both = arc_cosine(x, x if others is None else others, depth, 1.7, bias)
        for kernel, expected in zip((nngp, ntk), both, strict=True):
            agree(kernel(RELU, depth, x, others, 1.7, bias), expected, 1e-12)


def test_a_bias_of_its_own_in_every_layer():
    x, biases = spread(9), (0.3, 0.0, 0.7)
    first = 1.3 / 3 * x @ x.T + 0.3
    second = nngp(RELU, 2, x, None, 1.3, biases[:2])
    agree(nngp(RELU, 1, x, None, 1.3, biases[:1]), first, 1e-15)
    last = nngp(RELU, 3, x, None, 1.3, biases)
    a = second.diagonal().sqrt()
    angle = (second / a[:, None] / a).clamp(-1, 1).acos().fill_diagonal_(0)
    along = (angle.sin() + (math.pi - angle) * angle.cos()) / (2 * math.pi)
    agree(last, 1.3 * a[:, None] * a * along + 0.7, 1e-14)


def test_the_default_bias_is_that_of_a_width():
    x = spread(6)
    for kernel in (nngp, ntk):
        wide, given = (kernel(RELU, 3, x), kernel(RELU, 3, x, None, 1 / 3, [1 / 9, 0, 0]))
        assert torch.equal(wide, given)
        of_a_width = kernel(RELU, 3, x, width=50)
        assert torch.equal(of_a_width, kernel(RELU, 3, x, None, 1 / 3, [1 / 9, 1 / 150, 1 / 150]))
        assert float((of_a_width - wide).min()) > 0.006


def test_points_on_one_ray_without_biases():
    """Their angle is 0, and rounding makes of a cosine of 1 an angle of 1e-8."""
    x = far_apart(10)
    longer = x * torch.linspace(0.3, 3, 10, dtype=torch.float64)[:, None]
    covariance, tangent = arc_cosine(x, longer, 6, 1.7, 0.0)
    agree(nngp(RELU, 6, x, longer, 1.7, 0.0), covariance, 1e-12)
    agree(ntk(RELU, 6, x, longer, 1.7, 0.0), tangent, 1e-7)


def test_the_circle_s_kernel_is_that_of_shallow_relu_ntk():
    """(x·x′ + 1)·κ0/2: that of weights and biases on an angle that the biases have no part in."""
    x = circle(72)
    trained = ntk(RELU, 2, x, None, 2.0, 0.0) - nngp(RELU, 2, x, None, 2.0, 0.0)  # x·x′·2κ0
    u = x @ x.T
    apart = u.abs() > 1e-9
    agree((trained * (u + 1) / u / 4)[apart], shallow_relu_ntk(x)[apart], 1e-7)


@pytest.mark.parametrize("depth", [1, 2])
def test_the_standard_parameterization_by_hand(depth):
    """x·x′ + 1, and width·E[f·f] + 1 + (x·x′ + 1)·ω·E[f′·f′]; E[f·f] is NNGP's."""
    x, width, weight, bias = spread(8), 20, 1.7, 0.2
    found = ntk(RELU, depth, x, None, weight, bias, "standard", width)
    expected = x @ x.T + 1
    if depth == 2:
        covariance, tangent = arc_cosine(x, x, 2, weight, bias)
        slopes = (tangent - covariance) / (weight / 3 * x @ x.T + bias)
        expected = width * (covariance - bias) / weight + 1 + expected * slopes
    agree(found, expected, 1e-12)


@pytest.mark.parametrize("sphere", [False, True])
@pytest.mark.parametrize("name", SPECS)
def test_a_gram_matrix_is_symmetric_and_positive(name, sphere):
    x = on_sphere(70) if sphere else points(24, d=3)
    for kernel in (nngp, ntk):
        gram = kernel(SPECS[name], 3, x, None, 1.2, 0.05)
        assert torch.equal(gram, gram.T)
        values = torch.linalg.eigvalsh(gram)
        assert float(values[0]) >= -1e-13 * float(values[-1])
        agree(kernel(SPECS[name], 3, x, x.clone(), 1.2, 0.05), gram, 1e-12)


@pytest.mark.parametrize("name", SPECS)
def test_equal_points_on_both_sides_wherever_they_stand(name):
    """Their angle is 0 in every layer, whatever rounding does to rows in other places."""
    x = points(13, d=5)
    gram = ntk(SPECS[name], 4, x, None, 1.2, 0.05)
    for start in (1, 4, 10):
        agree(ntk(SPECS[name], 4, x, x[start:], 1.2, 0.05), gram[:, start:], 1e-12)
        agree(ntk(SPECS[name], 4, x[start:], x, 1.2, 0.05), gram[start:], 1e-12)


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_blocks_agree_with_single_rows(kernel):
    x, others = points(150), points(140, 2)
    whole = kernel(hatact.HAT, 3, x, others)
    gram = kernel(hatact.HAT, 3, x)
    for i in (0, 127, 128, 149):
        agree(kernel(hatact.HAT, 3, x[i : i + 1], others), whole[i : i + 1], 1e-13)
        agree(kernel(hatact.HAT, 3, x[i : i + 1], x), gram[i : i + 1], 1e-12)


@pytest.mark.parametrize("name", SPECS)
def test_the_table_agrees_with_the_moments_themselves(name):
    x, others = on_sphere(6), on_sphere(700, 2)
    for kernel in (nngp, ntk):
        table = kernel(SPECS[name], 3, x, others)
        for j in (slice(0, 20), slice(690, 700)):
            agree(kernel(SPECS[name], 3, x, others[j]), table[:, j], 1e-11)


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("name", ["hat", "bw_relu", "hardtanh", "srelu", "bspline3"])
def test_a_sphere_has_a_table(name, scale):
    """Its series ends before the rounding of its coefficients has the say."""
    moments = Moments(registry()[name].scaled(scale))
    assert moments.table(0.6) is not moments


def test_float32_in_is_float32_out():
    x, others = points(9).float(), points(7, 2).float()
    for kernel in (nngp, ntk):
        for given in ((x,), (x, others), (x, others.double())):
            found = kernel(SPECS["cubic"], 3, *given)
            assert found.dtype == torch.float32
            agree(found.double(), kernel(SPECS["cubic"], 3, *(g.double() for g in given)), 1e-6)
        assert kernel(RELU, 3, x.double(), others).dtype == torch.float64


def test_a_kernel_of_zeros():
    """Points at the origin, and no variance at all."""
    x = torch.cat([torch.zeros(1, 2, dtype=torch.float64), points(3)])
    for spec in SPECS.values():
        for kernel in (nngp, ntk):
            at_0 = kernel(spec, 3, x, None, 1.0, 0.0)
            assert bool(at_0.isfinite().all())
            assert float(at_0[0].abs().max()) <= float(spec(0)) ** 2 * 2 + 1e-30
            nothing = kernel(spec, 3, x, None, 0.0, 0.0)
            assert torch.equal(nothing, torch.zeros_like(nothing))
    lifted = PiecewisePolynomial((1,), ((1, 3), (3,)))  # f(0) = 2
    agree(nngp(lifted, 2, torch.zeros(2, 2), None, 1.5, 0.0), torch.full((2, 2), 6.0), 1e-7)


def test_the_covariance_may_be_of_an_activation_that_jumps():
    x = spread(5)
    gram = nngp(bspline(0), 2, x, None, 1.0, 0.1)
    assert bool((gram.diagonal() > 0.1).all())
    assert bool((gram.diagonal() < 1.1).all())


def test_threads_do_not_matter():
    x = points(140)
    one = ntk(hatact.HAT, 3, x)
    torch.set_num_threads(3)
    assert torch.equal(ntk(hatact.HAT, 3, x), one)


def test_no_tensor_is_larger_than_the_result():
    with Largest() as made:
        ntk(hatact.HAT, 3, points(400), points(410, 2))
    assert made.numbers <= 400 * 410
