"""Tables out of runs: a line a row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hatact.claims.figures.kinds import Table
from hatact.claims.figures.records import ByRow, Record, middle, middle_of_large, of_records

Cell = Callable[[Sequence[Record]], str]
Column = tuple[str, Cell]


def number(value: float, spec: str = "g", never: str = "–") -> str:
    """A number as text, inf and NaN as a dash or as another word for it."""
    return format(value, spec) if math.isfinite(value) else never


def decibels(value: float) -> str:
    """A PSNR in words; one that is not finite is of a network that diverged."""
    return f"{value:.1f} dB" if math.isfinite(value) else "diverged"


def spread(records: Sequence[Record], key: str, spec: str) -> str:
    """Of what is better large the median and, where they read otherwise, the lowest … highest."""
    values = [-math.inf if math.isnan(v) else v for v in of_records(records, key)]
    of_seeds = min(values), middle_of_large(records, key), max(values)
    low, typical, high = (number(v, spec, "diverged") for v in of_seeds)
    return typical if low == high else f"{typical} ({low}–{high})"


def median_cells(key: str, headings: Sequence[str] | str, spec: str = "g") -> list[Column]:
    """Columns of medians over seeds, inf as a dash: of `record[key]`, or of each of its entries."""

    def cell(index: int | None) -> Cell:
        return lambda records: number(middle(records, key, index), spec)

    if isinstance(headings, str):
        return [(headings, cell(None))]
    return [(heading, cell(i)) for i, heading in enumerate(headings)]


def by_row(title: str, runs: ByRow, columns: Sequence[Column], first: str = "row") -> Table:
    """A table with a line for every row of `runs`, whose records each column's function reads."""
    lines = [[str(row), *(cell(records) for _, cell in columns)] for row, records in runs.items()]
    return Table(title, [first, *(heading for heading, _ in columns)], lines)


def listed(runs: ByRow, cell: Cell) -> str:
    """The rows of `runs`, each with what the function says of its records, within a sentence."""
    return "; ".join(f"{row} {cell(records)}" for row, records in runs.items())
