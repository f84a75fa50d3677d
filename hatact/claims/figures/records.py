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


def middle_of_large(records: Sequence[Record], key: Key, lenient: bool = False) -> float:
    """The median of what is better large, as a PSNR: of an even number the lower of the middle two.

    NaN and None are the worst, −inf. Of what a method is compared with take the upper: lenient.
    """
    take = lower_median if lenient else median
    return -take([None if v is None else -v for v in of_records(records, key)])


def kept(runs: ByRow, keys: Sequence[str], name: str = "row") -> list[Record]:
    """What results.json holds of records: the row and the seed of each, and these of its keys."""
    return [
        {name: str(row), "seed": seed, **{key: record[key] for key in keys}}
        for row, records in runs.items()
        for seed, record in enumerate(records)
    ]
