"""What `hatact` prints: tables of a run and of what is installed.

No figure is cut: a table that is wider than the console is printed row by row, one below the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED
from hatact.report import _format

COLOURS = {REPRODUCED: "green", PARTLY: "yellow", NOT_REPRODUCED: "red"}
UNBOUNDED = 10**6  # characters, more than any table is wide
INDENT = 2


def show_claim(console: Console, claim: Mapping[str, Any]) -> None:
    """One claim: the sentence, the verdict and why, what was measured, tables and findings."""
    paper = f"{claim['authors']} {claim['year']}, arXiv {claim['arxiv']}"
    console.print(Text.assemble("\n", (claim["id"], "bold"), f"  {claim['name']}; {paper}"))
    _say(console, claim["statement"])
    quick = " (quick)" * claim["quick"]
    _say(console, verdict(claim), f"{quick}: {claim['reason']}")
    if claim["measures"]:
        columns = _measures(claim["measures"])
        _show_table(console, "", tuple(columns), zip(*columns.values(), strict=True))
    for table in claim["tables"]:
        _show_table(console, table["title"], table["columns"], table["rows"])
    for finding in claim["findings"]:
        _say(console, f"· {finding}")


def _say(console: Console, *parts: str | Text) -> None:
    """A sentence as it is, wrapped at its spaces."""
    console.print(*parts, sep="", markup=False, emoji=False)


def _measures(measures: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Name and value always are columns, interval and known value where any measure has one."""
    columns = {
        "measured": [measure["name"] for measure in measures],
        "here": [_format.quantity(measure["value"], measure["unit"]) for measure in measures],
    }
    if any(measure["seeds"] for measure in measures):
        columns["interval"] = [_format.interval(measure) for measure in measures]
    if any(measure["known"] is not None for measure in measures):
        columns["known"] = [_known(measure) for measure in measures]
    return columns


def _known(measure: Mapping[str, Any]) -> str:
    """The known value and where it is from."""
    source = f" ({measure['known_source']})" if measure["known_source"] else ""
    return _format.quantity(measure["known"], measure["unit"]) + source


def _show_table(
    console: Console,
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Text | None]],
    left: int = 1,
) -> None:
    """A table, its first `left` columns flushed left; its rows stacked where it does not fit."""
    names = [Text(name) for name in columns]
    cells = [[_cell(cell) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False)
    for i, name in enumerate(names):
        table.add_column(name, justify="left" if i < left else "right")
    for row in cells:
        table.add_row(*row)
    if title:
        console.print(Text(title, "italic"))
    options = console.options.update_width(UNBOUNDED)  # else no measure exceeds the console's width
    if console.measure(table, options=options).maximum <= console.width:
        console.print(table)
    else:
        _stack(console, names, cells)


def _cell(cell: str | Text | None) -> Text:
    """The text as it is, with no markup; a dash where there is none."""
    return cell if isinstance(cell, Text) else Text(cell or _format.NONE)


def _stack(console: Console, names: Sequence[Text], rows: Sequence[Sequence[Text]]) -> None:
    """Each row is its first cell and, indented below it, a line of name and value a column."""
    room = console.width - INDENT
    wide = max((name.cell_len for name in names[1:] if name.cell_len <= room // 2), default=0)
    for name in names[:1] if rows else names:
        console.print(name, style="table.header")
    for first, *values in rows:
        console.print(first)
        for name, value in zip(names[1:], values, strict=True):
            gap = " " * (max(wide - name.cell_len, 0) + 2)
            line = Text.assemble(name, gap, value)
            if line.cell_len <= room:
                console.print(Padding.indent(line, INDENT))
            else:
                console.print(Padding.indent(name, INDENT))
                console.print(Padding.indent(value, 2 * INDENT))


def show_verdicts(console: Console, results: Mapping[str, Any]) -> None:
    """Every claim of the run against the recorded verdict; below, what differs, and notes."""
    claims = results["claims"]
    rows = []
    for claim in claims:
        recorded = "same" if claim["as_recorded"] else f"{claim['recorded']}  (differs)"
        rows.append((claim["id"], verdict(claim), recorded, f"{claim['seconds']:.0f}"))
    quick = " (quick)" * any(claim["quick"] for claim in claims)
    title = f"Verdicts{quick}, those recorded, and seconds of computing in all processes"
    console.print()
    _show_table(console, title, ("claim", "verdict", "recorded", "seconds"), rows, left=3)
    for claim in claims:
        if not claim["as_recorded"]:
            says = f"{claim['id']}: {claim['verdict']}, recorded {claim['recorded']}"
            _say(console, f"{says}: {claim['reason']}")
    noted = [claim for claim in claims if claim.get("paper_note", "")]
    for note in dict.fromkeys(f"{c['authors']} {c['year']}: {c['paper_note']}" for c in noted):
        _say(console, note)


def verdict(claim: Mapping[str, Any]) -> Text:
    """The verdict in its colour."""
    return Text(claim["verdict"], COLOURS.get(claim["verdict"], "magenta"))


def show_rows(console: Console, title: str, rows: list[tuple[str, str]]) -> None:
    """Names and what is to be said of them: where no person reads on, each whole on its line."""
    if not console.is_terminal:
        wide = max(len(name) for name, _ in rows)
        lines = [title, *(f"{name:{wide}}  {text}" for name, text in rows), ""]
        for line in lines:
            console.print(Text(line), soft_wrap=True)
        return
    table = Table(title=title, title_justify="left", box=None, show_header=False, pad_edge=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(Text(name), Text(text))
    console.print(table)
    console.print()
