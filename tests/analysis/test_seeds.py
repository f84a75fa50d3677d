"""Medians over seeds and their bootstrap intervals."""

import math
from itertools import product

import pytest
import torch

from hatact.analysis import lower_median, median, median_interval
from hatact.analysis.seeds import LEVEL

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([3], 3),
        ([3, 1, 2], 2),
        ([1, 2], 2),
        ([4, 1, 3, 2], 3),
        ([3, None, 1], 3),
        ([3, None], INF),
        ([NAN, 1, 2], 2),
        ([NAN, 1], INF),
        ([None], INF),
        ([-INF, 0, INF], 0),
    ],
)
def test_the_median_is_the_upper_of_two_and_none_is_never(values, found):
    assert median(values) == found


def test_what_a_method_is_compared_with_has_the_lower_of_two():
    assert lower_median([1, 2]) == 1
    assert lower_median([3, 1, 2]) == 2
    assert lower_median([4, 1, 3, 2]) == 2
    assert lower_median([1, None]) == 1
    assert lower_median([1, NAN, None]) == INF


@pytest.mark.parametrize("of", [median, lower_median, median_interval])
def test_no_value_has_no_median(of):
    with pytest.raises(ValueError, match="at least one value is needed; got none"):
        of([])


def test_the_interval_of_one_value_is_that_value():
    assert median_interval([7]) == (7, 7)
    assert median_interval([None]) == (INF, INF)
    assert median_interval([2, 2, 2]) == (2, 2)


def test_the_interval_is_the_same_each_time_and_leaves_the_generator_alone():
    state = torch.get_rng_state()
    values = [5.0, 1.0, None, 3.0, 9.0, 2.0]
    assert median_interval(values) == median_interval(values) == median_interval(values[::-1])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("count", range(1, 30))
def test_the_interval_holds_the_median_and_is_made_of_the_values(count):
    values = torch.randn(count, generator=torch.Generator().manual_seed(count)).tolist()
    low, high = median_interval(values)
    assert low <= median(values) <= high
    assert {low, high} <= set(values)


def at_most(count, rank):
    """P(the median of `count` draws is at most the value of 1-based rank): binomial, exact."""
    share, needed = rank / count, count // 2 + 1
    return sum(
        math.comb(count, i) * share**i * (1 - share) ** (count - i)
        for i in range(needed, count + 1)
    )


@pytest.mark.parametrize("count", [2, 3, 5, 8, 11, 20, 41])
def test_the_interval_is_the_one_that_the_binomial_law_gives(count):
    tail = (1 - LEVEL) / 2
    ranks = range(1, count + 1)
    assert all(min(abs(at_most(count, r) - p) for p in (tail, 1 - tail)) > 5e-4 for r in ranks)
    low = next(r for r in ranks if at_most(count, r) > tail)
    high = next(r for r in ranks if at_most(count, r) >= 1 - tail)
    assert median_interval(ranks) == (low, high)


def test_of_five_seeds_the_interval_covers_30_times_in_32():
    """A true median of 0 is missed only where all five values lie on one side of it."""
    samples = product((-1, 1), repeat=5)
    values = [[s * v for s, v in zip(signs, (1, 2, 3, 4, 5), strict=True)] for signs in samples]
    around = [median_interval(seeds) for seeds in values]
    assert sum(low < 0 < high for low, high in around) == 30


def test_a_run_that_never_arrives_is_inf_at_one_end_only():
    assert median_interval([1, 2, 3, 4, None]) == (1, INF)
    assert median_interval([1, None, None]) == (1, INF)
    low, high = median_interval([1.0] * 20 + [None])
    assert (low, high) == (1, 1)
