"""Rows compared on one target: the runs they need, and each one's best learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hatact.claims.engine.claim import Settings
from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.measure import Measure
from hatact.claims.engine.runs import Record, Row
from hatact.claims.figures.records import Key, kept, middle, of_records

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
SEARCH_SEEDS = 2
LATE = "late_loss"
"""The key of the loss near the end of training; see `hatact.analysis.late_loss`."""


@dataclass(frozen=True)
class Study:
    """Rows trained on one target, in the same way: a plan of a claim's runs.

    Quickly a row that is searched has the rate that it is recorded with; in full the rate is
    searched on GRID over the first seeds, and the row is run at the best one too. The best has the
    lowest median over seeds of `by` (None: never, NaN: diverged), between equals of the late loss.

    Args:
        train: run(row=…, steps=…, **arguments, seeds=…, device=…, advance=…), a record a seed with
            "late_loss".
        settings: its seeds are those of every run.
        steps: updates of every run.
        cost: seconds a step and network, on one core of the machine this package was measured on.
        rows: what is trained, in the order of the tables.
        searched: those of them whose best rate is searched.
        arguments: more of `train`'s.
        batch: networks trained at once; 1 where a larger batch leaves the caches.
        by: what the best rate is chosen by, a key of a record or a function of it.
    """

    train: Callable[..., list[Record]]
    settings: Settings
    steps: int
    cost: float
    rows: Sequence[Row]
    searched: Sequence[Row] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    batch: int = 5
    by: Key = LATE

    def tasks(self) -> list[Task]:
        """The runs of all rows, and of the search."""
        seeds = range(self.settings.seeds)
        tasks = [task for row in self.rows for task in self._of(row, seeds)]
        for row in () if self.settings.quick else self.searched:
            tasks += [t for at in candidates(row) for t in self._of(at, seeds[:SEARCH_SEEDS])]
        return tasks

    def run(self, lab: Lab) -> Trained:
        """Search, then train every row, also at the best rates."""
        rates = self._search(lab)
        rows = dict.fromkeys(r for row in self.rows for r in (rates.best.get(row, row), row))
        return Trained(self, self._run(lab, list(rows), range(self.settings.seeds)), rates)

    def _of(self, row: Row, seeds: Sequence[int]) -> list[Task]:
        arguments = {"row": row, "steps": self.steps, **self.arguments}
        groups = [tuple(seeds[i : i + self.batch]) for i in range(0, len(seeds), self.batch)]
        return [Task(self.train, arguments, g, self.cost * self.steps * len(g)) for g in groups]

    def _run(self, lab: Lab, rows: Sequence[Row], seeds: Sequence[int]) -> dict[Row, list[Record]]:
        tasks = {row: self._of(row, seeds) for row in rows}
        groups = iter(lab.run([task for of_row in tasks.values() for task in of_row]))
        return {row: [r for _ in of_row for r in next(groups)] for row, of_row in tasks.items()}

    def _search(self, lab: Lab) -> Rates:
        if self.settings.quick:
            return Rates({row: row for row in self.searched}, {})
        first = range(self.settings.seeds)[:SEARCH_SEEDS]
        records = self._run(lab, [c for row in self.searched for c in candidates(row)], first)

        def score(row: Row) -> tuple[float, float]:
            return middle(records[row], self.by), middle(records[row], LATE)

        best = {row: min(candidates(row), key=score) for row in self.searched}
        scores = {row: [score(c)[0] for c in candidates(row)] for row in self.searched}
        return Rates(best, scores)


def candidates(row: Row) -> list[Row]:
    """The row at every rate of the grid."""
    return [replace(row, lr=lr) for lr in GRID]


@dataclass(frozen=True)
class Rates:
    """What a search gave: the row at its best rate by the row asked for, and all scores."""

    best: Mapping[Row, Row]
    scores: Mapping[Row, Sequence[float]]

    def values(self) -> dict[str, Any]:
        """What results.json keeps; "units" are of rows whose rates are not those of the grid."""
        units = {row.name: row.rate / row.lr for row in self.best if row.rate != row.lr}
        return {
            "grid": list(GRID),
            **({"units": units} if units else {}),
            "best": {row.name: best.rate for row, best in self.best.items()},
            "scores": {row.name: list(scores) for row, scores in self.scores.items()},
        }

    def findings(self) -> list[str]:
        """Sentences where the search chose otherwise than recorded, or the edge of the grid."""
        sentences = []
        for row, best in self.best.items():
            if best.lr != row.lr:
                sentences.append(f"best rate of {row.name}: {best.rate:g}, recorded {row.rate:g}")
            if self.scores and best.lr in (GRID[0], GRID[-1]):
                sentences.append(f"best rate of {row.name} is {best.rate:g}, the edge of the grid")
        return sentences


@dataclass(frozen=True)
class Trained:
    """What a study gave: the records of every row, one a seed, and the rates of its search."""

    study: Study
    runs: Mapping[Row, Sequence[Record]]
    rates: Rates

    def best(self, *rows: Row) -> list[Row]:
        """The rows at their best rates."""
        return [self.rates.best[row] for row in rows]

    def measures(
        self, rows: Iterable[Row], *wanted: Sequence[Any], larger_is_better: bool = False
    ) -> list[Measure]:
        """Medians over the seeds of each row: of (title, unit, key) or (title, unit, key, index).

        The key and the index are those of `records.of_records`.
        """
        return [
            Measure.over(
                f"{title}, {row}", of_records(self.runs[row], *key), unit, larger_is_better
            )
            for row in rows
            for title, unit, *key in wanted
        ]

    def only(self, *rows: Row) -> dict[Row, Sequence[Record]]:
        """The records of some rows."""
        return {row: self.runs[row] for row in rows}

    def values(self, keys: Sequence[str]) -> dict[str, Any]:
        """What results.json keeps: the steps, the rates, and the keys of every run's record."""
        return {
            "steps": self.study.steps,
            "rates": self.rates.values(),
            "runs": kept(self.runs, keys),
        }
