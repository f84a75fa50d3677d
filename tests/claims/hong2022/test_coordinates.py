"""hong2022/coordinates: what decides it, and a wrong method that fails."""

import math
from types import SimpleNamespace

import pytest
import torch

from hatact._kept import Cache
from hatact.claims import Settings
from hatact.claims.engine import Row
from hatact.claims.engine.lab import Lab
from hatact.claims.hong2022 import coordinates
from hatact.claims.targets import waves
from tests.support.labs import Asked


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
def test_judge_on_made_up_records(hat, relu, verdict):
    def answer(task, seed):
        return record(hat if task.arguments["row"].activation == "hat" else relu)

    outcome = coordinates.CLAIM.outcome(Settings(quick=True, seeds=3), Asked(answer))
    assert outcome.verdict == verdict
    assert [len(figure.panels) for figure in outcome.figures] == [2, 2]


def test_held_out_error_is_told_of_what_is_learnt_on_the_points_seen():
    hat, relu = Row("hat", 8), Row("relu")
    runs = {hat: [record(FLAT, held=0.9)] * 3, relu: [record(NEVER, seen=0.6)] * 3}
    both, alone = SimpleNamespace(runs=runs), SimpleNamespace(runs={relu: runs[relu]})
    told = coordinates._memorised(both, "|k| = 4")
    assert told.endswith("under 10 % on the points seen: hat(8x) 0.90")
    assert "no row brings |k| = 4" in coordinates._memorised(alone, "|k| = 4")


def test_the_whole_run_with_relu_in_hats_place(monkeypatch, tmp_path):
    monkeypatch.setattr(Row, "module", lambda self: torch.nn.ReLU())
    monkeypatch.setattr(waves, "WIDTH", 16)
    monkeypatch.setattr(waves, "POINTS", {2: 128, 5: 128})
    monkeypatch.setattr(coordinates, "STEPS", {"quick": 60})
    done = []
    settings = Settings(quick=True, seeds=2)
    with Lab("cpu", Cache(tmp_path, print), 0, done.append) as lab:
        outcome = coordinates.CLAIM.outcome(settings, lab)
    assert outcome.verdict == "not reproduced"
    cost = sum(task.cost for task in coordinates.CLAIM.tasks(settings))
    assert sum(done) == pytest.approx(cost)
    assert all(math.isfinite(v) for v in outcome.values["2-D"]["runs"][0]["final_residual"])
