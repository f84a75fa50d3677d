"""A study's runs, and its search for each row's best learning rate."""

import math
from dataclasses import replace

import pytest

from hatact.claims import Settings
from hatact.claims.engine import Row, Study
from hatact.claims.engine.study import GRID, SEARCH_SEEDS, Rates, candidates
from hatact.claims.targets.methods import Method
from tests.support.labs import Asked

INF, NAN = math.inf, math.nan
HAT, RELU = Row("hat", 2), Row("relu")


def unused(**arguments):
    raise AssertionError("nothing is trained here")


def study(rows, seeds=5, quick=True, **more):
    """Rows that train on nothing, in batches of two."""
    settings, width = Settings(quick=quick, seeds=seeds), {"width": 7}
    return Study(unused, settings, 100, 0.5, rows, arguments=width, batch=2, **more)


def test_seeds_are_batched_and_records_come_back_one_a_seed():
    tasks = study([HAT]).tasks()
    assert [task.seeds for task in tasks] == [(0, 1), (2, 3), (4,)]
    assert [task.cost for task in tasks] == [100, 100, 50]
    assert tasks[0].arguments == {"row": HAT, "steps": 100, "width": 7}
    lab = Asked(lambda task, seed: (task.arguments["row"], seed))
    trained = study([RELU, HAT, RELU]).run(lab)
    assert list(trained.runs) == [RELU, HAT]
    assert trained.runs == {row: [(row, seed) for seed in range(5)] for row in (RELU, HAT)}
    assert len(lab.tasks) == 6


def search(losses, seeds=5, quick=False, **more):
    """The search over rows whose late losses by rate, or by rate and seed, are given."""

    def answer(task, seed):
        row = task.arguments["row"]
        of_rate = losses[replace(row, lr=1e-3)][GRID.index(row.lr)]
        return {"late_loss": of_rate[seed] if isinstance(of_rate, tuple) else of_rate}

    lab = Asked(answer)
    plan = study([*losses], seeds, quick, searched=[*losses], **more)
    return plan._search(lab), lab


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

    plan = study([HAT], 3, False, searched=[HAT], by=lambda record: record["arrived"])
    rates = plan._search(Asked(answer))
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


def test_rates_are_told_as_they_are_and_scores_by_the_grid_in_a_rows_units():
    """A row may count its rate in units of its own: what is kept must not pass for the grid's."""
    row, slow = Method("grid", smoothing=1, lr=1e-2, unit=100), Method("siren", 30)
    best = {row: replace(row, lr=3e-3), slow: replace(slow, lr=1e-4)}
    rates = Rates(best, {row: [5, 4, 3, 1, 2], slow: [1, 2, 3, 4, 5]})
    values = rates.values()
    assert values["best"] == pytest.approx({"grid, TV × 1": 0.3, "SIREN, ω = 30": 1e-4})
    assert values["units"] == pytest.approx({"grid, TV × 1": 100})
    assert values["grid"] == list(GRID)
    assert values["scores"]["grid, TV × 1"] == [5, 4, 3, 1, 2]
    assert rates.findings()[0] == "best rate of grid, TV × 1: 0.3, recorded 1"
    assert "units" not in Rates({slow: slow, HAT: HAT}, {}).values()


def test_rows_come_in_their_order_each_after_its_best_rate():
    late = dict.fromkeys(GRID, 1.0) | {1e-4: 0.1}

    def answer(task, seed):
        row = task.arguments["row"]
        return {"row": row, "late_loss": late[row.lr] if row.activation == "hat" else 1.0}

    slow = replace(HAT, lr=1e-4)
    relu = replace(RELU, lr=1e-4)  # between equals the first of the grid
    plan = study([HAT, Row("tanh"), RELU], 3, quick=False, searched=[RELU, HAT])
    lab = Asked(answer)
    trained = plan.run(lab)
    assert list(trained.runs) == [slow, HAT, Row("tanh"), relu, RELU]
    assert trained.best(HAT, RELU) == [slow, relu]
    assert all(r["row"] == row for row, records in trained.runs.items() for r in records)
    known = {task.identity() for task in plan.tasks()}
    asked = {task.identity() for task in lab.tasks}
    more = {(t.arguments["row"], t.seeds) for t in lab.tasks if t.identity() not in known}
    assert more == {(slow, (2,)), (relu, (2,))}  # the search has the first two seeds
    assert known <= asked
    searched = {(row, (0, 1)) for of_row in (HAT, RELU) for row in candidates(of_row)}
    assert searched <= {(t.arguments["row"], t.seeds) for t in plan.tasks()}


def test_what_is_told_of_the_trained():
    lab = Asked(lambda task, seed: {"late_loss": 1.0, "a": [seed, 5], "b": 2 * seed})
    trained = study([HAT, RELU], 3, searched=[HAT]).run(lab)
    assert list(trained.only(RELU)) == [RELU]
    values = trained.values(("b",))
    assert (values["steps"], values["rates"]["best"]) == (100, {"hat(2x)": 1e-3})
    assert values["runs"][4] == {"row": "relu(x)", "seed": 1, "b": 2}
    measures = trained.measures(
        [RELU, HAT], ("of a", "s", "a", 0), ("twice b", "", lambda record: 2 * record["b"])
    )
    assert [(m.name, m.value, m.unit, m.seeds) for m in measures] == [
        ("of a, relu(x)", 1, "s", 3),
        ("twice b, relu(x)", 4, "", 3),
        ("of a, hat(2x)", 1, "s", 3),
        ("twice b, hat(2x)", 4, "", 3),
    ]
    wanted = ("of a", "s", "a", 0)
    two = study([HAT], 2).run(Asked(lambda task, seed: {"late_loss": 1.0, "a": [seed]}))
    ((lower,), (higher,)) = (two.measures([HAT], wanted, larger_is_better=b) for b in (0, 1))
    assert (lower.value, higher.value) == (1, 0)  # of two the worse
