"""The kernels of networks that are drawn come to those of infinitely wide ones as they widen."""

import pytest
import torch

import hatact
from hatact import bspline
from hatact.activations import registry
from hatact.analysis import empirical_ntk, nngp, ntk
from tests.support.tangents import Drawn

pytest.importorskip("scipy")

BW_RELU = registry()["bw_relu"]
SPECS = {
    "hat": hatact.HAT,
    "hat, 4": hatact.HAT.scaled(4),
    "hat, 8": hatact.HAT.scaled(8),
    "bw_relu": BW_RELU,
    "bw_relu, 4": BW_RELU.scaled(4),
    "cubic": bspline(3),
    "cubic about 0": bspline(3).scaled(2, 2),
}
DEPTH = 3


def points(n=24, inputs=2):
    return torch.rand(n, inputs, generator=torch.Generator().manual_seed(9)) * 2 - 1


def relative_errors(spec, width, seeds, inputs=2, normal=True):
    """‖K − Θ‖/‖Θ − 1‖ of the mean over networks, and the root mean square of single ones.

    The 1 is the share of the last bias, which is none of the activation's.
    """
    x = points(inputs=inputs)
    expected = ntk(spec, DEPTH, x.double(), parameterization="standard", width=width)
    drawn = (Drawn(DEPTH, width, seed, inputs, normal) for seed in range(seeds))
    found = torch.stack([network.tangent_kernel(spec, x) for network in drawn])
    off = (found - expected).flatten(1).norm(dim=1) / (expected - 1).norm()
    mean = (found.mean(0) - expected).norm() / (expected - 1).norm()
    return float(mean), float(off.square().mean().sqrt())


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("name", SPECS)
def test_layer_by_layer_it_is_the_empirical_kernel(name, depth):
    drawn, x = Drawn(depth, 9, 3), points(7)
    expected = empirical_ntk(drawn.module(SPECS[name]).double(), x.double())
    torch.testing.assert_close(drawn.tangent_kernel(SPECS[name], x), expected, rtol=1e-4, atol=1e-5)


ROOT_LAWS = [name for name in SPECS if name != "cubic"]  # it is of cubes of what passes 0, whose
# means a width of some hundred does not have yet


@pytest.mark.parametrize("name", ROOT_LAWS)
def test_errors_fall_with_the_root_of_the_width(name):
    (_, narrow), (mean, wide) = (relative_errors(SPECS[name], n, 16) for n in (128, 1024))
    assert mean <= 0.1
    assert 1.8 <= narrow / wide <= 4.5  # √8


@pytest.mark.slow
@pytest.mark.parametrize("name", ROOT_LAWS)
def test_errors_fall_with_the_root_of_the_width_up_to_4096(name):
    (_, narrow), (mean, wide) = (relative_errors(SPECS[name], n, 16) for n in (256, 4096))
    assert mean <= 0.05
    assert 2.5 <= narrow / wide <= 6


@pytest.mark.slow
def test_the_mean_of_cubes_at_4096():
    assert relative_errors(SPECS["cubic"], 4096, 16)[0] <= 0.05


@pytest.mark.slow
def test_a_steep_hat_at_16384():
    """Of 2 networks, one after the other, whose weights are a GiB each."""
    mean, single = relative_errors(SPECS["hat, 8"], 16384, 2)
    assert mean <= 0.05
    assert single <= 0.05


@pytest.mark.parametrize("inputs", [16, 64])
def test_uniform_weights_of_many_inputs_are_as_normal_ones(inputs):
    assert relative_errors(SPECS["hat, 4"], 1024, 16, inputs, normal=False)[0] <= 0.05


def test_uniform_weights_of_two_inputs_have_another_limit():
    """Their sums are not normal, and no width makes them so; in the other layers it does."""
    apart, near = (relative_errors(SPECS["hat, 4"], 1024, 16, normal=n)[0] for n in (False, True))
    assert near <= 0.04
    assert apart >= 0.06


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("name", ROOT_LAWS)
def test_the_output_s_covariance(name, depth):
    x, width, seeds = points(), 1024, 32
    expected = nngp(SPECS[name], depth, x.double(), width=width)
    drawn = (Drawn(depth, width, seed).covariance(SPECS[name], x) for seed in range(seeds))
    found = sum(drawn) / seeds
    assert float((found - expected).norm() / expected.norm()) <= 0.05
