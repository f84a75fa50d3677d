"""Networks of sines: the formula, how they start, and what they refuse."""

import math
import random
import re

import pytest
import torch

from hatact.baselines import Networks, Siren, fit

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
            h = z if layer == len(weights) - 1 else [np.sin(omega * v) for v in z]
        rows.append(h)
    return np.array(rows)


@pytest.mark.parametrize("case", range(8))
def test_the_formula(case):
    rng = random.Random(case)
    sizes = [rng.randint(1, 3), *(rng.randint(1, 7) for _ in range(case % 4)), rng.randint(1, 3)]
    omega, seeds = rng.choice([0.5, 3, 30.0]), rng.sample(range(100), rng.randint(1, 3))
    nets = Siren(sizes, seeds, omega).double()
    x = torch.rand(len(seeds), 5, sizes[0], dtype=torch.float64) * 2 - 1
    y = nets(x)
    assert y.shape == (len(seeds), 5, sizes[-1])
    for s in range(len(seeds)):
        expected = by_hand(nets, s, x[s], omega)
        np.testing.assert_allclose(y[s].detach().numpy(), expected, rtol=1e-10, atol=1e-11)
        torch.testing.assert_close(nets(x[s])[s], y[s])  # points that all share


def test_omega_is_30_unless_given():
    x = torch.rand(4, 2)
    assert torch.equal(Siren((2, 5, 1), (0,))(x), Siren((2, 5, 1), (0,), omega=30)(x))


@pytest.mark.parametrize("omega", [5.0, 30.0])
def test_the_bounds_of_the_start(omega):
    nets = Siren((3, 300, 200, 50), (0, 1), omega)
    bounds = [1 / 3, math.sqrt(6 / 300) / omega, math.sqrt(6 / 200) / omega]
    for w, b, bound, width in zip(nets.weights, nets.biases, bounds, (3, 300, 200), strict=True):
        for drawn, most in ((w, bound), (b, 1 / math.sqrt(width))):
            largest = drawn.detach().abs().amax((1, 2))
            assert (largest <= most * (1 + 1e-6)).all()
            assert (largest >= 0.9 * most).all()
        assert float(w.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.06)
        assert float(w.detach().mean()) == pytest.approx(0, abs=0.1 * bound)


def test_a_network_depends_on_its_seed_alone():
    state = torch.get_rng_state()
    several, alone = Siren((2, 6, 5, 1), (4, 7, 4)), Siren((2, 6, 5, 1), (7,))
    assert torch.equal(torch.get_rng_state(), state)
    for a, b in zip(several.parameters(), alone.parameters(), strict=True):
        assert torch.equal(a[1], b[0])
        assert torch.equal(a[0], a[2])
        assert not torch.equal(a[0], a[1])
    x = torch.rand(9, 2)
    torch.testing.assert_close(several(x)[1:2], alone(x))


def test_its_biases_are_those_of_torchs_layers():
    plain = Networks((2, 6, 1), (3,), torch.sin)
    for a, b in zip(Siren((2, 6, 1), (3,)).biases, plain.biases, strict=True):
        assert torch.equal(a, b)


def test_gradients():
    nets = Siren((2, 4, 3, 1), (0, 5), omega=3).double()
    x = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
    names, values = zip(*nets.named_parameters(), strict=True)

    def call(x, *values):
        return torch.func.functional_call(nets, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(call, (x, *values))


def test_it_learns_and_goes_to_a_device():
    nets, x = Siren((2, 16, 16, 1), (0, 1)), torch.rand(20, 2) * 2 - 1
    optimiser = torch.optim.Adam(nets.parameters(), lr=1e-3, fused=True)
    losses = fit(nets, optimiser, x, torch.sin(9 * x[:, :1]), 60)
    assert (losses[-1] < losses[0] / 10).all()
    assert nets.to("meta")(x.to("meta")).shape == (2, 20, 1)


@pytest.mark.parametrize("omega", [0, -1.5, math.inf, math.nan])
def test_a_bad_omega(omega):
    with pytest.raises(ValueError, match=f"omega must be positive and finite; got {omega}"):
        Siren((2, 3, 1), (0,), omega)


@pytest.mark.parametrize("arguments", [((), (0,)), ((3,), (0,)), ((3, 0, 1), (0,)), ((3, 1), ())])
def test_bad_sizes_and_seeds(arguments):
    message = f"at least 1, and a seed; got sizes {arguments[0]} and seeds {arguments[1]}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Siren(*arguments)
