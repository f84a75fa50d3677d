"""Networks of complex Gabor wavelets: the formula, their numbers, the start, bad input."""

import math
import random
import re
from itertools import pairwise

import pytest
import torch
from torch import nn

from hatact.baselines import Wire, fit

np = pytest.importorskip("numpy")


def by_hand(nets, s, x, omega, sigma):
    """The s-th network at every point of x, a unit at a time, with Python's complex numbers."""
    weights = [w[s].detach().numpy() for w in nets.weights]
    biases = [b[s, 0].detach().numpy() for b in nets.biases]
    weights[1:] = [w[..., 0] + 1j * w[..., 1] for w in weights[1:]]
    biases[1:] = [b[..., 0] + 1j * b[..., 1] for b in biases[1:]]
    rows = []
    for point in x.numpy():
        h = list(point)
        for layer, (w, b) in enumerate(zip(weights, biases, strict=True)):
            z = [sum(w[i, j] * h[i] for i in range(len(h))) + b[j] for j in range(len(b))]
            if layer < len(weights) - 1:
                z = [np.exp(1j * omega * v) * np.exp(-((sigma * abs(v)) ** 2)) for v in z]
            h = z
        rows.append([np.real(v) for v in h])
    return np.array(rows)


@pytest.mark.parametrize("case", range(9))
def test_the_formula(case):
    rng = random.Random(case)
    sizes = [rng.randint(1, 3), *(rng.randint(1, 9) for _ in range(case % 4)), rng.randint(1, 3)]
    omega, sigma = rng.choice([(0.5, 0.7), (3, 2), (10.0, 10.0), (20, 10)])
    seeds = rng.sample(range(100), rng.randint(1, 3))
    nets = Wire(sizes, seeds, omega, sigma).double()
    x = torch.rand(len(seeds), 5, sizes[0], dtype=torch.float64) * 2 - 1
    y = nets(x)
    assert (y.shape, y.dtype) == ((len(seeds), 5, sizes[-1]), torch.float64)
    for s in range(len(seeds)):
        expected = by_hand(nets, s, x[s], omega, sigma)
        np.testing.assert_allclose(y[s].detach().numpy(), expected, rtol=1e-10, atol=1e-11)
        torch.testing.assert_close(nets(x[s])[s], y[s])  # points that all share


def test_omega_and_sigma_are_10_unless_given():
    x = torch.rand(4, 2)
    y = Wire((2, 5, 1), (0,))(x)
    assert y.dtype == torch.float32
    assert torch.equal(y, Wire((2, 5, 1), (0,), omega=10, sigma=10)(x))
    assert not torch.allclose(y, Wire((2, 5, 1), (0,), omega=9)(x))
    assert not torch.allclose(y, Wire((2, 5, 1), (0,), sigma=9)(x))


def test_it_starts_as_torchs_layers_do():
    state = torch.get_rng_state()
    nets = Wire((3, 8, 5, 2), (4, 0))
    assert torch.equal(torch.get_rng_state(), state)
    for s, seed in enumerate((4, 0)):
        torch.manual_seed(seed)
        layers = [
            nn.Linear(3, 5),
            nn.Linear(5, 3, dtype=torch.complex64),
            nn.Linear(3, 2, dtype=torch.complex64),
        ]
        for i, layer in enumerate(layers):
            w, b = nets.weights[i][s].detach(), nets.biases[i][s, 0].detach()
            if i:
                w, b = torch.view_as_complex(w), torch.view_as_complex(b)
            assert torch.equal(w.T, layer.weight.detach())
            assert torch.equal(b, layer.bias.detach())


def test_the_bounds_of_the_start():
    nets = Wire((3, 300, 200, 50), (0, 1))
    for w, b, width in zip(nets.weights, nets.biases, (3, 212, 141), strict=True):
        for drawn in (w, b):
            largest = drawn.detach().abs().amax((1, 2)).flatten()  # of either part
            assert (largest <= (1 + 1e-6) / math.sqrt(width)).all()
            assert (largest >= 0.9 / math.sqrt(width)).all()


