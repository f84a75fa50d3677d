"""What `hatact` prints: tables of a run and of what is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

COLOURS = {"reproduced": "green", "partly": "yellow", "not reproduced": "red"}


def show_claim(console: Console, claim: Mapping[str, Any]) -> None:
    """One claim: the sentence, its table, the verdict and why."""
    console.print(f"\n[bold]{escape(claim['id'])}[/]  arXiv {claim['arxiv']}")
    console.print(escape(claim["statement"]))
    table = claim["table"]
    if table:
        grid = Table(title=table["title"], title_justify="left", box=None, pad_edge=False)
        for i, name in enumerate(table["columns"]):
            grid.add_column(escape(name), justify="left" if i == 0 else "right", no_wrap=i == 0)
        for row in table["rows"]:
            grid.add_row(*(escape(cell) for cell in row))
        console.print(grid)
    for finding in claim["findings"]:
        console.print(f"· {escape(finding)}")
    console.print(f"{verdict(claim)}: {escape(claim['reason'])}")


def show_verdicts(console: Console, results: Mapping[str, Any]) -> None:
    """Every claim of the run on one line, against the recorded verdict."""
    table = Table(title="Verdicts", title_justify="left")
    for name in ("claim", "verdict", "recorded", "seconds"):
        table.add_column(name, justify="right" if name == "seconds" else "left")
    for claim in results["claims"]:
        recorded = claim["recorded"] + ("" if claim["as_recorded"] else "  (differs)")
        table.add_row(escape(claim["id"]), verdict(claim), recorded, f"{claim['seconds']:.0f}")
    console.print()
    console.print(table)


def verdict(claim: Mapping[str, Any]) -> str:
    """The verdict in its colour, marked where it is a quick one."""
    colour = COLOURS.get(claim["verdict"], "magenta")
    mark = " (quick)" if claim["quick"] else ""
    return f"[{colour}]{claim['verdict']}[/]{mark}"


def show_rows(console: Console, title: str, rows: list[tuple[str, str]]) -> None:
    """Names and what is to be said of them."""
    table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    for name, text in rows:
        table.add_row(escape(name), escape(text))
    console.print(table)
    console.print()
