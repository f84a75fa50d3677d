"""How eigenvalues fall with the frequency, against kernels whose eigenvalues are known."""

import math
from functools import partial

import pytest
import torch

import hatact
from hatact.analysis import eigenvalue_decay, nngp, ntk

pytest.importorskip("scipy")


def cosines(values):
    """K(θ) = Σ_k a_k·cos(kθ), whose λ_k is a_k/2 for k ≥ 1 and a_0."""

    def kernel(x1, x2):
        angle = torch.atan2(*reversed(x2.unbind(1))) - torch.atan2(*reversed(x1.unbind(1)))
        k = torch.arange(len(values), dtype=torch.float64)
        return (torch.cos(k * angle[:, None]) @ torch.tensor(values, dtype=torch.float64))[None]

    return kernel


def test_the_circle_gives_back_the_coefficients_of_a_sum_of_cosines():
    values = [2.0, 1.0, 0.5, 0.25, 0.0, 0.125]
    found = eigenvalue_decay(cosines(values), 1, 7)
    known = torch.tensor([2.0, 0.5, 0.25, 0.125, 0.0, 0.0625, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(found.values, known, rtol=0, atol=1e-14)
    assert found.frequencies.tolist() == [*range(8)]
    assert found.fitted.tolist() == [1, 2, 3, 5]
    assert bool(((found.values - known).abs() <= found.errors).all())


@pytest.mark.parametrize("p", [-1.5, -3.0])
def test_the_exponent_is_that_of_a_power_and_its_interval_holds_it(p):
    values = [1.0, *(k**p for k in range(1, 61))]
    found = eigenvalue_decay(cosines(values), 5, 50)
    assert found.exponent == pytest.approx(p, abs=1e-6)
    low, high = found.interval
    assert low <= found.exponent <= high
    assert high - low < 1e-5


def test_the_interval_holds_the_slope_of_noisy_powers_19_times_of_20():
    held = 0
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        noise = torch.randn(41, generator=generator, dtype=torch.float64).mul(0.3).exp()
        values = [1.0, *(float(n) * k**-2 for k, n in enumerate(noise, 1))]
        low, high = eigenvalue_decay(cosines(values), 2, 40).interval
        held += low <= -2 <= high
    assert 52 <= held <= 60


@pytest.mark.parametrize("dimension", [3, 4, 7])
def test_spheres_give_the_funk_hecke_eigenvalues_of_powers_of_the_cosine(dimension):
    """Of t² = (1 − 1/d)·P_2 + 1/d and of t; by the reproducing property λ_k = a_k/dim H_k."""
    kernel = eigenvalue_decay(lambda x1, x2: (x1 @ x2.T) ** 2, 1, 4, dimension)
    harmonics = dimension * (dimension + 1) / 2 - 1
    known = [1 / dimension, 0, (1 - 1 / dimension) / harmonics, 0, 0]
    assert kernel.values.tolist() == pytest.approx(known, abs=1e-13)
    linear = eigenvalue_decay(lambda x1, x2: x1 @ x2.T, 1, 3, dimension)
    assert linear.values.tolist() == pytest.approx([0, 1 / dimension, 0, 0], abs=1e-13)


def test_the_exponential_of_the_cosine_gives_bessel_functions_on_the_circle():
    from scipy.special import iv

    found = eigenvalue_decay(lambda x1, x2: (3 * x1 @ x2.T).exp(), 1, 12)
    assert found.values.tolist() == pytest.approx(iv(range(13), 3).tolist(), abs=1e-13)


def test_a_matrix_gives_its_eigenvalues_the_largest_first():
    generator = torch.Generator().manual_seed(1)
    q = torch.linalg.qr(torch.randn(30, 30, generator=generator, dtype=torch.float64))[0]
    known = torch.arange(1, 31, dtype=torch.float64) ** -2
    found = eigenvalue_decay(q @ torch.diag(known) @ q.T, 1, 20)
    torch.testing.assert_close(found.values, known[:20], rtol=0, atol=1e-14)
    assert found.exponent == pytest.approx(-2, abs=1e-8)
    assert found.frequencies.tolist() == [*range(1, 21)]


def test_what_is_not_a_hundred_times_its_error_is_not_fitted():
    values = [1.0, *(10.0**-k for k in range(1, 16))]
    found = eigenvalue_decay(cosines(values), 1, 15)
    assert found.fitted.tolist() == [*range(1, 11)]
    looser = eigenvalue_decay(cosines(values), 1, 15, accuracy=1e-6)
    assert looser.fitted.tolist() == [1, 2, 3]
    none = eigenvalue_decay(cosines(values), 1, 15, accuracy=1e-4)
    assert math.isnan(none.exponent)
    assert all(map(math.isnan, none.interval))


def test_a_narrow_kernel_takes_more_points_until_they_do_not_alias():
    calls = []

    def narrow(x1, x2):
        calls.append(len(x2))
        return torch.exp(-(((x2 - x1).norm(dim=1) / 3e-4) ** 2))[None]

    found = eigenvalue_decay(narrow, 10, 100)
    assert len(calls) > 1
    width = 3e-4 / math.sqrt(2)
    known = width / math.sqrt(2 * math.pi)  # of a Gaussian bump, flat over these k
    assert found.values[50] == pytest.approx(known, rel=1e-3)
    assert abs(found.exponent) < 1e-2


@pytest.mark.parametrize(("depth", "dimension"), [(2, 2), (3, 2), (6, 2), (2, 3), (2, 4)])
def test_relu_with_biases_falls_by_the_dimension(depth, dimension):
    kernel = partial(ntk, hatact.RELU, depth)
    found = eigenvalue_decay(kernel, 20, 200, dimension)
    assert found.exponent == pytest.approx(-dimension, abs=0.1)


def test_relu_without_biases_has_no_odd_frequencies_but_1():
    found = eigenvalue_decay(partial(ntk, hatact.RELU, 2, bias_variance=0.0), 20, 200)
    assert bool((found.values[3::2] <= found.errors[3::2]).all())
    assert found.values[1] > 1e-3
    assert found.exponent == pytest.approx(-2, abs=0.1)
    assert not any(k % 2 for k in found.fitted.tolist())


@pytest.mark.parametrize("degree", [2, 3])
def test_splines_fall_by_twice_their_degree(degree):
    found = eigenvalue_decay(partial(ntk, hatact.bspline(degree), 2), 40, 200)
    assert found.exponent == pytest.approx(-2 * degree, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ((0, 5), "1 <= first < last"),
        ((5, 5), "1 <= first < last"),
        ((1, 5000), "1 <= first < last"),
        ((1.0, 5), "1 <= first < last"),
        ((1, 5, 1), "dimension"),
        ((1, 5, 2, 0.0), "accuracy"),
        ((1, 5, 2, math.nan), "accuracy"),
        ((1, 5, 2, True), "accuracy"),
        ((1, 5, 2, "a"), "accuracy"),
    ],
)
def test_bad_arguments_are_refused(arguments, rule):
    with pytest.raises(ValueError, match=rule):
        eigenvalue_decay(lambda x1, x2: x1 @ x2.T, *arguments)


def test_bad_kernels_are_refused():
    with pytest.raises(ValueError, match=r"\(n1, n2\) values; got \(16384,\)"):
        eigenvalue_decay(lambda x1, x2: x2 @ x1[0], 1, 5)
    with pytest.raises(ValueError, match="finite; got 16384"):
        eigenvalue_decay(lambda x1, x2: x1 @ x2.T / 0, 1, 5)
    with pytest.raises(ValueError, match="last <= 4"):
        eigenvalue_decay(torch.eye(4), 1, 5)
    with pytest.raises(ValueError, match="function or a matrix; got int"):
        eigenvalue_decay(3, 1, 5)
    with pytest.raises(ValueError, match="a tensor of float32 or float64; got float"):
        eigenvalue_decay(lambda x1, x2: 1.0, 1, 5)
    with pytest.raises(ValueError, match="of a function alone; got 3"):
        eigenvalue_decay(torch.eye(9), 1, 5, 3)
    with pytest.raises(ValueError, match="symmetric"):
        eigenvalue_decay(torch.ones(5, 5).triu(), 1, 3)


def test_what_a_kernel_in_float32_leaves_to_rounding_is_not_fitted():
    """ReLU's covariance of two layers falls as k⁻⁴."""

    def kernel(x1, x2):
        return nngp(hatact.RELU, 2, x1.float(), x2.float())

    single = eigenvalue_decay(kernel, 10, 1000)
    double = eigenvalue_decay(partial(nngp, hatact.RELU, 2), 10, 1000)
    assert bool(((single.values - double.values).abs() <= single.errors).all())
    assert single.exponent == pytest.approx(-4, abs=0.3) or math.isnan(single.exponent)
    assert double.exponent == pytest.approx(-4, abs=0.1)
