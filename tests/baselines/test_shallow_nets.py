"""Wide networks of one hidden layer: against the formula, and what they refuse."""

import math

import pytest
import torch
from torch import nn

from hatact.baselines import ShallowNets
from hatact.nn import Hat

np = pytest.importorskip("numpy")


def moved(seeds=(0, 1, 2), activation=torch.relu, width=10):
    """Networks that are not at their start."""
    nets = ShallowNets(3, width, seeds, activation).double()
    with torch.no_grad():
        for p in nets.parameters():
            p.add_(torch.randn_like(p))
    return nets


@pytest.mark.parametrize("activation", ["relu", "tanh", "hat"])
def test_the_formula(activation):
    act = {"relu": torch.relu, "tanh": nn.Tanh(), "hat": Hat(2)}[activation]
    plain = {
        "relu": lambda h: np.maximum(h, 0),
        "tanh": np.tanh,
        "hat": lambda h: np.maximum(0, 1 - np.abs(2 * h - 1)),
    }[activation]
    nets, x = moved(activation=act), torch.randn(7, 3, dtype=torch.float64)
    expected = np.zeros((7, 3))
    for s in range(3):
        w, b = nets.weights[s].detach().numpy(), nets.biases[s].detach().numpy()
        for r in range(10):
            a = -1 if r < 5 else 1
            h = (x.numpy() @ w[r] + b[r]) / math.sqrt(2)
            expected[:, s] += a * plain(h) / math.sqrt(10)
    assert nets(x).shape == (7, 3)
    np.testing.assert_allclose(nets(x).detach().numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("width", [2, 10, 4096])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_they_start_at_zero_but_for_rounding(width, dtype):
    nets = ShallowNets(4, width, (0, 5), nn.ReLU()).to(dtype)
    x = torch.randn(50, 4, dtype=dtype)
    x /= x.norm(dim=1, keepdim=True)
    assert float(nets(x).detach().abs().max()) <= 4 * math.sqrt(width) * torch.finfo(dtype).eps
    half = width // 2
    for w in nets.weights:
        assert w.shape == (width, 4)
        assert torch.equal(w[:half], w[half:])
    assert nets.signs.tolist() == [-1] * half + [1] * half
    assert not nets.biases.any()


def test_weights_are_drawn_from_the_normal_distribution():
    w = ShallowNets(5, 20_000, [3], torch.relu).weights[0][:10_000]
    assert float(w.detach().mean()) == pytest.approx(0, abs=0.02)
    assert (w.T @ w / 10_000).detach().numpy() == pytest.approx(np.eye(5), abs=0.06)


def test_a_network_depends_on_its_seed_alone():
    several, one = ShallowNets(3, 8, (4, 7, 4), torch.relu), ShallowNets(3, 8, (7,), torch.relu)
    assert torch.equal(several.weights[0], several.weights[2])
    assert torch.equal(several.weights[1], one.weights[0])
    assert not torch.equal(several.weights[0], several.weights[1])
    before = torch.get_rng_state()
    ShallowNets(3, 8, range(2), torch.relu)
    assert torch.equal(torch.get_rng_state(), before)


def test_each_is_trained_as_if_it_were_alone():
    x, y = torch.randn(9, 3, dtype=torch.float64), torch.randn(9, 1, dtype=torch.float64)
    several = ShallowNets(3, 8, (4, 7), torch.relu).double()
    alone = ShallowNets(3, 8, (7,), torch.relu).double()
    for nets in (several, alone):
        optimiser = torch.optim.SGD(nets.parameters(), 0.1)
        for _ in range(5):
            optimiser.zero_grad()
            (nets(x) - y).square().mean(0).sum().backward()
            optimiser.step()
    torch.testing.assert_close(several(x)[:, 1:], alone(x))
    torch.testing.assert_close(several.biases[1:], alone.biases)
    assert several.biases.any()


def test_what_is_trained_and_what_a_state_holds():
    nets = ShallowNets(3, 8, (0, 1), torch.relu)
    assert {name: tuple(p.shape) for name, p in nets.named_parameters()} == {
        "weights.0": (8, 3),
        "weights.1": (8, 3),
        "biases": (2, 8),
    }
    assert not nets.signs.requires_grad
    other = ShallowNets(3, 8, (2, 3), torch.relu)
    other.load_state_dict(nets.state_dict())
    x = torch.randn(4, 3)
    assert torch.equal(other(x), nets(x))


def test_muon_takes_the_weights():
    nets, x = ShallowNets(3, 8, (0, 1), torch.relu), torch.randn(6, 3)
    before = [w.detach().clone() for w in nets.weights]
    optimiser = torch.optim.Muon(nets.weights, lr=0.1, weight_decay=0)
    (nets(x) - 1).square().mean().backward()
    optimiser.step()
    assert not any(map(torch.equal, nets.weights, before))


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ((0, 4, (0,)), r"0 inputs, width 4 and seeds \(0,\)"),
        ((2, 0, (0,)), "width 0"),
        ((2, -2, (0,)), "width -2"),
        ((2, 5, (0,)), "width 5"),
        ((2, 4, ()), r"seeds \(\)"),
        ((2, 4, range(0)), r"seeds \(\)"),
    ],
)
def test_bad_input(arguments, got):
    with pytest.raises(ValueError, match=f"one input, an even width and a seed; got .*{got}"):
        ShallowNets(*arguments, torch.relu)
