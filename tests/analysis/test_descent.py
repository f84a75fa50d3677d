"""Gradient descent in closed form, against descent step by step."""

import math
import re

import pytest
import torch

from hatact import HAT, RELU, PiecewisePolynomial, bspline
from hatact.activations.bw_relu import BW_RELU
from hatact.analysis import cantilever_roots, eigenvalues, gram, log_slope, mesh_descent
from hatact.analysis.descent import _modes


def test_cantilever_roots():
    betas = cantilever_roots(320)
    assert betas[:4] == pytest.approx([1.8751040687, 4.6940911330, 7.8547574382, 10.9955407349])
    for j, beta in enumerate(betas[7:], 8):
        assert beta == pytest.approx((j - 0.5) * math.pi, rel=1e-9)
    for beta in betas[:6]:
        assert math.cos(beta) * math.cosh(beta) == pytest.approx(-1, rel=1e-6)


def test_the_slope_of_a_power_is_its_exponent():
    x = [1, 2, 5, 9]
    assert log_slope(x, [3 * a**-2.5 for a in x]) == pytest.approx(-2.5)
    assert log_slope([1, 10], [7, 7]) == 0


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2], [1], "got 2 x, 2 of them different, and 1 y"),
        ([2, 2], [1, 3], "got 2 x, 1 of them different, and 2 y"),
        ([], [], "got 0 x"),
        ([1, 2], [0, 3], "x and y must be positive; got 0"),
    ],
)
def test_no_slope(x, y, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        log_slope(x, y)


@pytest.mark.parametrize("spec", [RELU, HAT])
def test_rates_are_the_gram_matrixs_eigenvalues(spec):
    rates = _modes(spec, 30)[0]
    values = eigenvalues(spec, 30).flip(0)
    assert torch.allclose(rates, values / values[0], rtol=1e-9)


STEEP = PiecewisePolynomial.from_truncated_powers((0, 2), (1, -3), degree=1)
"""Neither compact nor ReLU: slope 1, then −2."""


@pytest.mark.parametrize("threshold", [0.1, 0.4])
@pytest.mark.parametrize("rate", [0.1, 1.0])
@pytest.mark.parametrize("spec", [RELU, HAT, STEEP])
def test_descent_takes_the_steps_that_a_loop_takes(spec, rate, threshold):
    n, frequencies = 6, (1, 2)
    mass, matrix = gram(HAT, n), gram(spec, n)
    at_nodes = torch.tensor([[float(spec(i + 1 - m)) for m in range(n)] for i in range(n)]).double()
    eta = rate / torch.linalg.eigvalsh(matrix)[-1]
    steps = []
    for k in frequencies:
        u = torch.sin(2 * math.pi * k * torch.arange(1, n + 1, dtype=torch.float64) / n)
        a, count = torch.zeros(n, dtype=torch.float64), 0
        load = at_nodes.T @ mass @ u  # ∫ φ_i u: u is piecewise linear on the mesh
        while (u - at_nodes @ a) @ mass @ u >= threshold * (u @ mass @ u):
            a = a - eta * (matrix @ a - load)
            count += 1
        steps.append(count)
    assert mesh_descent(spec, n, frequencies, rate, threshold).steps == steps


def test_the_fastest_modes_change_sign_least():
    assert mesh_descent(HAT, 20, (1,), 0.1).sign_changes == list(range(20))


@pytest.mark.parametrize("spec", [bspline(0), bspline(2), BW_RELU, HAT.scaled(1, shift=1)])
def test_another_basis_is_refused(spec):
    with pytest.raises(ValueError, match="continuous and piecewise linear with knots at whole"):
        mesh_descent(spec, 8, (1,), 0.1)


@pytest.mark.parametrize(
    ("rate", "threshold", "message"),
    [
        (0, 0.1, "the rate must lie in (0, 1]; got 0"),
        (1.5, 0.1, "the rate must lie in (0, 1]; got 1.5"),
        (math.nan, 0.1, "the rate must lie in (0, 1]; got nan"),
        (0.1, 1, "the threshold must lie in (0, 1); got 1"),
    ],
)
def test_bad_rates_and_thresholds(rate, threshold, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        mesh_descent(HAT, 8, (1,), rate, threshold)


@pytest.mark.parametrize("k", [0, 4, 8, 12])
def test_a_target_that_is_0_at_the_nodes_is_refused(k):
    with pytest.raises(ValueError, match=f"a multiple of n/2, 4; got {k}"):
        mesh_descent(HAT, 8, (1, k), 0.1)
