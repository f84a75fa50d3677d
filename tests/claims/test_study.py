"""A study's runs, and its search for each row's best learning rate."""

import math
from dataclasses import replace

import pytest

from hatact.claims import Settings
from hatact.claims.engine.runs import (
    Row,
)
from hatact.claims.engine.study import GRID, SEARCH_SEEDS, Rates, Study
from tests.support.labs import Asked

INF, NAN = math.inf, math.nan
HAT, RELU = Row("hat", 2), Row("relu")


def unused(**arguments):
    raise AssertionError("nothing is trained here")


STUDY = Study(unused, steps=100, cost=0.5, arguments={"width": 7}, batch=2)


def test_seeds_are_batched_and_records_come_back_one_a_seed():
    tasks = STUDY.tasks(HAT, range(5))
    assert [task.seeds for task in tasks] == [(0, 1), (2, 3), (4,)]
    assert [task.cost for task in tasks] == [100, 100, 50]
    assert tasks[0].arguments == {"row": HAT, "steps": 100, "width": 7}
    lab = Asked(lambda task, seed: (task.arguments["row"], seed))
    assert STUDY.run(lab, [RELU, HAT, RELU], range(5)) == {
        row: [(row, seed) for seed in range(5)] for row in (RELU, HAT)
    }
    assert len(lab.tasks) == 6


def search(losses, seeds=5, quick=False):
    """The search over rows whose late losses by rate, or by rate and seed, are given."""

    def answer(task, seed):
        row = task.arguments["row"]
        of = losses[replace(row, lr=1e-3)][GRID.index(row.lr)]
        return {"late_loss": of[seed] if isinstance(of, tuple) else of}

    lab = Asked(answer)
    return STUDY.search(lab, [*losses], Settings(quick=quick, seeds=seeds)), lab


def test_the_search_takes_the_rate_of_the_lowest_late_loss():
    rates, lab = search({Row("hat"): [5, 4, 3, 1, 2], Row("relu"): [5, 4, 2, 3, 9]})
    assert rates.best == {Row("hat"): Row("hat", lr=3e-3), Row("relu"): Row("relu")}
    assert rates.scores[Row("hat")] == [5, 4, 3, 1, 2]
    assert {task.seeds for task in lab.tasks} == {tuple(range(SEARCH_SEEDS))}
    assert {task.arguments["row"].lr for task in lab.tasks} == set(GRID)
    assert len(lab.tasks) == 2 * len(GRID)


@pytest.mark.parametrize("diverged", [NAN, INF, None, (0.1, NAN), (None, 0.1), (INF, 0.1)])
def test_the_search_takes_no_rate_at_which_a_seed_diverged(diverged):
    rates, _ = search({Row("hat"): [5, 4, 2, diverged, diverged]})
    assert rates.best[Row("hat")].lr == 1e-3
    assert rates.scores[Row("hat")][3:] == [INF, INF]


def test_where_every_rate_diverged_the_edge_is_named():
    rates, _ = search({Row("hat"): [NAN] * 5})
    assert any("the edge of the grid" in found for found in rates.findings())


def test_a_search_by_something_else_falls_back_on_the_late_loss_between_equals():
    arrived = dict(zip(GRID, (None, 40, 30, 30, NAN), strict=True))
    late = dict(zip(GRID, (1, 2, 5, 4, 3), strict=True))

    def answer(task, seed):
        rate = task.arguments["row"].lr
        return {"late_loss": late[rate], "arrived": arrived[rate]}

    settings = Settings(quick=False, seeds=3)
    rates = STUDY.search(Asked(answer), [HAT], settings, by=lambda record: record["arrived"])
    assert rates.best[HAT].lr == 3e-3
    assert rates.scores[HAT] == [INF, 40, 30, 30, INF]


def test_with_one_seed_the_search_has_one():
    _, lab = search({Row("hat"): [5, 4, 2, 3, 9]}, seeds=1)
    assert {task.seeds for task in lab.tasks} == {(0,)}


def test_quickly_the_recorded_rate_is_taken_and_nothing_is_run():
    rates, lab = search({Row("hat"): [5, 4, 3, 1, 2]}, quick=True)
    assert rates.best == {Row("hat"): Row("hat")}
    assert not lab.tasks
    assert rates.findings() == []


def test_a_search_that_finds_another_rate_or_the_edge_says_so():
    rates, _ = search({Row("hat"): [5, 4, 3, 1, 2], Row("relu"): [1, 4, 2, 3, 9]})
    assert rates.findings() == [
        "best rate of hat(x): 0.003, recorded 0.001",
        "best rate of relu(x): 0.0001, recorded 0.001",
        "best rate of relu(x) is 0.0001, the edge of the grid",
    ]
    values = rates.values()
    assert values["best"] == {"hat(x)": 3e-3, "relu(x)": 1e-4}
    assert values["scores"]["relu(x)"] == [1, 4, 2, 3, 9]
    assert Rates({HAT: HAT}, {}).findings() == []
