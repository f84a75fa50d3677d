"""Rows, batches of networks, and their training against torch's own layers and loop."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from hatact.baselines import fit
from hatact.claims.engine.runs import Row

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
def test_a_row_trains_every_network_as_torchs_own_loop_would(row):
    x = torch.linspace(-1, 1, 50)[:, None]
    y = torch.stack([torch.sin(3 * x), x.square()])
    model = row.networks(1, 16, 3, (0, 5), "cpu")
    losses = fit(model, row.optimiser_of(model), x, y, 20)
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


def test_a_row_encodes_its_coordinates():
    x = torch.tensor([[0.25, -1.0], [0.5, 1 / 3]])
    model = Row("relu", octaves=3).networks(2, 8, 2, (0,), "cpu")
    assert model.weights[0].shape == (1, 12, 8)
    assert model(x).shape == (1, 2, 1)
    assert model.encoding(x).shape == (2, 12)  # without the coordinates themselves
    assert RELU.networks(2, 8, 2, (0,), "cpu").encoding(x) is x
