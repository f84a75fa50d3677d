"""geifman2023: what decides the claims that are not of flatness."""

from types import SimpleNamespace

import pytest

from hatact.claims.geifman2023 import digits, hat, optimisers, solution
from hatact.claims.geifman2023._flat import GD, PGD

INF = float("inf")


@pytest.mark.parametrize(
    ("gd", "pgd", "both", "verdict"),
    [
        (22, INF, 7, "reproduced"),
        (22, INF, 11, "reproduced"),
        (22, INF, 12, "not reproduced"),
        (INF, 20, 11, "not reproduced"),
        (INF, INF, INF, "not reproduced"),  # together they learn nothing either
        (INF, INF, 51, "not reproduced"),  # the horizon, 100, is too few for it
        (INF, INF, 50, "reproduced"),
        (22, 30, 22, "not reproduced"),  # a preconditioner that does nothing
    ],
)
def test_together_in_half_of_the_steps_of_the_better_one(gd, pgd, both, verdict):
    found, reason = hat.decide({"hat": gd, "pgd": pgd, "both": both}, 100)
    assert found == verdict
    assert "inf" not in reason


def trained(best=None, steps=100, **records):
    """Records by the row, in a `Trained`'s place."""
    by_row = {optimisers.PGD: records.pop("ours"), **records.pop("others")}
    best = best or {}
    return SimpleNamespace(
        runs=by_row,
        best=lambda *rows: [best.get(row, row) for row in rows],
        study=SimpleNamespace(steps=steps),
    )


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        ([1, 4], [[9, 9], [9, 5]], "reproduced"),
        ([1, 4], [[9, 9], [4, 4]], "partly"),
        ([1, 4], [[9, None], [4, 4]], "partly"),
        ([1, None], [[9, 9], [9, 5]], "not reproduced"),
        ([9, 9], [[9, 9], [9, 5]], "not reproduced"),
    ],
)
def test_fewer_steps_than_every_rival(ours, theirs, verdict):
    rivals = optimisers.RIVALS[:2]
    others = {row: [{"steps": steps}] for row, steps in zip(rivals, theirs, strict=True)}
    found, reason = optimisers.decide(trained(ours=[{"steps": ours}], others=others), rivals)
    assert found == verdict
    assert "inf" not in reason


def by_seed(*rows):
    """Records of the rows' slowest waves, a row's over its seeds."""
    runs = {row: [{"steps": [n]} for n in seeds] for row, seeds in rows}
    return SimpleNamespace(runs=runs, best=lambda *asked: asked, study=SimpleNamespace(steps=300))


def test_a_rivals_seed_that_fails_does_not_help():
    rival, pgd = optimisers.RIVALS[0], optimisers.PGD
    found = optimisers.decide(by_seed((pgd, [50, 50]), (rival, [10, None])), [rival])
    assert found == (
        "not reproduced",
        "50 steps with PGD, 30 modes; 10 steps with heavy ball, β = 0.9 (rate ×3)",
    )
    both, alone = hat.OURS[8], hat.PLAIN[8]
    slow = by_seed((both, [40, 40]), (alone, [23, None]), (pgd, [None, None]))
    assert hat.of_scale(slow, 8)[0] == "not reproduced"
    quick = by_seed((both, [10, 10]), (alone, [23, None]), (pgd, [None, None]))
    assert hat.of_scale(quick, 8)[0] == "reproduced"


def ends(apart, linear=1e-9, left=1e-3):
    return [{"apart": apart, "linear": linear, "left": left, "steps": 9}] * 3


@pytest.mark.parametrize(
    ("plain", "ours", "verdict"),
    [
        (ends(0.01), ends(0.05), "reproduced"),
        (ends(0.01), ends(0.06), "not reproduced"),
        (ends(0.06), ends(0.01), "not reproduced"),
        (ends(0.01), ends(0.01, left=2e-3), "not reproduced"),  # it has not arrived
        (ends(0.01), ends(0.01, linear=1e-3), "partly"),
        (ends(0.9), ends(0.9, linear=0.9), "not reproduced"),
    ],
)
def test_both_end_at_the_regression(plain, ours, verdict):
    assert solution.decide(plain, ours)[0] == verdict


@pytest.mark.parametrize(
    ("steps", "accuracy", "verdict"),
    [
        ((50, 5), (0.9, 0.9), "reproduced"),
        ((50, 6), (0.9, 0.9), "not reproduced"),
        ((50, 5), (0.9, 0.85), "not reproduced"),
        ((INF, 10), (0.9, 0.95), "reproduced"),
        ((INF, 11), (0.9, 0.95), "not reproduced"),  # the horizon, 100, is too few
        ((50, INF), (0.9, 0.9), "not reproduced"),
        ((INF, INF), (0.9, 0.9), "not reproduced"),
    ],
)
def test_a_tenth_of_the_steps_and_as_often_right(steps, accuracy, verdict):
    found, reason = digits.decide(steps, accuracy, 100)
    assert found == verdict
    assert "inf" not in reason


def test_digits_are_judged_at_the_best_rates():
    better = digits.replace(PGD, lr=3e-3)
    records = {
        GD: [{"steps": 60, "accuracy": 0.9}],
        PGD: [{"steps": 60, "accuracy": 0.9}],
        better: [{"steps": 6, "accuracy": 0.9}],
    }
    found = trained({PGD: better}, ours=records.pop(PGD), others=records)
    assert digits.of_network(found, [GD, PGD])[0] == "reproduced"
    found.best = lambda *rows: rows
    assert digits.of_network(found, [GD, PGD])[0] == "not reproduced"
