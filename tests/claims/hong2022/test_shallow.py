"""hong2022/shallow: what decides it, what must not pass, and a wrong method from end to end."""

import math

import pytest

from hatact.claims.engine import Row
from hatact.claims.hong2022 import shallow
from tests.support.outcomes import judged

NAN = math.nan


def shallows(arrived, error):
    """One seed: the first two frequencies' step and the last's, and the last's error at the end."""
    first, last = arrived
    return [{"steps_to_10_percent": [first, first, last], "final_residual": [0, 0, error]}]


GOOD, BIASED = shallows((20, 25), 0.01), shallows((20, None), 0.5)
HAT, RELU, TANH = (Row(name) for name in ("hat", "relu", "tanh"))
OTHERS = {RELU: shallows((100, None), 0.9), TANH: shallows((100, 3000), 0.031)}


def decide(sgd, adam, others=OTHERS):
    """Hat's records are those with either optimiser, those of the others the same with both."""
    return shallow.decide({"sgd": {HAT: sgd, **others}, "adam": {HAT: adam, **others}})


@pytest.mark.parametrize(
    ("sgd", "adam", "verdict"),
    [
        (GOOD, GOOD, "reproduced"),
        (shallows((20, 30), 0.01), GOOD, "reproduced"),  # at the limit
        (OTHERS[RELU], OTHERS[RELU], "not reproduced"),  # ReLU in Hat's place
        (BIASED, BIASED, "not reproduced"),
        (BIASED, GOOD, "not reproduced"),  # one optimiser alone is neither all flat nor all ahead
        (GOOD, BIASED, "not reproduced"),
        (shallows((20, 31), 0.01), GOOD, "partly"),  # ahead with both, flat with one
        (shallows((20, 300), 0.01), shallows((20, 300), 0.01), "partly"),
        (shallows((20, 25), 0.0105), GOOD, "partly"),  # flat with both, ahead with one
        (shallows((20, 25), 0.05), shallows((20, 25), 0.05), "partly"),
        (shallows((20, 300), 0.05), GOOD, "not reproduced"),
        (shallows((None, None), NAN), GOOD, "not reproduced"),
    ],
)
def test_one_hidden_layer(sgd, adam, verdict):
    assert decide(sgd, adam)[0] == verdict


def test_one_hidden_layer_that_diverged_everywhere_is_not_reproduced():
    gone = shallows((None, None), NAN)
    all_gone = {RELU: gone, TANH: gone}
    verdict, reason = decide(gone, gone, all_gone)
    assert verdict == "not reproduced"
    assert reason.count("under 10 % never, error of k = 5 at the end inf against inf") == 2


def test_a_relu_that_diverged_is_beaten_and_tanh_is_then_the_best():
    others = OTHERS | {RELU: shallows((None, None), NAN)}
    verdict, reason = decide(GOOD, GOOD, others)
    assert verdict == "reproduced"
    assert reason.count("against 0.031 of tanh(x)") == 2


def test_half_of_relus_seeds_diverging_does_not_help_hat():
    half = {RELU: shallows((100, None), 0.02) + shallows((None, None), NAN)}
    verdict, reason = decide(GOOD, GOOD, half)
    assert verdict == "partly"
    assert "0.01 against 0.02 of relu(x)" in reason


def test_half_of_the_seeds_diverged_is_not_reproduced():
    half = GOOD + shallows((None, None), NAN)
    assert decide(half, half)[0] == "not reproduced"
    more = GOOD * 2 + shallows((None, None), NAN)
    assert decide(more, more)[0] == "reproduced"


def test_one_hidden_layer_from_end_to_end(narrow, lab):
    outcome = judged(shallow.CLAIM, lab)
    assert outcome.verdict == "partly", outcome.reason


def test_one_hidden_layer_with_relu_in_every_place(narrow, lab, relu_in_place_of_all):
    outcome = judged(shallow.CLAIM, lab)
    assert outcome.verdict == "not reproduced", outcome.reason
    assert "recorded" not in " ".join(outcome.findings)
