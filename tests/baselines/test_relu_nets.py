"""ReLU networks in one tensor: the formula, how they are drawn, and what they refuse."""

import copy
from itertools import pairwise

import pytest
import torch
from torch import nn

from hatact.baselines import ReLUNets
from hatact.baselines.relu_nets import _raai

SIZES = (1, 4, 3, 1)
STARTS = ("kaiming", "pytorch", "raai")


def layer(s, out, inputs, dtype=torch.float32):
    return torch.ones(s, out, inputs, dtype=dtype), torch.zeros(s, out, dtype=dtype)


def test_a_network_by_hand():
    """|2x| + 1 and relu(x) − 3 side by side."""
    first = torch.tensor([[[2.0], [-2.0]], [[1.0], [0.0]]]), torch.zeros(2, 2)
    second = torch.tensor([[[1.0, 1.0]], [[1.0, 1.0]]]), torch.tensor([[1.0], [-3.0]])
    nets = ReLUNets([first, second])
    x = torch.tensor([[-2.0, -2.0], [0.0, 0.0], [3.0, 3.0]])
    assert nets(x).tolist() == [[5.0, -3.0], [1.0, -3.0], [7.0, 0.0]]
    assert nets.channels == 2
    assert nets.flat.shape == (2 * (2 + 2 + 2 + 1),)


@pytest.mark.parametrize("start", STARTS)
def test_each_is_its_sequential_network(start):
    nets = ReLUNets.drawn(SIZES, (0, 1, 2), start)
    x = torch.linspace(-2, 2, 41)[:, None]
    y = nets(x.expand(-1, 3))
    for i in range(3):
        network = nets.to_sequential(i)
        assert [type(m) for m in network] == [*[nn.Linear, nn.ReLU] * 2, nn.Linear]
        torch.testing.assert_close(network(x), y[:, i : i + 1])
        network[0].weight.data.zero_()
    torch.testing.assert_close(nets(x.expand(-1, 3)), y, rtol=0, atol=0)


def test_gradients_are_those_of_the_sequential_network():
    nets = ReLUNets.drawn(SIZES, (0, 1), "pytorch").double()
    x = torch.linspace(-2, 2, 41, dtype=torch.float64)[:, None]
    nets(x.expand(-1, 2)).square().sum().backward()
    network = nets.to_sequential(1)
    network(x).square().sum().backward()
    grad = copy.deepcopy(nets)
    grad.flat.data = nets.flat.grad
    for (gw, gb), linear in zip(grad.layers(), network[::2], strict=True):
        torch.testing.assert_close(gw[1], linear.weight.grad)
        torch.testing.assert_close(gb[1], linear.bias.grad)


def test_layers_make_an_equal_module_that_shares_nothing():
    nets = ReLUNets.drawn(SIZES, (0, 1), "pytorch")
    same = ReLUNets(nets.layers())
    assert torch.equal(same.flat, nets.flat)
    same.flat.data.zero_()
    assert nets.flat.abs().sum() > 0


@pytest.mark.parametrize("start", STARTS)
def test_drawn_networks_are_the_seeds_own(start):
    both, second = ReLUNets.drawn(SIZES, (3, 8), start), ReLUNets.drawn(SIZES, (8,), start)
    for (w, b), (w8, b8), sizes in zip(
        both.layers(), second.layers(), pairwise(SIZES), strict=True
    ):
        assert w.shape == (2, sizes[1], sizes[0])
        assert torch.equal(w[1], w8[0])
        assert torch.equal(b[1], b8[0])
        assert not torch.equal(w[0], w8[0])


def test_pytorchs_start_is_that_of_its_own_layers():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        linear = [nn.Linear(n, m) for n, m in pairwise(SIZES)]
    for (w, b), own in zip(ReLUNets.drawn(SIZES, (7,), "pytorch").layers(), linear, strict=True):
        assert torch.equal(w[0], own.weight)
        assert torch.equal(b[0], own.bias)


def test_kaimings_start():
    (_, (w, b), _) = ReLUNets.drawn((1, 200, 200, 1), (0,), "kaiming").layers()
    assert w.std().item() == pytest.approx(0.1, rel=0.02)
    assert not b.any()


def test_raai_has_one_entry_a_neuron_of_beta_2_1():
    generator = torch.Generator().manual_seed(0)
    w, b = _raai(4, 50_000, generator)
    rows = torch.cat([w, b[:, None]], 1)
    # N(0, 0.36/4) in four of five entries, else Beta(2, 1) of mean 2/3 and mean square 1/2
    assert rows.mean() == pytest.approx(2 / 15, abs=0.003)
    assert rows.square().mean() == pytest.approx(0.8 * 0.6007**2 / 4 + 0.1, rel=0.01)


@pytest.mark.parametrize(
    ("layers", "why"),
    [
        ([], "at least one layer is needed; got none"),
        ([layer(0, 1, 1)], "at least one network is needed; got none"),
        ([layer(2, 4, 2), layer(2, 1, 4)], r"weights \(2, out, 1\) .*; got \(2, 4, 2\)"),
        ([layer(2, 4, 1), layer(2, 1, 3)], r"layer 1 must have weights \(2, out, 4\)"),
        ([layer(2, 4, 1), layer(3, 1, 4)], r"layer 1 must .*; got \(3, 1, 4\)"),
        ([layer(2, 4, 1)], "must have one output; got 4"),
        ([(torch.ones(2, 1), torch.ones(2))], r"layer 0 must .*; got \(2, 1\) and \(2,\)"),
        ([(torch.ones(2, 1, 1), torch.ones(2, 2))], r"layer 0 must .* and \(2, 2\)"),
        ([layer(1, 1, 1, torch.int64)], "one floating dtype; got torch.int64"),
        ([(torch.ones(1, 1, 1), torch.ones(1, 1).double())], "got torch.float32, torch.float64"),
    ],
)
def test_bad_layers(layers, why):
    with pytest.raises(ValueError, match=why):
        ReLUNets(layers)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (((1,), (0,), "raai"), r"two or more, 1 at both ends; got \(1,\)"),
        (((), (0,), "raai"), "two or more"),
        (((2, 4, 1), (0,), "raai"), "1 at both ends"),
        (((1, 4, 2), (0,), "raai"), "1 at both ends"),
        (((1, 0, 1), (0,), "raai"), r"ints of at least 1; got \(1, 0, 1\)"),
        (((1, 4.0, 1), (0,), "raai"), "ints of at least 1"),
        ((SIZES, (), "raai"), "at least one seed is needed; got none"),
        ((SIZES, (0,), "Xavier"), "one of kaiming, pytorch, raai; got 'Xavier'"),
    ],
)
def test_bad_draws(arguments, why):
    with pytest.raises(ValueError, match=why):
        ReLUNets.drawn(*arguments)


@pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 1), (2, 5, 2)])
def test_bad_points(shape):
    with pytest.raises(ValueError, match=r"x must have shape \(N, 2\); got"):
        ReLUNets.drawn(SIZES, (0, 1), "pytorch")(torch.zeros(shape))


@pytest.mark.parametrize("channel", [-1, 2])
def test_bad_channels(channel):
    with pytest.raises(ValueError, match=f"must lie in 0 … 1; got {channel}"):
        ReLUNets.drawn(SIZES, (0, 1), "pytorch").to_sequential(channel)
