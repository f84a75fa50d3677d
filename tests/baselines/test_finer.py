"""Networks of sines of a rising frequency: the formula, its gradient, the start, bad input."""

import math
import random
import re

import pytest
import torch

from hatact.baselines import Finer, Siren, fit

np = pytest.importorskip("numpy")


def by_hand(nets, s, x, omega):
    """The s-th network at every point of x, a unit at a time."""
    weights = [w[s].detach().numpy() for w in nets.weights]
    biases = [b[s, 0].detach().numpy() for b in nets.biases]
    rows = []
    for point in x.numpy():
        h = list(point)
        for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
            z = [sum(w[i, j] * h[i] for i in range(len(h))) + b[j] for j in range(len(b))]
            if layer < len(weights) - 1:
                z = [np.sin(omega * (abs(v) + 1) * v) for v in z]
            h = z
        rows.append(h)
    return np.array(rows)


@pytest.mark.parametrize("case", range(8))
def test_the_formula(case):
    rng = random.Random(case)
    sizes = [rng.randint(1, 3), *(rng.randint(1, 7) for _ in range(case % 4)), rng.randint(1, 3)]
    omega, seeds = rng.choice([0.5, 3, 30.0]), rng.sample(range(100), rng.randint(1, 3))
    nets = Finer(sizes, seeds, omega, rng.choice([None, 0, 2.5])).double()
    x = torch.rand(len(seeds), 5, sizes[0], dtype=torch.float64) * 2 - 1
    y = nets(x)
    assert y.shape == (len(seeds), 5, sizes[-1])
    for s in range(len(seeds)):
        expected = by_hand(nets, s, x[s], omega)
        np.testing.assert_allclose(y[s].detach().numpy(), expected, rtol=1e-10, atol=1e-11)
        torch.testing.assert_close(nets(x[s])[s], y[s])  # points that all share


def slopes(omega, factor):
    """What a network of one unit in a row sends back to x: by hand, with a factor of its own."""
    nets = Finer((1, 1, 1, 1), (3,), omega).double()
    x = torch.linspace(-1, 1, 11, dtype=torch.float64, requires_grad=True)
    nets(x[:, None]).sum().backward()
    w = [float(w.detach()) for w in nets.weights]
    b = [float(b.detach()) for b in nets.biases]
    expected = []
    for point in x.detach().numpy():
        h, slope = point, w[2]
        for layer in range(2):
            z = w[layer] * h + b[layer]
            phase = omega * (abs(z) + 1) * z
            slope *= w[layer] * omega * factor(abs(z)) * np.cos(phase)
            h = np.sin(phase)
        expected.append(slope)
    return x.grad.numpy(), np.array(expected)


@pytest.mark.parametrize("omega", [1.0, 30.0])
def test_the_gradient_holds_the_factor_constant(omega):
    got, expected = slopes(omega, lambda size: size + 1)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
    got, derivative = slopes(omega, lambda size: 2 * size + 1)
    assert np.abs(got - derivative).max() > 0.05 * np.abs(derivative).max()


@pytest.mark.parametrize("omega", [5.0, 30.0])
def test_it_starts_as_a_siren_does(omega):
    finer, siren = (kind((2, 9, 8, 1), (4, 0), omega) for kind in (Finer, Siren))
    for a, b in zip(finer.parameters(), siren.parameters(), strict=True):
        assert torch.equal(a, b)
    x = torch.rand(3, 2)
    assert torch.equal(Finer((2, 5, 1), (0,))(x), Finer((2, 5, 1), (0,), omega=30)(x))


@pytest.mark.parametrize("first_bias", [0.3, 5, 20.0])
def test_the_bound_of_the_first_biases(first_bias):
    nets, plain = (
        Finer((3, 400, 4, 1), (0, 1), first_bias=first_bias),
        Finer((3, 400, 4, 1), (0, 1)),
    )
    first = nets.biases[0].detach()
    largest = first.abs().amax((1, 2))
    assert (largest <= first_bias * (1 + 1e-6)).all()
    assert (largest >= 0.9 * first_bias).all()
    assert float(first.std()) == pytest.approx(first_bias / math.sqrt(3), rel=0.1)
    for name, value in nets.named_parameters():
        assert torch.equal(value, plain.get_parameter(name)) == (name != "biases.0")


def test_first_biases_of_0():
    assert not Finer((3, 4, 1), (0,), first_bias=0).biases[0].any()


def test_a_network_depends_on_its_seed_alone():
    state = torch.get_rng_state()
    several = Finer((2, 6, 5, 1), (4, 7, 4), first_bias=2)
    alone = Finer((2, 6, 5, 1), (7,), first_bias=2)
    assert torch.equal(torch.get_rng_state(), state)
    for a, b in zip(several.parameters(), alone.parameters(), strict=True):
        assert torch.equal(a[1], b[0])
        assert torch.equal(a[0], a[2])
        assert not torch.equal(a[0], a[1])
    x = torch.rand(9, 2)
    torch.testing.assert_close(several(x)[1:2], alone(x))


def test_it_learns_and_goes_to_a_device():
    nets, x = Finer((2, 16, 16, 1), (0, 1), first_bias=1), torch.rand(20, 2) * 2 - 1
    optimiser = torch.optim.Adam(nets.parameters(), lr=1e-3, fused=True)
    losses = fit(nets, optimiser, x, torch.sin(9 * x[:, :1]), 60)
    assert (losses[-1] < losses[0] / 10).all()
    assert nets.to("meta")(x.to("meta")).shape == (2, 20, 1)


@pytest.mark.parametrize("omega", [0, -1.5, math.inf, math.nan])
def test_a_bad_omega(omega):
    with pytest.raises(ValueError, match=f"omega must be positive and finite; got {omega}"):
        Finer((2, 3, 1), (0,), omega)


@pytest.mark.parametrize("bound", [-0.5, math.inf, math.nan])
def test_a_bad_first_bias(bound):
    with pytest.raises(ValueError, match=f"first_bias must be finite and at least 0; got {bound}"):
        Finer((2, 3, 1), (0,), first_bias=bound)


@pytest.mark.parametrize("arguments", [((), (0,)), ((3,), (0,)), ((3, 0, 1), (0,)), ((3, 1), ())])
def test_bad_sizes_and_seeds(arguments):
    message = f"at least 1, and a seed; got sizes {arguments[0]} and seeds {arguments[1]}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Finer(*arguments, first_bias=1)
