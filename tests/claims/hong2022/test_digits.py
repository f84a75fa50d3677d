"""hong2022/digits: what decides it, and what must not pass."""

import math
from dataclasses import replace

import pytest

from hatact.claims import Settings
from hatact.claims.engine import Study
from hatact.claims.engine.study import Rates
from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED
from hatact.claims.hong2022 import digits
from hatact.claims.targets import digits as target


def arrivals(*steps, loss=0.1):
    """A record a seed, of the steps to the labels and to the noise, the same at both levels."""
    keys = [f"steps_to_{p}_percent" for p in digits.LEVELS]
    return [{"late_loss": loss, **dict.fromkeys(keys, of)} for of in steps]


LATE, FLAT = arrivals(*[(50, 200)] * 3), arrivals(*[(20, 28)] * 3)
NEVER = arrivals(*[(50, None)] * 3)
UNLEARNT = arrivals(*[(None, None)] * 3)


def decide(relu, hat, horizon, best=None):
    """The same records are compared at both rates, or others at the second."""
    return digits.decide({"1e-4": (relu, hat), "best": best or (relu, hat)}, horizon)


def test_it_reproduces():
    verdict, reason = decide(LATE, FLAT, 500)
    assert verdict == REPRODUCED
    assert "at 1e-4 ReLU 4, Hat 1.4 to 10 % and ReLU 4, Hat 1.4 to 50 %; at best" in reason
    assert decide(NEVER, FLAT, 150)[0] == REPRODUCED
    assert decide(LATE, arrivals((20, 10)), 500)[0] == REPRODUCED


@pytest.mark.parametrize(
    ("relu", "hat", "horizon"),
    [
        (LATE, LATE, 500),
        (FLAT, FLAT, 500),
        (FLAT, LATE, 500),
        (LATE, NEVER, 500),
        (LATE, UNLEARNT, 500),
        (UNLEARNT, FLAT, 500),
        (NEVER, FLAT, 149),  # too short to tell
        (LATE, arrivals((20, 28), (20, 31), (20, 31)), 500),
        (LATE, arrivals((20, 28), (20, 31)), 500),  # half of the seeds
        (arrivals((50, 200), (50, 149)), FLAT, 500),
        (LATE, arrivals((0, 2)), 500),
        (LATE, arrivals((20, 28), loss=math.inf), 500),  # diverged after it had arrived
        (arrivals((50, 200), loss=math.inf), FLAT, 500),
    ],
)
def test_it_does_not(relu, hat, horizon):
    assert decide(relu, hat, horizon)[0] == NOT_REPRODUCED


def test_one_rate_of_two_is_partly_and_one_level_of_two_is_nothing():
    assert decide(LATE, LATE, 500, best=(LATE, FLAT))[0] == PARTLY
    assert decide(FLAT, FLAT, 500, best=(LATE, FLAT))[0] == PARTLY
    flat_at_10 = [late | {"steps_to_10_percent": (20, 28)} for late in LATE]
    assert decide(LATE, flat_at_10, 500)[0] == NOT_REPRODUCED
    one_rate = {"1e-4": (LATE, flat_at_10)}
    assert digits.decide(one_rate, 500, levels=(10,))[0] == REPRODUCED
    assert "never to 10 %" in decide(LATE, NEVER, 500)[1]


@pytest.fixture
def shrunken(monkeypatch):
    """A narrow network and a few steps; how many is up to the test."""

    def shrink(steps):
        monkeypatch.setattr(target, "WIDTH", 32)
        monkeypatch.setattr(digits, "STEPS", {"quick": steps, "full": steps})
        monkeypatch.setattr(digits, "SCALE_STEPS", steps)

    return shrink


def test_relu_in_hats_place_is_not_reproduced(shrunken, monkeypatch, lab):
    shrunken(150)
    relus = (digits.RELU, digits.RELU)
    monkeypatch.setattr(digits, "BEST", relus)
    monkeypatch.setattr(digits, "PROTOCOL", tuple(replace(row, lr=1e-3) for row in relus))
    outcome = digits.CLAIM.outcome(Settings(True, 1), lab)
    assert outcome.verdict == NOT_REPRODUCED
    assert "ReLU 0" not in outcome.reason  # it has learnt the labels


@pytest.mark.parametrize("quick", [True, False])
def test_outcomes_are_whole(shrunken, monkeypatch, lab, quick):
    shrunken(12)
    recorded = {row: row for row in digits.BEST}
    monkeypatch.setattr(Study, "_search", lambda self, lab: Rates(recorded, {}))
    outcome = digits.CLAIM.outcome(Settings(quick, 1), lab)
    held_out, residuals = outcome.figures
    assert len(held_out.panels[0].series) == (1 if quick else 4)
    assert len(residuals.panels) == 4
    assert all(math.isfinite(m.value) or m.unit for m in outcome.measures)
