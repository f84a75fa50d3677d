"""Seconds of what runs in turns, told by clocks of the test's own."""

import pytest

from hatact.claims.engine.timing import in_turns
from tests.support.labs import quiet


def clock(name, seconds, called):
    """What takes, in each round, as long as it is told."""
    left = iter(seconds)

    def call():
        called.append(name)
        return next(left)

    return call


def test_medians_of_all_rounds_but_the_first():
    called = []
    timed = [
        clock("a", (90.0, 1.0, 2.0, 4.0), called),
        clock("b", (1.0, 3.0, 4.0, 20.0), called),
    ]
    found = in_turns(timed, 3, quiet)
    assert called == ["a", "b"] * 4  # in turn, and once more to warm up
    assert found == {"seconds": [2.0, 4.0], "ratio": [1.0, 3.0]}


def test_ratios_are_of_each_round_to_its_first():
    """A machine that is ten times as slow in some rounds does not change them."""
    timed = [clock("a", (1.0, 1.0, 10.0, 3.0), []), clock("b", (9.0, 2.0, 20.0, 6.0), [])]
    found = in_turns(timed, 3, quiet)
    assert found["ratio"] == [1.0, 2.0]
    assert found["seconds"] == [3.0, 6.0]


@pytest.mark.parametrize(("rows", "rounds"), [(1, 1), (3, 5)])
def test_shares_sum_to_one_and_every_turn_is_told(rows, rounds):
    shares = []
    in_turns([clock("", (1.0,) * 6, []) for _ in range(rows)], rounds, shares.append)
    assert sum(shares) == pytest.approx(1)
    assert len(shares) == rows * (rounds + 1)
