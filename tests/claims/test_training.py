"""Rows, batches of networks, and their training against torch's own layers and loop."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from hatact.claims.engine.runs import (
    Row,
    encode,
    fit,
    late,
    spread_steps,
    trained_at,
)
from tests.support.labs import quiet

INF, NAN = math.inf, math.nan
HAT, RELU = Row("hat", 2), Row("relu")


def test_row_names():
    assert str(Row("hat", 8)) == "hat(8x)"
    assert str(Row("relu", input=50)) == "relu(x), input ×50"
    assert str(Row("relu", lr=3e-3)) == "relu(x), lr 0.003"
    assert str(Row("relu", octaves=4)) == "relu(x), 4 octaves encoded"
    assert str(Row("tanh", 2, lr=1e-2, optimiser="sgd")) == "tanh(2x), SGD, lr 0.01"
    assert Row("tanh", 2, lr=1e-2, optimiser="sgd").name == "tanh(2x), SGD"


ACTIVATIONS = {
    "relu": nn.functional.relu,
    "hat": lambda x: (1 - (x - 1).abs()).clamp(min=0),
    "tanh": torch.tanh,
}


def separate(row, sizes, seed):
    """The same network out of torch's own layers."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
    with torch.no_grad():
        layers[0].weight.mul_(row.input)

    def forward(x):
        for layer in layers[:-1]:
            x = ACTIVATIONS[row.activation](row.scale * layer(x))
        return layers[-1](x)

    return layers, forward


