"""Classifiers with a learned activation, and their controls."""

import re

import pytest
import torch
from torch import nn

from hatact.baselines import Classifiers
from hatact.nn import TriangleCascade

SIZES = (6, 5, 3)
WORDS = ("relu", "sigmoid", "cascade")


def test_each_is_what_torchs_own_layers_are_from_its_seed():
    state = torch.get_rng_state()
    models = {word: Classifiers(SIZES, (4, 0), word, depth=2) for word in WORDS}
    assert torch.equal(torch.get_rng_state(), state)
    x = torch.rand(2, 7, 6)
    for s, seed in enumerate((4, 0)):
        torch.manual_seed(seed)
        first, last = nn.Linear(6, 5), nn.Linear(5, 3)
        cascade = TriangleCascade(2, 5, peaks=0.2 + 0.6 * torch.rand(5, 3))
        activations = {"relu": nn.ReLU(), "sigmoid": nn.Sigmoid()}
        activations["cascade"] = nn.Sequential(nn.Sigmoid(), cascade)
        for word, model in models.items():
            alone = nn.Sequential(first, activations[word], last)
            torch.testing.assert_close(model(x)[s], alone(x[s]))


def test_the_cascades_train_with_the_layers():
    model = Classifiers(SIZES, (1, 2), "cascade")
    model(torch.rand(2, 7, 6)).square().sum().backward()
    assert model.cascade.depth == 4
    assert len([*model.parameters()]) == 6
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    assert Classifiers(SIZES, (1,), "relu").cascade is None


def test_losses_are_torchs_cross_entropies():
    model, x = Classifiers(SIZES, (1, 2), "relu"), torch.rand(2, 7, 6)
    labels = torch.randint(3, (2, 7))
    losses = model.losses(x, labels)
    assert losses.shape == (2, 7)
    for s in (0, 1):
        alone = nn.functional.cross_entropy(model(x)[s], labels[s], reduction="none")
        torch.testing.assert_close(losses[s], alone)


@pytest.mark.parametrize("word", ["tanh", "", "Relu"])
def test_another_word_is_refused(word):
    message = f"activation must be one of relu, sigmoid, cascade; got {word!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Classifiers(SIZES, (0,), word)