@pytest.mark.parametrize("sizes", [(2, 128, 128, 128, 1), (3, 64, 64, 3), (2, 256, 256, 1)])
def test_about_as_many_numbers_as_a_real_network(sizes):
    real = sum((a + 1) * b for a, b in pairwise(sizes))
    numbers = sum(p.numel() for p in Wire(sizes, (0,)).parameters())
    assert numbers == pytest.approx(real, rel=0.1)
    assert numbers != real


def test_widths_are_rounded_down_and_at_least_1():
    nets = Wire((2, 1, 10, 3, 1), (0, 5))
    shapes = [(2, 2, 1), (2, 1, 7, 2), (2, 7, 2, 2), (2, 2, 1, 2)]
    assert [tuple(w.shape) for w in nets.weights] == shapes
    assert [tuple(b.shape) for b in nets.biases] == [
        (2, 1, 1),
        (2, 1, 7, 2),
        (2, 1, 2, 2),
        (2, 1, 1, 2),
    ]
    assert not any(p.is_complex() for p in nets.parameters())


def test_a_network_depends_on_its_seed_alone():
    several, alone = Wire((2, 6, 5, 1), (4, 7, 4)), Wire((2, 6, 5, 1), (7,))
    for a, b in zip(several.parameters(), alone.parameters(), strict=True):
        assert torch.equal(a[1], b[0])
        assert torch.equal(a[0], a[2])
        assert not torch.equal(a[0], a[1])
    x = torch.rand(9, 2)
    torch.testing.assert_close(several(x)[1:2], alone(x))


def test_gradients():
    nets = Wire((2, 4, 3, 1), (0, 5), omega=3, sigma=1).double()
    x = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
    names, values = zip(*nets.named_parameters(), strict=True)

    def call(x, *values):
        return torch.func.functional_call(nets, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(call, (x, *values))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_learns_with_fused_adam(dtype):
    nets, x = Wire((2, 24, 24, 1), (0, 1), 5, 3).to(dtype), torch.rand(20, 2, dtype=dtype)
    before = [p.detach().clone() for p in nets.parameters()]
    optimiser = torch.optim.Adam(nets.parameters(), lr=1e-2, fused=True)
    losses = fit(nets, optimiser, x, torch.sin(9 * x[:, :1]), 60)
    assert (losses[-1] < losses[0] / 10).all()
    assert not any(map(torch.equal, nets.parameters(), before))


def test_double_is_double_precision_and_it_goes_to_a_device():
    nets, x = Wire((2, 8, 8, 1), (3,)), torch.rand(20, 2, dtype=torch.float64)
    single = nets(x.float())
    error = float((nets.double()(x) - single).detach().abs().max())
    assert 0 < error < 1e-4
    nets.load_state_dict(Wire((2, 8, 8, 1), (4,)).state_dict())
    assert not torch.allclose(nets(x).float(), single)
    assert nets.to("meta")(x.to("meta")).shape == (1, 20, 1)


@pytest.mark.parametrize("bad", [0, -1.5, math.inf, math.nan])
def test_a_bad_omega_or_sigma(bad):
    rule = "omega and sigma must be positive and finite"
    with pytest.raises(ValueError, match=f"{rule}; got {bad} and 2"):
        Wire((2, 3, 1), (0,), bad, 2)
    with pytest.raises(ValueError, match=f"{rule}; got 2 and {bad}"):
        Wire((2, 3, 1), (0,), 2, bad)


@pytest.mark.parametrize("arguments", [((), (0,)), ((3,), (0,)), ((3, 0, 1), (0,)), ((3, 1), ())])
def test_bad_sizes_and_seeds(arguments):
    message = f"at least 1, and a seed; got sizes {arguments[0]} and seeds {arguments[1]}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Wire(*arguments)
