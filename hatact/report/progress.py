"""The progress of a verification on the terminal: how long it will take, and the time to go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bar
from rich.table import Column

from hatact.claims.engine import Task
from hatact.claims.engine.lab import Lab
from hatact.report._format import duration
from hatact.report.estimate import Estimate, Part, slowness

SOON = 1.0  # seconds, below which no estimate is worth saying


class Progress:
    """A `Monitor` of the claims' engine that draws on a rich console; a context manager.

    Args:
        console: where to draw.
        title: what is run, "hong2022, full".
    """

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),  # so the bar alone shrinks
            TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
            console=console,
        )
        self._task = self._bar.add_task("", total=None, visible=False, left="")
        self._estimate, self._begun = Estimate((), None), False

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Leave the terminal as it was."""
        self._bar.stop()

    def plan(self, missing: Sequence[Sequence[Task]], runs: int, lab: Lab) -> None:
        """Say what is to be done and about how long that takes."""
        parts = [Part.of(tasks, lab.workers) for tasks in missing]
        count = sum(map(len, missing))
        known = count and lab.device == "cpu"  # costs were measured on a CPU
        self._estimate = Estimate(parts, slowness() if known else None)
        seconds = self._estimate.left() if count else None
        kept = f", {runs - count} kept from before" if count < runs else ""
        text = f"{self._title}: {runs} run{'s' * (runs != 1)}{kept}"
        if seconds is not None and seconds >= SOON:
            text += f"; about {duration(seconds)}"
        self._console.print(escape(text))
        if count:
            work = sum(part.work for part in parts)
            self._bar.update(self._task, total=work, visible=True, left="")

    def claim(self, claim: Any) -> None:
        """Show which claim is being decided."""
        if self._begun:
            self._estimate.begin()
        self._begun = True
        self._bar.update(self._task, description=escape(claim.id))

    def advance(self, work: float) -> None:
        """A share of the work is done."""
        self._estimate.advance(work)
        left = self._estimate.left()
        self._bar.update(self._task, advance=work, left="" if left is None else clock(left))

    def notice(self, text: str) -> None:
        """Print a sentence above the bar."""
        self._console.print(escape(text))


def clock(seconds: float) -> str:
    """The time left as hours, minutes and seconds."""
    return f"left {timedelta(seconds=round(seconds))}"
