"""One measured number with its interval over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hatact.analysis import median, median_interval


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
        known: float | None = None,
        source: str = "",
    ) -> Measure:
        """The median of one value a seed, with its interval; of an even number the worse one.

        None and NaN count as the worst: inf, or −inf where larger is better.
        """
        sign = -1 if larger_is_better else 1
        signed = [None if v is None else sign * v for v in values]
        low, high = sorted(sign * bound for bound in median_interval(signed))
        return cls(name, sign * median(signed), low, high, unit, len(values), known, source)

    @classmethod
    def exact(
        cls, name: str, value: float, unit: str = "", known: float | None = None, source: str = ""
    ) -> Measure:
        """A number that does not depend on any seed."""
        return cls(name, value, None, None, unit, 0, known, source)
