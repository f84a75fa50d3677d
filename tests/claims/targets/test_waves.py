"""Waves in several dimensions: the targets, the records, and what is never used."""

import pytest
import torch

from hatact.claims.engine import Row
from hatact.claims.targets import waves
from tests.support.labs import quiet


@pytest.mark.parametrize("dimension", [2, 5])
def test_a_problem_holds_its_waves_and_nothing_else(dimension):
    p = waves.problem(dimension, 3)
    n = waves.POINTS[dimension]
    assert p.x.shape == p.other_x.shape == (n, dimension)
    assert p.u.shape == p.other_u.shape == (n,)
    assert p.waves.norm(dim=1).tolist() == pytest.approx(waves.FREQUENCIES[dimension])
    assert bool((p.x >= 0).all() and (p.x <= 1).all())
    assert not bool((p.x[:, None] == p.other_x[None, :50]).all(-1).any())  # held out
    again = waves.problem(dimension, 3)
    assert torch.equal(p.u, again.u)
    assert not torch.equal(p.u, waves.problem(dimension, 4).u)
    for x, u in ((p.x, p.u), (p.other_x, p.other_u)):
        spectrum = waves.ScatteredSpectrum(x, p.waves)
        assert spectrum.coefficients(u).abs().tolist() == pytest.approx([1.0] * 4, abs=1e-5)


def test_held_out_points_are_never_used(monkeypatch):
    monkeypatch.setattr(waves, "POINTS", {2: 32, 5: 32})
    monkeypatch.setattr(waves, "WIDTH", 8)
    arguments = (Row("hat", 4), 2, 5, (0, 1), "cpu", quiet)
    records = waves.train(*arguments)
    problem = waves.problem

    def other(dimension, seed):
        p = problem(dimension, seed)
        return waves.Problem(p.x, p.u, p.other_x.flip(0) * 0.9, p.other_u, p.waves)

    monkeypatch.setattr(waves, "problem", other)
    changed = waves.train(*arguments)
    for a, b in zip(records, changed, strict=True):
        assert a["residuals"] == b["residuals"]
        assert a["held_out_residual"] != b["held_out_residual"]


def test_every_network_has_its_own_target(monkeypatch):
    """A batch of two gives what either gives alone, to rounding."""
    monkeypatch.setattr(waves, "POINTS", {2: 64, 5: 64})
    monkeypatch.setattr(waves, "WIDTH", 16)
    both = waves.train(Row("relu"), 2, 4, (5, 6), "cpu", quiet)
    for seed, record in zip((5, 6), both, strict=True):
        (alone,) = waves.train(Row("relu"), 2, 4, (seed,), "cpu", quiet)
        assert record["final_residual"] == pytest.approx(alone["final_residual"], rel=1e-4)
        assert record["held_out_relative_loss"] == pytest.approx(alone["held_out_relative_loss"])
