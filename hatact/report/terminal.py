"""What `hatact` prints: tables of a run and of what is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hatact.report import _format

COLOURS = {"reproduced": "green", "partly": "yellow", "not reproduced": "red"}


def show_claim(console: Console, claim: Mapping[str, Any]) -> None:
    """One claim: the sentence, the verdict and why, what was measured, tables and findings."""
    head = f"{claim['authors']} {claim['year']}, arXiv {claim['arxiv']}"
    console.print(f"\n[bold]{escape(claim['id'])}[/]  {escape(claim['name'])}; {escape(head)}")
    console.print(escape(claim["statement"]))
    console.print(f"{verdict(claim)}: {escape(claim['reason'])}")
    if claim["measures"]:
        columns = ("measured", "here", "interval", "known")
        _show_table(console, "", columns, [_measure(measure) for measure in claim["measures"]])
    for table in claim["tables"]:
        _show_table(console, table["title"], table["columns"], table["rows"])
    for finding in claim["findings"]:
        console.print(f"· {escape(finding)}")


def _measure(measure: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """A row: name, value and unit, interval, the known value and where it is from."""
    known = _format.quantity(measure["known"], measure["unit"])
    source = f" ({measure['known_source']})" if measure["known_source"] else ""
    here = _format.quantity(measure["value"], measure["unit"])
    return measure["name"], here, _format.interval(measure), known + source


def _show_table(
    console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str | None]]
) -> None:
    if title:
        console.print(f"[italic]{escape(title)}[/]")
    grid = Table(box=None, pad_edge=False)
    for i, name in enumerate(columns):
        grid.add_column(escape(name), justify="left" if i == 0 else "right", no_wrap=i == 0)
    for row in rows:
        grid.add_row(*(escape(cell or _format.NONE) for cell in row))
    console.print(grid)


def show_verdicts(console: Console, results: Mapping[str, Any]) -> None:
    """Every claim of the run on one line, against the recorded verdict; below, what differs."""
    table = Table(title="Verdicts", title_justify="left")
    for name in ("claim", "verdict", "recorded", "computing (s)"):
        table.add_column(name, justify="right" if name == "computing (s)" else "left")
    for claim in results["claims"]:
        recorded = claim["recorded"] + ("" if claim["as_recorded"] else "  (differs)")
        seconds = f"{claim['seconds']:.0f}"
        table.add_row(escape(claim["id"]), verdict(claim), escape(recorded), seconds)
    console.print()
    console.print(table)
    for claim in results["claims"]:
        if not claim["as_recorded"]:
            says = f"{claim['id']}: {claim['verdict']}, recorded {claim['recorded']}"
            console.print(f"{escape(says)}: {escape(claim['reason'])}", soft_wrap=True)


def verdict(claim: Mapping[str, Any]) -> str:
    """The verdict in its colour, marked where it is a quick one."""
    colour = COLOURS.get(claim["verdict"], "magenta")
    mark = " (quick)" if claim["quick"] else ""
    return f"[{colour}]{escape(claim['verdict'])}[/]{mark}"


def show_rows(console: Console, title: str, rows: list[tuple[str, str]]) -> None:
    """Names and what is to be said of them."""
    table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    for name, text in rows:
        table.add_row(escape(name), escape(text))
    console.print(table)
    console.print()
