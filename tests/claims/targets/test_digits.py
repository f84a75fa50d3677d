"""Digits with noise on their labels: the images, the records, and what is never trained on."""

import math

import pytest
import torch

from hatact.claims.engine import Row
from hatact.claims.targets import digits as target
from tests.support.labs import quiet

SMALL = 32
RELU = Row("relu")


@pytest.fixture
def small(monkeypatch):
    """A narrow network on one thread, as a lab has it."""
    monkeypatch.setattr(target, "WIDTH", SMALL)


def train(row=RELU, k=1.0, steps=20, seeds=(0,)):
    return target.train(row, k, steps, seeds, "cpu", quiet)


def test_the_images():
    x, c = target.images()
    assert x.shape == (357, 64)
    assert c.shape == (357, 1)
    assert ((c == -1).sum(), (c == 1).sum()) == (183, 174)
    norms = x.double().norm(dim=1)
    assert norms.square().mean().sqrt() == pytest.approx(target.NORM)
    assert pytest.approx(9.371, abs=1e-3) == target.NORM
    assert x.min() == 0
    # as the module's docstring says
    assert (norms.mean(), norms.std()) == pytest.approx((9.34, 0.72), abs=0.005)
    assert norms.max() - norms.min() == pytest.approx(3.4, abs=0.05)


def test_noise_is_a_sine_of_the_norm():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.25], [0.0, 0.0]])
    torch.testing.assert_close(
        target.noise(x, 1.05)[:, 0], torch.sin(2 * math.pi * 1.05 * torch.tensor([5, 0.25, 0]))
    )
    assert not target.noise(x, 0).any()


def test_the_split_is_balanced_disjoint_and_the_seeds_own():
    x, _ = target.images()
    of = target.split(0)
    assert (len(of.x), len(of.held_x)) == (285, 72)
    assert ((of.c == 1).sum(), (of.held_c == 1).sum()) == (139, 35)
    rows = [tuple(image) for image in torch.cat([of.x, of.held_x]).tolist()]
    assert sorted(rows) == sorted(tuple(image) for image in x.tolist())
    assert not {*rows[:285]} & {*rows[285:]}
    assert torch.equal(of.x, target.split(0).x)
    assert not torch.equal(of.held_x, target.split(1).held_x)


def test_records_hold_the_residuals_of_what_was_learnt(small, monkeypatch):
    def fit(model, optimiser, x, y, steps, after, advance):
        c, n = target.split(3).c, y[0] - target.split(3).c
        for step in range(steps + 1):
            out = min(step / 10 + 0.05, 1) * c + min(step / 20 + 0.025, 1) * n + 7
            after(step, out[None])
        return torch.ones(steps + 1, 1, dtype=torch.float64)

    monkeypatch.setattr(target, "fit", fit)
    [record] = train(steps=40, seeds=(3,))
    assert record["steps_to_10_percent"] == [9, 18]
    assert record["steps_to_50_percent"] == [5, 10]
    at_5 = record["residuals"][record["shown_steps"].index(5)]
    assert at_5 == pytest.approx([0.45, 0.725], abs=1e-4)


def test_held_out_images_are_never_trained_on(small, monkeypatch):
    before = train(steps=15)
    whole = target.split

    def spoilt(seed):
        of = whole(seed)
        return of._replace(held_x=torch.full_like(of.held_x, 3), held_c=-of.held_c)

    monkeypatch.setattr(target, "split", spoilt)
    after = train(steps=15)
    assert before[0]["loss"] == after[0]["loss"]
    assert before[0]["residuals"] == after[0]["residuals"]
    assert before[0]["held_out"] != after[0]["held_out"]


def test_held_out_labels_are_clean_and_without_noise_there_is_one_residual(small):
    [noisy], [clean] = train(k=1.0, steps=1), train(k=0, steps=1)
    assert noisy["held_out"][0] == clean["held_out"][0]  # the same network, before any update
    assert noisy["loss"][0] != clean["loss"][0]
    assert len(clean["residuals"][0]) == len(clean["steps_to_10_percent"]) == 1
