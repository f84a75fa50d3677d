"""Seconds a step on a problem: what is in a step that is timed, and what is recorded."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from hatact.claims.targets import imaging, imaging_time
from hatact.claims.targets.methods import Method
from tests.support.labs import quiet

pytest.importorskip("numpy")
SIDE = 8
HAT, GRID = Method("hat", 4, lr=1e-2), Method("grid", smoothing=1e-2, unit=100)
ROUNDS, BLOCK = 2, 3


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """A random image, which is given for every name, narrow networks, few rounds."""
    found = torch.rand(SIDE, SIDE)
    monkeypatch.setattr(imaging, "SIDES", dict.fromkeys(imaging.SIDES, SIDE))
    monkeypatch.setattr(imaging, "picture", lambda name, side: found)
    monkeypatch.setattr(imaging, "WIDTH", 8)
    monkeypatch.setattr(imaging_time, "ROUNDS", ROUNDS)
    monkeypatch.setattr(imaging_time, "BLOCK", BLOCK)


def timed(rows, name="rays", advance=quiet):
    (record,) = imaging_time.seconds(rows, name, "any", 4, (0,), "cpu", advance)
    return record


@pytest.mark.parametrize("name", imaging.SIDES)
def test_a_record_has_the_seconds_of_every_row_and_their_ratios_to_the_first(name):
    record = timed((HAT, GRID, Method("siren", 20)), name)
    assert {*record} == {"seconds", "ratio"}
    assert len(record["seconds"]) == len(record["ratio"]) == 3
    assert all(seconds > 0 for seconds in record["seconds"])
    assert record["ratio"][0] == 1
    assert json.loads(json.dumps(record)) == record


@pytest.fixture
def ticks(monkeypatch):
    """A clock that stands still but where a test moves it on."""
    clock = SimpleNamespace(now=0.0)
    watch = SimpleNamespace(perf_counter=lambda: clock.now)
    monkeypatch.setattr(imaging_time, "time", watch)
    return clock


def slowed(call, ticks, by):
    """The same function, for which the clock moves on."""

    def slow(*args):
        ticks.now += by
        return call(*args)

    return slow


def test_the_penalty_of_the_rows_that_have_one_is_timed_once_a_step(ticks, monkeypatch):
    made = Method.penalty

    def penalty(self, model):
        of_model = made(self, model)
        return of_model and slowed(of_model, ticks, 0.5)

    monkeypatch.setattr(Method, "penalty", penalty)
    assert timed((GRID, HAT, replace(GRID, smoothing=0)))["seconds"] == [0.5, 0, 0]


def test_forward_backward_and_update_are_timed_once_a_step(ticks, monkeypatch):
    made = Method.optimiser_of

    def optimiser_of(self, model):
        optimiser = made(self, model)
        model.register_forward_pre_hook(lambda *_: slowed(quiet, ticks, 1.0)(0))
        next(model.parameters()).register_hook(slowed(lambda grad: None, ticks, 2.0))
        optimiser.register_step_pre_hook(lambda *_: slowed(quiet, ticks, 4.0)(0))
        return optimiser

    monkeypatch.setattr(Method, "optimiser_of", optimiser_of)
    assert timed((HAT, GRID))["seconds"] == [7.0, 7.0]


def test_the_measurement_is_timed_once_a_step_and_what_is_made_beforehand_is_not(
    ticks, monkeypatch
):
    monkeypatch.setattr(Method, "networks", slowed(Method.networks, ticks, 100.0))
    made = imaging.problem

    def problem(*args):
        ticks.now += 100.0
        found = made(*args)
        return found._replace(measure=slowed(found.measure, ticks, 0.25))

    monkeypatch.setattr(imaging, "problem", problem)
    assert timed((HAT, GRID)) == {"seconds": [0.25, 0.25], "ratio": [1, 1]}
    assert ticks.now > 300.0


def test_blocks_are_in_turn_and_of_one_network_that_goes_on_training(monkeypatch):
    steps, made = [], Method.optimiser_of

    def optimiser_of(self, model):
        optimiser = made(self, model)
        (first, *_) = model.parameters()
        assert len(first) == 1  # one network a batch
        optimiser.register_step_post_hook(lambda *_: steps.append(self.activation))
        return optimiser

    monkeypatch.setattr(Method, "optimiser_of", optimiser_of)
    (record,) = imaging_time.seconds((HAT, GRID), "rays", "any", 4, (0, 1), "cpu", quiet)
    assert steps == (["hat"] * BLOCK + ["grid"] * BLOCK) * (ROUNDS + 1)
    assert len(record["seconds"]) == 2


def test_the_shares_of_the_work_sum_to_one():
    shares = []
    timed((HAT, GRID), advance=shares.append)
    assert sum(shares) == pytest.approx(1)


def test_nothing_is_drawn_from_the_callers_generator():
    state = torch.get_rng_state()
    timed((HAT, GRID))
    assert torch.equal(torch.get_rng_state(), state)
