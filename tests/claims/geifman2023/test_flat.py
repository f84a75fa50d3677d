"""geifman2023/circle and /amplitude: what counts as flat."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from hatact.claims.geifman2023 import _flat, circle

K = (1, 2, 4, 8)
STEEP, LINE = [3, 12, 48, 192], [3, 6, 12, 24]
MODES = 17  # all of K


@pytest.mark.parametrize(
    ("plain", "ours", "modes", "verdict"),
    [
        (STEEP, [1, 1, 2, 5], 17, "reproduced"),
        (STEEP, [0, 1, 2, 5], 17, "reproduced"),  # no step counts as one
        (STEEP, [1, 1, 2, 6], 17, "not reproduced"),
        (STEEP, STEEP, 17, "not reproduced"),  # a preconditioner that does nothing
        (STEEP, [900] * 4, 17, "not reproduced"),  # one that slows everything down
        (STEEP, [192] * 4, 17, "not reproduced"),
        (STEEP, [191] * 4, 17, "not reproduced"),  # slower for three waves of four
        (STEEP, [4, 4, 4, 4], 17, "not reproduced"),
        (STEEP, [3, 3, 3, 4], 17, "reproduced"),
        (STEEP, [None] * 4, 17, "not reproduced"),
        (STEEP, [1, 1, 2, None], 17, "not reproduced"),
        (LINE, [1, 1, 2, 5], 17, "partly"),
        ([3, 12, 48, None], [1, 1, 2, 5], 17, "reproduced"),
        (STEEP, [1, 1, 2, 99], 16, "reproduced"),  # the last is not replaced
        (STEEP, [1, 1, 2, 5], 4, "not reproduced"),  # of one wave nothing can be said
    ],
)
def test_flat_over_the_modes_replaced(plain, ours, modes, verdict):
    found, reason = _flat.decide(K, [plain] * 3, [ours] * 3, modes, 1000)
    assert found == verdict
    assert "inf" not in reason


def test_a_seed_of_plain_descent_that_fails_helps_the_preconditioner_nothing():
    plain = [[3, 4, 5, 6], [3, 12, 48, None]]
    assert _flat.decide(K, plain, [[1, 1, 1, 1]] * 2, MODES, 1000)[0] == "partly"


def test_half_of_the_seeds_failing_is_a_failure():
    ours = [[1, 1, 1, 1], [1, 1, 1, None]]
    assert _flat.decide(K, [STEEP] * 2, ours, MODES, 1000)[0] == "not reproduced"


def test_a_plain_wave_that_never_arrives_counts_as_the_horizon():
    reason = _flat.decide(K[:2], [[10, None]], [[1, 1]], MODES, 80)[1]
    assert reason.endswith("10 steps to never, as k^3.00 or faster")


def test_the_reason_names_steps_and_exponent():
    reason = _flat.decide(K, [STEEP], [[1, 1, 2, 5]], MODES, 1000)[1]
    assert reason == (
        "waves of 1 … 8 periods take preconditioned gradient descent 1 to 5 steps, "
        "plain gradient descent 3 to 192 steps, as k^2.00"
    )


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([1, 1], "1 step"),
        ([2, 2], "2 steps"),
        ([1, 4], "1 to 4 steps"),
        ([1, math.inf], "1 step to never"),
        ([9, math.inf], "9 steps to never"),
        ([math.inf] * 2, "never"),
    ],
)
def test_steps_in_words(steps, words):
    assert _flat._range(steps) == words


def test_flatness_by_seed():
    """Of the waves replaced alone; the interval is over the seeds."""
    ours = [[1, 1, 2, 99], [2, 2, 2, 99], [1, None, 2, 99]]
    gd = [[3, 12, 48, 7], [3, 6, 12, 7], [3, None, 1000, 7]]
    row = replace(_flat.PGD, modes=9)
    runs = {_flat.GD: gd, row: ours}
    trained = SimpleNamespace(
        study=SimpleNamespace(arguments={"frequencies": K}, steps=1000),
        runs={way: [{"steps": of} for of in seeds] for way, seeds in runs.items()},
    )
    steep, flat = _flat.flatness(trained, row)
    assert (steep.low, steep.value) == (pytest.approx(1), pytest.approx(2))
    assert (flat.low, flat.value, flat.high) == (1, 2, math.inf)


def test_the_slowest_wave():
    assert _flat.slowest({"steps": [1, 7, 3]}) == 7
    assert _flat.slowest({"steps": [1, None, 3]}) == math.inf


def test_linearised_the_steps_are_flat_where_plain_ones_are_steep():
    (verdict, _), table = circle.linearised()
    assert verdict == "reproduced"
    plain, ours = ([int(n) for n in row[1:]] for row in table.rows)
    assert plain == sorted(plain)
    assert plain[-1] > 1000 * ours[-1]
    assert set(ours) == {1}


def test_linearised_without_a_preconditioner_it_is_not(monkeypatch):
    monkeypatch.setattr(circle, "flattened", lambda modes: lambda values: values)
    assert circle.linearised()[0][0] == "not reproduced"
