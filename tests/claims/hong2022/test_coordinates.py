"""Waves in two and five dimensions: the targets, the records, and a wrong method that fails."""

import math

import pytest
import torch

from hatact.claims import Settings
from hatact.claims.engine.cache import Cache
from hatact.claims.engine.lab import Lab
from hatact.claims.engine.runs import Row
from hatact.claims.engine.study import conclude
from hatact.claims.hong2022 import coordinates
from hatact.claims.targets import waves


def quiet(share: float) -> None:
    pass


@pytest.mark.parametrize("dimension", coordinates.DIMENSIONS)
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


def test_one_verdict_from_two():
    yes, no, part = ("reproduced", "a"), ("not reproduced", "b"), ("partly", "c")
    assert conclude({"x": yes, "y": yes})[0] == "reproduced"
    assert conclude({"x": no, "y": no})[0] == "not reproduced"
    for pair in ((yes, no), (yes, part), (no, part), (no, yes)):
        assert conclude({"x": pair[0], "y": pair[1]})[0] == "partly"
    reason = "2-D: reproduced, a; 5-D: not reproduced, b"
    assert conclude({"2-D": yes, "5-D": no})[1] == reason
    assert conclude({"alone": part}) == part


def record(arrived, half=None, seen=0.01, held=0.01):
    half = arrived if half is None else half
    residuals = [[1.0] * 4, [seen] * 4]
    return {
        "steps_to_10_percent": arrived,
        "steps_to_50_percent": half,
        "bias_exponent": 0.0,
        "final_residual": [seen] * 4,
        "held_out_residual": [held] * 4,
        "relative_loss": 0.1,
        "held_out_relative_loss": 0.1,
        "late_loss": 0.1,
        "shown_steps": [0, 800],
        "residuals": residuals,
    }


FLAT, BIASED = [50, 50, 60, 60], [50, 100, 200, 400]
NEVER = [300, None, None, None]


@pytest.mark.parametrize(
    ("hat", "relu", "verdict"),
    [
        (FLAT, NEVER, "reproduced"),
        (BIASED, NEVER, "not reproduced"),
        (NEVER, NEVER, "not reproduced"),
        ([None] * 4, NEVER, "not reproduced"),
        (FLAT, FLAT, "partly"),  # ReLU has it as soon
    ],
)
def test_judge_on_made_up_records(monkeypatch, hat, relu, verdict):
    def run(study, lab, rows, seeds):
        return {
            row: [record(hat if row.activation == "hat" else relu) for _ in seeds] for row in rows
        }

    monkeypatch.setattr(coordinates.Study, "run", run)
    outcome = coordinates.judge(Settings(quick=True, seeds=3), None)
    assert outcome.verdict == verdict
    assert {figure["kind"] for figure in outcome.figures} == {"curves"}


def test_held_out_error_is_told_of_what_is_learnt_on_the_points_seen():
    hat, relu = Row("hat", 8), Row("relu")
    runs = {hat: [record(FLAT, held=0.9)] * 3, relu: [record(NEVER, seen=0.6)] * 3}
    assert coordinates._memorised(5, runs).endswith("under 10 % on the points seen: hat(8x) 0.90")
    assert "no row brings |k| = 4" in coordinates._memorised(5, {relu: runs[relu]})


def test_the_whole_run_with_relu_in_hats_place(monkeypatch, tmp_path):
    monkeypatch.setattr(Row, "module", lambda self: torch.nn.ReLU())
    monkeypatch.setattr(waves, "WIDTH", 16)
    monkeypatch.setattr(waves, "POINTS", {2: 128, 5: 128})
    study = coordinates.study
    short = {"steps": 60}
    monkeypatch.setattr(
        coordinates, "study", lambda s, d: coordinates.Study(**{**study(s, d).__dict__, **short})
    )
    done = []
    settings = Settings(quick=True, seeds=2)
    with Lab("cpu", Cache(tmp_path, print), 0, done.append) as lab:
        outcome = coordinates.judge(settings, lab)
    assert outcome.verdict == "not reproduced"
    cost = sum(task.cost for task in coordinates.tasks(settings))
    assert sum(done) == pytest.approx(cost)
    assert all(math.isfinite(v) for v in outcome.values["2-D"]["runs"][0]["final_residual"])
