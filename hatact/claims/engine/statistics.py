"""Medians and bootstrap intervals over seeds, in which a run that never arrived counts as inf."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

LEVEL = 0.95
RESAMPLES = 9999


def median(values: Sequence[float | None]) -> float:
    """The median, None counting as inf: of an even number, the upper of the middle two.

    The upper one, so that half of the seeds failing is a failure and never half a number.
    """
    ordered = _numbers(values)
    return ordered[len(ordered) // 2]


def lower_median(values: Sequence[float | None]) -> float:
    """As :func:`median`, but of an even number the lower of the middle two.

    For what a method is compared with: half of its seeds failing must not help the method.
    """
    ordered = _numbers(values)
    return ordered[(len(ordered) - 1) // 2]


def interval(values: Sequence[float | None]) -> tuple[float, float]:
    """Percentile bootstrap interval of :func:`median`, at level 0.95; None counts as inf.

    With five values or fewer it is their whole range (of five, the smallest is the resampled median
    in 5.8 % of the draws), which holds the true median with 94 % for five, 50 % for two.

    Seeds are drawn with replacement 9999 times by a generator of its own, so the same values give
    the same interval. Percentiles are drawn medians themselves, never between two: inf is exact.
    With one value the interval is that value.
    """
    ordered = torch.tensor(_numbers(values), dtype=torch.float64)
    n = len(ordered)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(n, (RESAMPLES, n), generator=generator).sort(1).values[:, n // 2]
    medians = ordered[drawn.sort().values]
    tail = (1 - LEVEL) / 2
    low, high = math.floor(tail * RESAMPLES), math.ceil((1 - tail) * RESAMPLES) - 1
    return float(medians[low]), float(medians[high])


def _numbers(values: Sequence[float | None]) -> list[float]:
    if not values:
        raise ValueError("at least one value is needed; got none")
    return sorted(math.inf if v is None or math.isnan(v) else float(v) for v in values)


@dataclass(frozen=True)
class Measure:
    """One measured number, its interval over seeds, and what is known of it beforehand.

    Args:
        name: what is measured.
        value, low, high: the median over seeds and its 95 % interval (None without seeds);
            inf = never.
        unit: as printed, "" for a pure number.
        seeds: how many, 0 for a number that does not depend on any.
        known: the published or derived value, if there is one, and `known_source` whose it is.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    unit: str = ""
    seeds: int = 0
    known: float | None = None
    known_source: str = ""

    @classmethod
    def over(
        cls,
        name: str,
        values: Sequence[float | None],
        unit: str = "",
        larger_is_better: bool = False,
    ) -> Measure:
        """The median of one value a seed, with its interval; of an even number the worse one.

        None and NaN count as the worst: inf, or −inf where larger is better.
        """
        sign = -1 if larger_is_better else 1
        signed = [None if v is None else sign * v for v in values]
        low, high = sorted(sign * bound for bound in interval(signed))
        return cls(name, sign * median(signed), low, high, unit, len(values))

    @classmethod
    def exact(
        cls, name: str, value: float, unit: str = "", known: float | None = None, source: str = ""
    ) -> Measure:
        """A number that does not depend on any seed."""
        return cls(name, value, None, None, unit, 0, known, source)
