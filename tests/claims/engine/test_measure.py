"""One measured number and its interval."""

import math

from hatact.claims.engine import Measure

INF, NAN = math.inf, math.nan


def test_a_measure_over_seeds_and_an_exact_one():
    of = Measure.over("steps", [3, None, 1], "steps")
    assert (of.value, of.low, of.high) == (3, 1, INF)
    assert (of.unit, of.seeds, of.known) == ("steps", 3, None)
    better = Measure.over("PSNR", [20, 25, 22, 21], "dB", larger_is_better=True)
    assert (better.value, better.low, better.high) == (21, 20, 25)
    half_gone = Measure.over("PSNR", [20, NAN], "dB", larger_is_better=True)
    assert (half_gone.value, half_gone.low, half_gone.high) == (-INF, -INF, 20)
    exact = Measure.exact("slope", 3.9, known=4, source="derived")
    assert (exact.value, exact.low, exact.high, exact.seeds) == (3.9, None, None, 0)
    assert (exact.known, exact.known_source) == (4, "derived")


def test_a_measure_over_seeds_may_be_known_beforehand():
    of = Measure.over("error", [1.0, 2.0], known=1.5, source="once")
    assert (of.value, of.known, of.known_source) == (2.0, 1.5, "once")
