"""Jobs in processes of their own: what they give, how far they are told to be, how they end."""

from concurrent import futures
from functools import partial

import pytest

from hatact import _processes
from hatact._processes import Crew, Job
from tests.support import jobs


@pytest.fixture
def crew():
    crew = Crew(2, jobs.ready)
    yield crew
    crew.stop()


def test_results_come_by_key_and_shares_sum_to_the_sizes(crew):
    results, told = {}, []
    for values in ((3, 1, 2), (5,)):
        work = {f"of {v}": Job(partial(jobs.shares, v), 10.0 * v) for v in values}
        crew.run(work, results.__setitem__, told.append)
    assert results == {"of 3": 9, "of 1": 1, "of 2": 4, "of 5": 25}
    assert sum(told) == pytest.approx(10 * (3 + 1 + 2 + 5))


def test_a_failure_is_raised_after_what_was_finished_and_ends_the_others(crew):
    results = {}
    work = {"endless": Job(jobs.endless, 9.0), "quick": Job(partial(jobs.shares, 3), 5.0)}
    with pytest.raises(KeyError, match="broken"):
        crew.run({**work, "broken": Job(jobs.fails, 1.0)}, results.__setitem__, lambda share: None)
    assert results == {"quick": 9}
    crew.stop()  # or it would wait for a minute


def test_results_that_come_together_with_a_failure_are_handed_on(crew, monkeypatch):
    monkeypatch.setattr(_processes, "wait", lambda left, **rest: futures.wait(left))
    results = {}
    work = {v: Job(partial(jobs.shares, v), 5.0) for v in range(6)} | {
        "broken": Job(jobs.fails, 9.0)
    }
    with pytest.raises(KeyError, match="broken"):
        crew.run(work, results.__setitem__, lambda share: None)
    assert results == {v: v * v for v in range(6)}


def test_without_jobs_no_process_is_started(crew):
    crew.run({}, pytest.fail, pytest.fail)
    assert crew._pool is None
