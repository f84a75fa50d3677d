"""How runs are done: in order, in processes, and what happens when one fails or dies."""

import math
import os

import pytest
import torch

import hatact
from hatact import use_backend
from hatact._kept import Cache
from hatact.claims.engine import keys
from hatact.claims.engine.lab import Changed, Died, Lab, Task
from hatact.claims.engine.runs import Row
from tests.support import claims_made
from tests.support.claims_made import alone, same, squares

INF, NAN = math.inf, math.nan
HAT = Row("hat", 2)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A lab with two processes, and what it has said; starting them takes seconds."""
    told = {"work": 0.0, "notices": []}

    def advance(work):
        told["work"] += work

    cache = Cache(tmp_path_factory.mktemp("lab"), told["notices"].append)
    with Lab("cpu", cache, 2, advance) as lab:
        yield lab, told


@pytest.fixture
def here(cache):
    with Lab("cpu", cache, 0, lambda work: None) as lab:
        yield lab


def trainings():
    rows = (HAT, Row("relu"), Row("tanh", optimiser="sgd", lr=1e-2))
    return [Task(claims_made.train, {"row": row, "steps": 30}, (0, 1), 1.0) for row in rows]


def answers(*values, seeds=(0, 1)):
    return [[{"square": v * v + s} for s in seeds] for v in values]


def test_results_keep_the_order_of_the_tasks(here, shared):
    for lab in (here, shared[0]):
        assert lab.run(squares(3, 1, 2)) == answers(3, 1, 2)
        assert lab.run(squares(2, 5, 3, 4, 1)) == answers(2, 5, 3, 4, 1)  # some kept, some not
        assert lab.run([]) == []


def test_processes_give_the_very_numbers_that_this_process_gives(here, shared):
    lab, _ = shared
    apart, together = lab.run(trainings()), here.run(trainings())
    assert len(apart[0][0]["losses"]) == 31
    assert same(apart, together)
    assert not lab.missing(trainings())


def test_processes_run_on_the_backend_that_is_forced_here(shared):
    lab, _ = shared
    task = Task(claims_made.where, {"mark": "backend"}, (0,), 1.0)
    with use_backend("reference"):
        assert lab.run([task])[0][0]["backend"] == "reference"
    default = hatact.ops.default_backend("cpu")
    assert lab.run([task])[0][0]["backend"] == default


def test_a_source_that_changes_during_the_runs_is_an_error(shared, monkeypatch):
    lab, _ = shared
    monkeypatch.setattr(keys, "code_version", lambda module: "as it was when the runs began")
    tasks = squares(77)
    with pytest.raises(Changed, match=r"the source of tests.support.claims_made .* changed"):
        lab.run(tasks)
    assert lab.missing(tasks) == tasks


def test_equal_tasks_are_run_once(tmp_path, here):
    task = alone(claims_made.counted, mark="a", folder=str(tmp_path))
    again = alone(claims_made.counted, cost=5.0, folder=str(tmp_path), mark="a")
    other = alone(claims_made.counted, mark="b", folder=str(tmp_path))
    assert here.run([task, other, again]) == [[{"mark": "a"}], [{"mark": "b"}], [{"mark": "a"}]]
    assert len([*tmp_path.glob("a-*")]) == 1
    here.run([again])
    assert len([*tmp_path.glob("a-*")]) == 1


def test_progress_adds_up_to_the_costs(shared, cache):
    lab, told = shared
    before = told["work"]
    tasks = squares(11, 12, 13, 11)
    lab.run(tasks)
    assert told["work"] - before == pytest.approx(sum(t.cost for t in tasks[:3]))
    lab.run(tasks)
    assert told["work"] - before == pytest.approx(sum(t.cost for t in tasks[:3]))
    done = []
    with Lab("cpu", cache, 0, done.append) as lab:
        lab.run([*squares(1, 2), *trainings()[:1]])
    assert sum(done) == pytest.approx(2 + 3 + 1)


def test_missing_names_what_would_be_run(here):
    tasks = squares(1, 2, 3)
    here.run(tasks[1:2])
    assert here.missing(tasks) == [tasks[0], tasks[2]]


def test_a_lab_knows_what_a_kept_run_took_when_it_was_done(here, cache):
    tasks = squares(1, 2)
    here.run([*tasks, *tasks])
    assert here.took == {task.identity(): cache.get(task.key("cpu"))[1] for task in tasks}
    with Lab("cpu", cache, 0, lambda work: None) as again:
        again.run(tasks)
        assert again.took == here.took


def test_a_task_that_measures_time_runs_in_the_parent(shared):
    lab, _ = shared
    apart = Task(claims_made.where, {"mark": "apart"}, (0,), 1.0)
    ((inside,), (outside,)) = lab.run([alone(claims_made.where, mark="alone"), apart])
    assert inside["process"] == os.getpid() != outside["process"]
    assert inside["threads"] == outside["threads"] == 1
    assert inside["flushed"]
    assert outside["flushed"]


def subnormals_are_kept():
    return float(torch.tensor(1e-30) * torch.tensor(1e-10)) > 0


@pytest.mark.parametrize("fails", [False, True])
def test_threads_and_subnormals_are_as_before_after_a_run_in_this_process(here, fails):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        if fails:
            with pytest.raises(KeyError, match="broken"):
                here.run([alone(claims_made.broken)])
        else:
            (record,) = here.run([alone(claims_made.where, mark="a")])[0]
            assert (record["threads"], record["flushed"]) == (1, True)
        assert torch.get_num_threads() == 2
        assert subnormals_are_kept()
    finally:
        torch.set_num_threads(before)


def test_the_callers_generator_is_left_alone(here):
    state = torch.get_rng_state()
    here.run(trainings()[:1])
    assert torch.equal(torch.get_rng_state(), state)


def test_a_failure_stops_the_others_and_keeps_what_is_finished(cache, tmp_path):
    (quick,) = squares(3)
    broken = Task(claims_made.broken, {"after": str(cache.folder)}, (0,), 0.1)
    endless = Task(claims_made.endless, {"ended": str(tmp_path / "ended")}, (0,), 100.0)
    with pytest.raises(KeyError, match="broken"), Lab("cpu", cache, 2, lambda w: None) as lab:
        lab.run([broken, quick, endless])
    assert [lab.missing([task]) == [] for task in (quick, broken, endless)] == [True, False, False]
    assert not (tmp_path / "ended").exists()


def test_a_failure_in_this_process_keeps_what_is_finished(cache):
    tasks = [*squares(3), alone(claims_made.broken)]
    with pytest.raises(KeyError, match="broken"), Lab("cpu", cache, 0, lambda w: None) as lab:
        lab.run(tasks)
    assert lab.missing(tasks) == tasks[1:]


def test_a_process_that_dies_is_an_error_and_no_wait(cache, tmp_path):
    endless = Task(claims_made.endless, {"ended": str(tmp_path / "ended")}, (0,), 1.0)
    tasks = [endless, Task(claims_made.dies, {}, (0,), 1.0)]
    with pytest.raises(Died, match="finished runs are kept"), Lab("cpu", cache, 2, print) as lab:
        lab.run(tasks)
    assert lab.missing(tasks) == tasks
    assert not (tmp_path / "ended").exists()
