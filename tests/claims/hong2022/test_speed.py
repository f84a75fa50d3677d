"""hong2022/speed: what decides it, what must not pass, and a wrong method from end to end."""

import math

import pytest

from hatact.claims.engine import Row, timing
from hatact.claims.hong2022 import speed
from tests.support.outcomes import judged

NAN = math.nan


def result(hat, relu, ratio=1.0, horizon=1000):
    """Hat's steps and ReLU's to a tenth of the variance, by seed."""
    arrived = {Row("hat"): hat, Row("relu"): relu}
    runs = {row: [{"trained_at": [step, None]} for step in of] for row, of in arrived.items()}
    return speed.Contest(runs, {}, ratio, horizon)


FAST = result([100, 110, 90], [300, 290, 310])


@pytest.mark.parametrize(
    ("of", "verdict"),
    [
        (FAST, "reproduced"),
        (result([100], [200]), "reproduced"),  # at the limit, in steps and in seconds
        (result([101], [200]), "not reproduced"),
        (result([100], [100]), "not reproduced"),  # ReLU in Hat's place
        (result([300], [100]), "not reproduced"),
        (result([100], [300], ratio=0.5), "not reproduced"),  # fewer steps, but slow ones
        (result([100], [150], ratio=4), "not reproduced"),  # quick steps, but too many
        (result([100], [300], ratio=NAN), "not reproduced"),
        (result([None], [300]), "not reproduced"),
        (result([None], [None]), "not reproduced"),
        (result([100], [None]), "reproduced"),  # ReLU is given the whole horizon
        (result([600], [None]), "not reproduced"),
        (result([100, None], [300, 300]), "not reproduced"),  # half of the seeds fail
        (result([100, 100, None], [300] * 3), "reproduced"),
        (result([100] * 3, [None, 150, 160]), "not reproduced"),
        (result([100] * 2, [None, 150]), "not reproduced"),  # half of ReLU's do not help Hat
        (result([0], [0]), "reproduced"),  # nothing to divide by
    ],
)
def test_fewer_steps_and_less_time(of, verdict):
    assert speed.decide({"one": of})[0] == verdict
    assert speed.decide({"one": of, "two": of})[0] == verdict


def test_faster_on_one_target_alone_is_partly():
    verdict, reason = speed.decide({"one": FAST, "two": result([100], [110])})
    assert verdict == "partly"
    assert "one: 100 steps, 0.33 of ReLU's, 0.33 of its seconds" in reason


def test_the_reason_says_where_relu_or_hat_never_arrived():
    _, reason = speed.decide({"one": result([100], [None]), "two": result([None], [5])})
    assert "one: 100 steps, at most 0.10 of ReLU's" in reason
    assert "two: Hat never arrived" in reason


@pytest.fixture
def quick_contests(narrow, short, monkeypatch):
    monkeypatch.setattr(timing, "ROUNDS", 2)
    monkeypatch.setattr(timing, "BLOCK", 1)


def test_speed_with_relu_in_hats_place(quick_contests, lab, relu_in_place_of_all):
    outcome = judged(speed.CLAIM, lab)
    assert outcome.verdict == "not reproduced", outcome.reason
    assert set(outcome.timing) == set(outcome.values)
    assert not any("seconds" in key for key in outcome.values)


def test_speed_from_end_to_end_counts_steps_and_seconds(quick_contests, lab, monkeypatch):
    """What is measured is what is decided; the timings are set, for they vary."""
    monkeypatch.setattr(
        timing.Timing, "run", lambda self, lab: dict.fromkeys(self.rows, (1.0, 1.0))
    )
    outcome = judged(speed.CLAIM, lab)
    assert outcome.verdict == "partly", outcome.reason
