"""A claim's plans of runs by key."""

from functools import partial

from hatact.claims.engine import Runs, Task
from tests.support.labs import Asked


def unused(**arguments):
    raise AssertionError("nothing is run here")


task = partial(Task, unused, cost=1)
ONE = task({"n": 1}, (0, 1))
MANY = [task({"n": 2}, seeds) for seeds in ((3,), (0, 1), (2,))]


def answer(task, seed):
    return {"n": task.arguments["n"], "seed": seed}


def records(n, *seeds):
    return [{"n": n, "seed": seed} for seed in seeds]


def test_a_task_a_key():
    lab, plan = Asked(answer), Runs({"one": ONE, "two": MANY[0]})
    assert plan.tasks() == [ONE, MANY[0]]
    assert plan.run(lab) == {"one": records(1, 0, 1), "two": records(2, 3)}
    assert lab.tasks == plan.tasks()


def test_the_records_of_several_tasks_of_a_key_follow_each_other():
    for of_key in (MANY, tuple(MANY)):
        lab, plan = Asked(answer), Runs({"many": of_key, ("a", "one"): ONE})
        assert plan.tasks() == [*MANY, ONE]
        assert plan.run(lab) == {"many": records(2, 3, 0, 1, 2), ("a", "one"): records(1, 0, 1)}
        assert lab.tasks == plan.tasks()  # all at once, so that they can run side by side


def test_a_key_without_tasks_has_no_records():
    lab, plan = Asked(answer), Runs({"none": [], "one": [ONE]})
    assert plan.tasks() == [ONE]
    assert plan.run(lab) == {"none": [], "one": records(1, 0, 1)}
    assert Runs({}).run(lab) == {}
