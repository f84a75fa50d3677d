"""Kernels in closed form: against quadrature of their definition and against wide networks."""

import math

import pytest
import torch

from hatact.analysis import empirical_ntk, kernel_eigenpairs, log_slope, shallow_relu_ntk
from hatact.baselines import ShallowNets
from tests.support.tangents import circle


def sphere(n, d, seed=1):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, dtype=torch.float64, generator=generator)
    return x / x.norm(dim=1, keepdim=True)


def test_values_by_hand():
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]).double()
    expected = torch.tensor([[0.5, 0.125, 0.0], [0.125, 0.5, 0.125], [0.0, 0.125, 0.5]])
    torch.testing.assert_close(shallow_relu_ntk(x), expected.double())


def test_it_is_the_expectation_over_the_weights_of_a_unit():
    """Of a step·step·(x·x′ + 1)/2 only the angle of w in the plane matters: 10^5 of them."""
    angles = torch.linspace(0, 2 * math.pi, 100_001, dtype=torch.float64)[:-1] + 1e-7
    w = torch.stack([angles.cos(), angles.sin()], 1)
    x, others = circle(7), sphere(5, 2)
    open_, others_open = (x @ w.T > 0).double(), (others @ w.T > 0).double()
    expected = open_ @ others_open.T / len(w) * (x @ others.T + 1) / 2
    assert float((shallow_relu_ntk(x, others) - expected).abs().max()) < 2e-5


@pytest.mark.parametrize("d", [2, 4])
def test_a_wide_network_comes_to_it_as_the_width_grows(d):
    """The error is that of a mean over m/2 independent units, about m^(−1/2)."""
    x = sphere(12, d)
    expected = shallow_relu_ntk(x)
    errors = []
    for width in (64, 1024, 16384):
        apart = [
            empirical_ntk(ShallowNets(d, width, [seed], torch.relu).double(), x, chunk=4) - expected
            for seed in range(4)
        ]
        errors.append(float(torch.stack(apart).square().mean().sqrt()))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.5)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.5)
    assert errors[2] < 0.01


def test_on_the_circle_the_eigenvalues_fall_as_the_square_of_the_frequency():
    values = kernel_eigenpairs(shallow_relu_ntk(circle(1000)), 1000).values
    frequencies = list(range(4, 40))
    slope = log_slope(frequencies, [float(values[2 * k - 1]) for k in frequencies])
    assert slope == pytest.approx(-2, abs=0.05)
    torch.testing.assert_close(values[1:78:2], values[2:79:2])


@pytest.mark.parametrize("d", [2, 3, 7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_points_that_are_given_twice(d, dtype):
    """At u = 1 arccos makes 1e-8 of the last bit: the kernel must be symmetric all the same."""
    x = torch.cat([sphere(101, d)] * 2).to(dtype)
    kernel = shallow_relu_ntk(x)
    assert kernel.dtype == dtype
    eps = torch.finfo(dtype).eps
    assert float((kernel.diag() - 0.5).abs().max()) <= 2 * math.sqrt(eps)
    assert torch.equal(kernel, kernel.T)
    assert float(kernel_eigenpairs(kernel, 1).values) > 0
    torch.testing.assert_close(shallow_relu_ntk(x, x[:5]), kernel[:, :5], rtol=0, atol=2 * eps**0.5)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((torch.ones(3),), r"rows of one dimension; got shapes \(3,\) and \(3,\)"),
        ((torch.eye(3), torch.eye(2)), r"rows of one dimension; got shapes \(3, 3\) and \(2, 2\)"),
        ((torch.eye(3), torch.ones(3)), r"got shapes \(3, 3\) and \(3,\)"),
        ((torch.eye(3) * 1.001,), "must have length 1, to 1e-4; got"),
        ((torch.eye(3), torch.zeros(1, 3)), "must have length 1, to 1e-4; got"),
        ((torch.eye(3) * math.nan,), "must have length 1, to 1e-4; got"),
    ],
)
def test_bad_points(arguments, why):
    with pytest.raises(ValueError, match=why):
        shallow_relu_ntk(*arguments)
