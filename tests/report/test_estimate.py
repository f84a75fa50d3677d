"""How long is left: from costs, and from how they came out so far."""

import pytest

from hatact.claims.engine import Task
from hatact.report.estimate import TRUST, Estimate, Part


def run(**arguments):
    raise AssertionError("nothing is run here")


def task(cost, alone=False):
    return Task(run, {"cost": cost, "alone": alone}, (0,), cost, alone)


def part(*costs, alone=0.0, workers=2):
    return Part.of([*(task(c) for c in costs), *([task(alone, True)] if alone else [])], workers)


@pytest.mark.parametrize(("workers", "seconds"), [(0, 18), (1, 18), (2, 14), (4, 12), (9, 12)])
def test_a_part_takes_its_work_over_the_workers_and_at_least_its_longest(workers, seconds):
    assert part(2, 2, 2, 2, alone=10, workers=workers).seconds() == seconds
    assert part(1, 10).seconds() == 10
    assert part().seconds() == part().work == 0


def test_what_runs_alone_comes_last_and_is_not_shared():
    one = part(4, 4, alone=6)
    assert [one.seconds(done) for done in (0, 4, 8, 11, 14)] == [10, 8, 6, 3, 0]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def watched(parts, slowness, speed):
    """What is estimated at every second of work, where a second of it takes `speed` seconds."""
    clock = Clock()
    estimate, told = Estimate(parts, slowness, clock), []
    for i, one in enumerate(parts):
        if i:
            estimate.begin()
        done = 0.0
        while done < one.work:
            told.append((clock.now, estimate.left()))
            step = min(0.5, one.work - done)
            clock.now += speed * (one.seconds(done) - one.seconds(done + step))
            done += step
            estimate.advance(step)
    return told, clock.now, estimate.left()


PARTS = [part(10, 10, 4, alone=3), part(1, 30), part(alone=5), part(8, 8)]


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_where_the_speed_was_known_the_time_left_is_right_from_the_start(speed):
    told, total, last = watched(PARTS, speed, speed)
    assert all(left == pytest.approx(total - now) for now, left in told)
    assert last == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("guess", [0.3, 1.0, 4.0])
def test_a_wrong_speed_is_forgotten_as_work_is_done(guess):
    told, total, last = watched(PARTS, guess, 1.0)
    errors = [left / (total - now) for now, left in told]
    assert errors[0] == pytest.approx(guess)
    assert abs(errors[-1] - 1) <= abs(guess - 1) * TRUST / (TRUST + 0.9 * total) + 1e-9
    assert last == pytest.approx(0, abs=1e-9)


def test_where_nothing_is_known_nothing_is_said_before_some_work_is_done():
    told, total, _ = watched(PARTS, None, 2.0)
    (_, first), *others = told
    assert first is None
    assert all(left == pytest.approx(total - now) for now, left in others)


def test_nothing_to_do_takes_no_time():
    assert Estimate((), 1.0).left() == Estimate((), None).left() == 0


def test_more_work_than_planned_is_not_the_next_parts():
    """A search may find other rates, and then a claim has more runs."""
    clock = Clock()
    estimate = Estimate([part(100, workers=1), part(100, workers=1)], 1.0, clock)
    for _ in range(15):
        clock.now += 10
        estimate.advance(10)
    assert estimate.left() is None
    estimate.begin()
    assert estimate.left() == pytest.approx(100 * 160 / 110)
    clock.now += 50
    estimate.advance(50)
    assert estimate.left() == pytest.approx(50 * 210 / 160)


def test_less_work_than_planned_is_not_left_for_ever():
    """Of a claim that is not attempted, say, because a package is missing."""
    clock = Clock()
    estimate = Estimate([part(100, workers=1), part(30, workers=1)], 1.0, clock)
    clock.now = 10
    estimate.advance(10)
    estimate.begin()
    assert estimate.left() == pytest.approx(30)
    estimate.begin()
    estimate.begin()
    assert estimate.left() == 0
