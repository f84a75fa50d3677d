"""hong2022/spectrum: what decides it, what must not pass, and a wrong method from end to end."""

import math
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from hatact.claims.engine import Row
from hatact.claims.hong2022 import spectrum
from hatact.claims.targets import agreement
from tests.support.outcomes import judged

FLAT = [60] * 10  # Hat at scale 8, about
SLOW = [300, 600] + [None] * 8  # ReLU, about
NEVER = {Row("relu"): [None] * 5, Row("relu", 8): [None] * 5}


def decide(hat, controls, horizon, **more):
    """Of Hat the steps of all frequencies by seed, of every ReLU row those of the last."""
    runs = {spectrum.HAT: [{"steps_to_10_percent": steps} for steps in hat]}
    runs |= {row: [{"steps_to_50_percent": [0, s]} for s in of] for row, of in controls.items()}
    trained = SimpleNamespace(runs=runs, study=SimpleNamespace(steps=horizon))
    return spectrum.decide(trained, spectrum.HAT, **more)


def test_one_rate_for_all_frequencies_is_reproduced():
    verdict, reason = decide([FLAT] * 5, NEVER, horizon=800)
    assert verdict == "reproduced"
    assert "1.00 times" in reason
    assert "step 600" in reason


@pytest.mark.parametrize(
    ("arrived", "why"),
    [
        (SLOW, "not every frequency came under 10 %"),
        ([None] * 10, "not every frequency"),
        ([None] * 9 + [60], "not every frequency"),
        ([60] * 4 + [None] + [60] * 5, "not every frequency"),
        (
            [25 * (i + 1) for i in range(10)],
            "at step 250, 10.00 times that of the first",
        ),  # scale 4
        ([25 * (10 - i) for i in range(10)], "at step 250, 10.00 times that of the first"),
        ([100] * 9 + [151], "the limit is 1.5"),
        ([151] + [100] * 9, "the limit is 1.5"),
        ([100] * 4 + [151] + [100] * 5, "the limit is 1.5"),
        ([0] * 9 + [2], "the limit is 1.5"),
    ],
)
def test_what_learns_some_frequencies_first_is_not_reproduced(arrived, why):
    verdict, reason = decide([arrived] * 5, NEVER, horizon=10_000)
    assert verdict == "not reproduced"
    assert why in reason


def test_at_the_limit_it_is_reproduced_and_early_steps_are_no_ratio():
    assert decide([[100] * 9 + [150]] * 3, NEVER, 1500)[0] == "reproduced"
    assert decide([[150] + [100] * 9] * 3, NEVER, 1500)[0] == "reproduced"
    assert decide([[0] * 9 + [1]] * 3, NEVER, 1500)[0] == "reproduced"


def test_the_median_decides_and_half_failing_fails():
    bad = [60] * 9 + [None]
    assert decide([FLAT, FLAT, bad], NEVER, 800)[0] == "reproduced"
    assert decide([FLAT, bad], NEVER, 800)[0] == "not reproduced"


def test_a_relu_that_learns_k_50_makes_it_partly():
    verdict, reason = decide([FLAT] * 2, {Row("relu"): [None, 600]}, 800)
    assert verdict == "partly"
    assert "relu(x) in 1 of 2" in reason
    assert decide([FLAT] * 2, {Row("relu"): [None, 601]}, 800)[0] == "reproduced"
    assert decide([FLAT] * 2, NEVER | {Row("relu", 4): [0, None]}, 800)[0] == "partly"


def test_a_control_that_was_too_short_makes_it_partly():
    verdict, reason = decide([FLAT] * 2, NEVER, horizon=599)
    assert verdict == "partly"
    assert "599 steps, fewer than 600" in reason


def test_a_backend_that_leaves_the_reference_is_not_reproduced():
    verdict, reason = decide([FLAT] * 2, NEVER, 800, agrees=False)
    assert verdict == "not reproduced"
    assert "reference" in reason


def test_the_deep_network_passes_from_end_to_end(short, lab):
    outcome = judged(spectrum.CLAIM, lab)
    assert outcome.verdict == "reproduced", outcome.reason
    assert "removes the bias at scale 8" in outcome.findings[0]
    learns = (
        r"A deep Hat network at scale 8 learns ten sines, k = 5 … 50, the last 1\.\d\d times as "
    )
    late = r"late as the first, 1\.\d\d times at its best rate; "
    theirs = r"ReLU does not bring k = 50 under 50 % error in 80 steps\."
    assert re.fullmatch(learns + late + theirs, outcome.headline)
    assert len(outcome.values["runs"]) == 2


def test_where_two_rates_disagree_it_is_partly(short, lab, monkeypatch):
    monkeypatch.setattr(spectrum, "BEST_HAT", replace(spectrum.HAT, lr=1e-5))
    outcome = judged(spectrum.CLAIM, lab)
    assert outcome.verdict == "partly"
    assert "at rate 0.001: reproduced" in outcome.reason
    assert "at rate 1e-05: not reproduced, not every frequency" in outcome.reason


def test_the_deep_network_with_relu_in_hats_place_does_not(short, lab, relu_in_place_of_all):
    outcome = judged(spectrum.CLAIM, lab)
    assert outcome.verdict == "not reproduced"
    assert "not every frequency came under 10 %" in outcome.reason
    assert math.isinf(outcome.measures[0].value)
    assert "at scale 8 does not always learn all of ten sines" in outcome.headline


def test_a_backend_with_a_wrong_gradient_does_not_pass(short, lab, monkeypatch):
    wrong = {"compared": True, "agrees": False, "backend": "wrong", "rows": {}}
    monkeypatch.setattr(agreement.Control, "run", lambda self, lab: wrong)
    assert judged(spectrum.CLAIM, lab).verdict == "not reproduced"
