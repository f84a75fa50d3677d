"""Training until a share of the target is left."""

import math

import pytest
import torch
from torch import nn

from hatact.baselines import train_until


def line(lr):
    """f(x) = w·x from w = 0, and a target of slope 1: every update halves what is left, say."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    return model, [torch.optim.SGD(model.parameters(), lr=lr)]


X = torch.tensor([[1.0], [-1.0]])


def test_it_stops_at_the_first_step_that_is_close_enough():
    model, optimisers = line(0.25)  # w ← w − 0.25·2·(w − 1)
    shares, told = [], []
    learnt = train_until(
        model, optimisers, X, X, 100, 0.125, before=told.append, advance=shares.append
    )
    assert learnt.steps == 3
    assert learnt.left == 0.125
    assert learnt.path == [(0, 1), (1, 0.5), (2, 0.25), (3, 0.125)]
    assert told == [0, 1, 2]
    assert sum(shares) == pytest.approx(1)
    assert model.weight.item() == 1 - 0.125


def test_never_and_diverged():
    assert train_until(*line(0.25), X, X, 2, 0.125)[:2] == (None, 0.25)
    steps, left, path = train_until(*line(3.0), X, X, 100, 0.125)
    assert (steps, left) == (None, math.inf)
    assert len(path) < 20


def test_without_steps_it_looks_only():
    model, optimisers = line(0.25)
    assert train_until(model, optimisers, X, X, 0, 0.5) == (None, 1, [(0, 1)])
    assert train_until(model, optimisers, X, X, 0, 1.0).steps == 0
    assert model.weight.item() == 0


def test_the_path_is_thin():
    path = train_until(*line(1e-4), X, X, 2000, 0.1).path
    assert path[-1][0] == 2000
    assert len(path) < 70
    assert [step for step, _ in path] == sorted({step for step, _ in path})


def test_a_loss_of_ones_own():
    model, optimisers = line(0.25)
    twice = train_until(model, optimisers, X, X, 1, 1e-9, lambda f, y: 2 * (f - y).square().mean())
    assert twice.left == 0


@pytest.mark.parametrize(
    ("y", "steps", "rule"),
    [
        (X, -1, "steps must be at least 0 and y not be 0; got -1 steps"),
        (0 * X, 1, "steps must be at least 0 and y not be 0; got 1 steps and a y of norm 0"),
        (X[:, 0], 1, r"y must have shape \(2, 1\); got \(2,\)"),
    ],
)
def test_bad_input(y, steps, rule):
    with pytest.raises(ValueError, match=rule):
        train_until(*line(0.1), X, y, steps, 0.1)


def test_what_is_not_a_number_has_diverged():
    model, optimisers = line(0.25)
    nn.init.constant_(model.weight, math.nan)
    assert train_until(model, optimisers, X, X, 5, 0.1) == (None, math.inf, [(0, math.inf)])
