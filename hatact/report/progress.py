"""The progress of a verification on the terminal: how long it will take, and the time to go."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from hatact.report._format import duration

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
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("", total=None, visible=False)

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Leave the terminal as it was."""
        self._bar.stop()

    def plan(self, work: float, seconds: float | None, runs: int, missing: int) -> None:
        """Say what is to be done and about how long that takes."""
        kept = f", {runs - missing} kept from before" if missing < runs else ""
        text = f"{self._title}: {runs} run{'s' * (runs != 1)}{kept}"
        if seconds is not None and seconds >= SOON:
            text += f"; about {duration(seconds)}"
        self._console.print(escape(text))
        if missing:
            self._bar.update(self._task, total=work, visible=True)

    def claim(self, claim: Any) -> None:
        """Show which claim is being decided."""
        self._bar.update(self._task, description=escape(claim.id))

    def advance(self, work: float) -> None:
        """A share of the work is done."""
        self._bar.advance(self._task, work)

    def notice(self, text: str) -> None:
        """Print a sentence above the bar."""
        self._console.print(escape(text))
