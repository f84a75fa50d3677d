"""Rows compared on one target: the runs they need, and each one's best learning rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.results import PARTLY, Settings
from hatact.claims.engine.runs import Record, Row
from hatact.claims.engine.statistics import median

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
SEARCH_SEEDS = 2


def late_loss(record: Record) -> float | None:
    """The loss near the end of training; see `runs.late`."""
    loss: float | None = record["late_loss"]
    return loss


@dataclass(frozen=True)
class Study:
    """One target and one way to train on it.

    Args:
        train: run(row=…, steps=…, **arguments, seeds=…, device=…, advance=…), a record a seed with
            "late_loss", the loss near the end that rates are chosen by.
        steps: updates of every run.
        cost: seconds a step and network, on one core of the machine this package was measured on.
        arguments: more of them.
        batch: networks trained at once; 1 where a larger batch leaves the caches.
    """

    train: Callable[..., list[Record]]
    steps: int
    cost: float
    arguments: Mapping[str, Any] = field(default_factory=dict)
    batch: int = 5

    def tasks(self, row: Row, seeds: Sequence[int]) -> list[Task]:
        """The runs of one row."""
        arguments = {"row": row, "steps": self.steps, **self.arguments}
        groups = [tuple(seeds[i : i + self.batch]) for i in range(0, len(seeds), self.batch)]
        return [Task(self.train, arguments, g, self.cost * self.steps * len(g)) for g in groups]

    def run(self, lab: Lab, rows: Iterable[Row], seeds: Sequence[int]) -> dict[Row, list[Record]]:
        """Every row's records, one a seed."""
        rows = list(dict.fromkeys(rows))
        tasks = {row: self.tasks(row, seeds) for row in rows}
        flat = lab.run([task for of in tasks.values() for task in of])
        records = iter(flat)
        return {row: [r for _ in of for r in next(records)] for row, of in tasks.items()}

    def search(
        self,
        lab: Lab,
        rows: Sequence[Row],
        settings: Settings,
        by: Callable[[Record], float | None] = late_loss,
    ) -> Rates:
        """Each row's best rate: in full from GRID over the first seeds, quickly as recorded.

        The best has the lowest median over seeds of `by` (None: never, NaN: diverged), between
        equals of the late loss.
        """
        if settings.quick:
            return Rates({row: row for row in rows}, {})
        seeds = range(min(SEARCH_SEEDS, settings.seeds))
        runs = self.run(lab, [r for row in rows for r in _candidates(row)], seeds)
        scores = {
            row: [
                (median([by(r) for r in runs[c]]), median([late_loss(r) for r in runs[c]]))
                for c in _candidates(row)
            ]
            for row in rows
        }
        best = {
            row: replace(row, lr=GRID[min(range(len(GRID)), key=of.__getitem__)])
            for row, of in scores.items()
        }
        return Rates(best, {row: [score for score, _ in of] for row, of in scores.items()})

    def search_tasks(self, rows: Sequence[Row], settings: Settings) -> list[Task]:
        """The runs of :meth:`search`."""
        if settings.quick:
            return []
        seeds = range(min(SEARCH_SEEDS, settings.seeds))
        return [t for row in rows for c in _candidates(row) for t in self.tasks(c, seeds)]


def _candidates(row: Row) -> list[Row]:
    return [replace(row, lr=lr) for lr in GRID]


@dataclass(frozen=True)
class Rates:
    """What a search found: the row at its best rate by the row asked for, and all scores."""

    best: Mapping[Row, Row]
    scores: Mapping[Row, Sequence[float]]

    def values(self) -> dict[str, Any]:
        """What results.json keeps."""
        return {
            "grid": list(GRID),
            "best": {row.name: best.lr for row, best in self.best.items()},
            "scores": {row.name: list(of) for row, of in self.scores.items()},
        }

    def findings(self) -> list[str]:
        """Where the search chose otherwise than recorded, or the edge of the grid."""
        found = []
        for row, best in self.best.items():
            if best.lr != row.lr:
                found.append(f"best rate of {row.name}: {best.lr:g}, recorded {row.lr:g}")
            if self.scores and best.lr in (GRID[0], GRID[-1]):
                found.append(f"best rate of {row.name} is {best.lr:g}, the edge of the grid")
        return found


def conclude(parts: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
    """One verdict and reason from several, by name: the verdict common to all, else partly."""
    verdicts = {verdict for verdict, _ in parts.values()}
    if len(parts) == 1:
        return next(iter(parts.values()))
    reason = "; ".join(f"{name}: {verdict}, {why}" for name, (verdict, why) in parts.items())
    return (verdicts.pop() if len(verdicts) == 1 else PARTLY), reason
