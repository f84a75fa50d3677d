"""The same network from several seeds at once."""

import re

import pytest
import torch
from torch import nn

from hatact.baselines import Networks
from hatact.nn import Hat, PositionalEncoding


def test_each_is_what_torchs_own_layers_are_from_its_seed():
    state = torch.get_rng_state()
    networks = Networks((3, 8, 5, 2), (4, 0), Hat(2), octaves=2, input_scale=3)
    assert torch.equal(torch.get_rng_state(), state)
    x = torch.rand(2, 10, 3)
    y = networks(x)
    assert y.shape == (2, 10, 2)
    for s, seed in enumerate((4, 0)):
        torch.manual_seed(seed)
        layers = nn.Linear(12, 8), nn.Linear(8, 5), nn.Linear(5, 2)
        with torch.no_grad():
            layers[0].weight.mul_(3)
        encoding = PositionalEncoding(3, 2, include_input=False)
        alone = nn.Sequential(encoding, layers[0], Hat(2), layers[1], Hat(2), layers[2])
        torch.testing.assert_close(y[s], alone(x[s]))
        torch.testing.assert_close(networks(x[s])[s], y[s])  # points that all share


@pytest.mark.parametrize(("sizes", "octaves"), [((2, 8, 5, 3), 0), ((2, 8, 5, 1), 2), ((2, 3), 1)])
def test_features_are_what_the_last_layer_reads(sizes, octaves):
    networks, x = Networks(sizes, (4, 0), Hat(2), octaves), torch.rand(10, 2)
    h = PositionalEncoding(2, octaves, include_input=not octaves)(x)
    features = networks.features(x)
    assert features.shape == (2, 10, 4 * octaves if len(sizes) == 2 else sizes[-2])
    for s in range(2):
        hidden = h
        for w, b in [*zip(networks.weights, networks.biases, strict=True)][:-1]:
            hidden = Hat(2)(hidden @ w[s] + b[s])
        torch.testing.assert_close(features[s], hidden)
    read = features @ networks.weights[-1] + networks.biases[-1]
    torch.testing.assert_close(networks(x), read)
    torch.testing.assert_close(networks.features(x.expand(2, -1, -1)), features)


@pytest.mark.parametrize("arguments", [((3,), (0,)), ((3, 0, 1), (0,)), ((3, 1), ())])
def test_bad_sizes_and_seeds(arguments):
    message = f"at least 1, and a seed; got sizes {arguments[0]} and seeds {arguments[1]}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Networks(*arguments, torch.relu)


@pytest.mark.parametrize("octaves", [0, 2])
def test_a_network_alone_is_that_of_its_seed_and_a_copy(octaves):
    networks = Networks((3, 8, 5, 2), (4, 0), Hat(2), octaves)
    x = torch.rand(10, 3)
    for s in range(2):
        state = torch.get_rng_state()
        alone = networks.alone(s)
        assert torch.equal(torch.get_rng_state(), state)
        assert isinstance(alone, nn.Sequential)
        assert networks.activation not in alone
        torch.testing.assert_close(alone(x), networks(x)[s])
        with torch.no_grad():
            for p in alone.parameters():
                p.zero_()
        assert float(networks(x)[s].detach().abs().max()) > 0


def test_a_network_alone_is_one_of_them_and_of_modules():
    with pytest.raises(ValueError, match=r"index must be 0 … 1; got 2"):
        Networks((3, 8, 1), (4, 0), Hat()).alone(2)
    with pytest.raises(ValueError, match=r"must be a torch.nn.Module; got <"):
        Networks((3, 8, 1), (4,), torch.relu).alone(0)