ROWS = (HAT, RELU, Row("tanh", 3), Row("relu", input=8), Row("hat", 1, input=0.5))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_batch_of_networks_is_that_many_networks_of_torchs_own_layers(row):
    seeds, sizes = (3, 0, 7), (2, 16, 16, 1)
    state = torch.get_rng_state()
    batch = row.networks(2, 16, 3, seeds, "cpu")
    assert torch.equal(torch.get_rng_state(), state)  # the caller's generator is left alone
    x = torch.rand(40, 2)
    out = batch(x)
    assert out.shape == (3, 40, 1)
    for s, seed in enumerate(seeds):
        layers, forward = separate(row, sizes, seed)
        for i, layer in enumerate(layers):
            assert torch.equal(batch.weights[i][s], layer.weight.T)
            assert torch.equal(batch.biases[i][s, 0], layer.bias)
        assert torch.allclose(out[s], forward(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("row", [*ROWS, Row("hat", 2, optimiser="sgd", lr=1e-2)], ids=str)
def test_fit_trains_every_network_as_torchs_own_loop_would(row):
    x = torch.linspace(-1, 1, 50)[:, None]
    y = torch.stack([torch.sin(3 * x), x.square()])
    losses = fit(row.networks(1, 16, 3, (0, 5), "cpu"), x, y, 20, quiet)
    assert losses.shape == (21, 2)
    assert losses.dtype == torch.float64
    for s, seed in enumerate((0, 5)):
        layers, forward = separate(row, (1, 16, 16, 1), seed)
        make = torch.optim.SGD if row.optimiser == "sgd" else torch.optim.Adam
        optimiser, own = make(layers.parameters(), lr=row.lr), []
        for _ in range(21):
            loss = (forward(x) - y[s]).square().mean()
            own.append(float(loss.detach()))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert losses[:, s].tolist() == pytest.approx(own, rel=1e-3)
        assert own[-1] < own[0]


def test_networks_may_each_have_their_own_points():
    model = HAT.networks(1, 8, 3, (0, 1), "cpu")
    x = torch.rand(2, 10, 1)
    for s in (0, 1):
        assert torch.allclose(model(x)[s], model(x[s])[s], rtol=1e-6, atol=1e-7)


def trained(seeds, y, row=HAT, steps=25):
    x = torch.linspace(-1, 1, 30)[:, None]
    model = row.networks(1, 16, 4, seeds, "cpu")
    losses = fit(model, x, torch.stack([of * torch.sin(5 * x) for of in y]), steps, quiet)
    return losses, [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("row", [HAT, RELU, Row("relu", optimiser="sgd", lr=1e-2)], ids=str)
def test_a_network_does_not_see_one_that_diverges_beside_it(row):
    losses, parameters = trained((0, 1, 2), (1, 1, 1), row)
    beside, others = trained((0, 1, 2), (1, 1e30, NAN), row)
    assert not beside[:, 1:].isfinite().any()
    assert torch.equal(losses[:, 0], beside[:, 0])
    for p, q in zip(parameters, others, strict=True):
        assert torch.equal(p[0], q[0])


def test_the_same_batch_gives_the_same_bits():
    (losses, parameters), (again, others) = (trained((4, 2), (1, 2)) for _ in range(2))
    assert torch.equal(losses, again)
    assert all(torch.equal(p, q) for p, q in zip(parameters, others, strict=True))


def test_a_network_in_another_batch_is_the_same_to_rounding():
    apart, _ = trained((2,), (1,), steps=3)
    together, _ = trained((0, 2, 5), (1, 1, 1), steps=3)
    assert apart[:, 0].tolist() == pytest.approx(together[:, 1].tolist(), rel=1e-5)


def test_fit_reports_before_every_update_and_its_shares_sum_to_one():
    seen, shares = [], []
    x = torch.rand(8, 1)
    model = HAT.networks(1, 8, 3, (0, 1), "cpu")
    first = model(x).detach()

    def after(step, out):
        assert not out.requires_grad
        seen.append((step, float((out - x).square().mean((-2, -1))[1])))

    losses = fit(model, x, x, 3, shares.append, after)
    assert [step for step, _ in seen] == [0, 1, 2, 3]
    assert [loss for _, loss in seen] == pytest.approx(losses[:, 1].tolist())
    assert float((first - x).square().mean((-2, -1))[1]) == pytest.approx(float(losses[0, 1]))
    assert len(shares) == 4
    assert sum(shares) == pytest.approx(1)
    final = (model(x) - x).square().mean((-2, -1)).tolist()
    assert final == pytest.approx(losses[-1].tolist())  # nothing is updated after the last


def test_encoding():
    x = torch.tensor([[0.25, -1.0], [0.5, 1 / 3]])
    assert encode(x, 0) is x
    found = encode(x, 3)
    assert found.shape == (2, 12)
    angles = [2**level * math.pi * x[:, d] for level in range(3) for d in range(2)]
    expected = torch.stack([a.cos() for a in angles] + [a.sin() for a in angles], -1)
    assert torch.allclose(found, expected)
    model = Row("relu", octaves=3).networks(2, 8, 2, (0,), "cpu")
    assert model.weights[0].shape == (1, 12, 8)
    assert model(x).shape == (1, 2, 1)


def test_late_is_the_median_of_the_last_tenth():
    losses = torch.full((101,), 9.0)
    losses[-10:] = torch.tensor([1.0, 2, 3, 4, 5, 6, 7, 8, 1e9, 1e9])
    assert late(losses) in (5, 6)
    assert late(torch.tensor([3.0, 2.0, 1.0])) == 1
    assert math.isnan(late(torch.tensor([1.0] * 19 + [NAN])))


def test_trained_at_is_the_first_step_of_a_stay():
    losses = torch.tensor([1, 0.09, 0.2, 0.09, 0.05, 0.02, 0.009, 0.02, 0.005, 0.004])
    assert trained_at(losses, (0.1, 0.01), hold=2) == [3, 8]
    assert trained_at(losses, (0.1, 0.01), hold=1) == [1, 6]
    assert trained_at(losses, (0.1, 0.01, 1e-4), hold=3) == [3, None, None]
    assert trained_at(torch.full((5,), NAN), (0.1,), hold=1) == [None]


@pytest.mark.parametrize("last", [1, 2, 11, 71, 640, 4000])
def test_spread_steps_go_from_the_first_to_the_last_each_once(last):
    steps = spread_steps(last)
    assert steps[:2] == [0, 1]
    assert steps[-1] == last
    assert steps == sorted(set(steps))
    assert len(steps) <= 73
    wide = [b / a for a, b in pairwise(steps[20:])]
    assert all(ratio < 1.4 for ratio in wide)
