"""Values out of the records of several seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hatact.analysis import lower_median, median

Record = dict[str, Any]
ByRow = Mapping[Any, Sequence[Record]]
"""Records, one a seed, by what was run."""
Key = str | Callable[[Record], Any]


def of_records(records: Sequence[Record], key: Key, index: int | None = None) -> list[Any]:
    """One value a seed: `record[key]` or its entry `index`, or `key(record)`."""
    values = [key(record) if callable(key) else record[key] for record in records]
    return values if index is None else [value[index] for value in values]


def middle(records: Sequence[Record], key: Key, index: int | None = None) -> float:
    """The median of :func:`of_records`."""
    return median(of_records(records, key, index))


def lower_middle(records: Sequence[Record], key: Key, index: int | None = None) -> float:
    """The lower median of :func:`of_records`: of what a method is compared with."""
    return lower_median(of_records(records, key, index))
