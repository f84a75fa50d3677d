"""The tables of `python -m bench --shape`: one an activation, dtype and shape, no number cut."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bench import peers
from bench.cases import Case
from bench.formulas import sum_formula
from bench.own_shape import written
from bench.tables import TRAINING, Row
from bench.timing import UNSTEADY

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NONE = "–"
HEADER = (
    "provider",
    "forward\nms",
    "×\nF.relu",
    "forward+backward\nms",
    "×\nF.relu",
    "kept\nB/element",
    "largest\nerror",
)
_PIPED = 10**6  # characters a line, more than any table is wide
_NARROWEST = 16  # characters of a provider's name in a line


def figure(value: float) -> str:
    """Four digits, as the JSON has them, without an exponent."""
    text = f"{value:#.4g}"
    return (format(Decimal(text), "f") if "e" in text else text).removesuffix(".")


def _ratio(row: Row) -> str:
    """With README's mark where half of the pairs were spread over a factor of 1.5."""
    return ("~" if _unsteady(row) else "") + figure(row["ratio"])


def _unsteady(row: Row) -> bool:
    return bool(row["ratio_high"] > UNSTEADY * row["ratio_low"])


def _error(value: float | None) -> str:
    return NONE if value is None else f"{value:.3g}"


def lines(rows: Iterable[Row]) -> list[list[str]]:
    """The cells of one table: a line a provider that has a time."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.get("mode") in ("forward", TRAINING):
            found.setdefault(row["provider"], {})[row["mode"]] = row
    out = []
    for provider, by_mode in found.items():
        line = [provider]
        for mode in ("forward", TRAINING):
            row = by_mode.get(mode)
            line += [NONE, NONE] if row is None else [figure(row["ms"]), _ratio(row)]
        any_ = next(iter(by_mode.values()))
        out.append([*line, f"{any_['kept_bytes']:.4g}", _error(any_["max_error"])])
    return out


def title(row: Row) -> str:
    """f, dtype and shape."""
    scaled = "" if row["scale"] == 1 else f"({row['scale']}·x)"
    return f"{row['activation']}{scaled}, {row['dtype']}, {written(tuple(row['shape']))}"


def absent(case: Case) -> list[str]:
    """Who has no row because it cannot be this f."""
    found = []
    if case.spec.degree > 1:
        found.append("hatact, in place: it is for a degree of 1 at most")
    if sum_formula(case.activation) is None:
        found.append(f"formula: none is known of {case.activation} as a sum of powers of ReLUs")
    return found + [f"{name}: it cannot compute {case.activation}" for name in peers.unfit(case)]


def machine(facts: dict[str, Any]) -> str:
    """The device, its threads, torch, and how busy it was: on cores that others use times lie."""
    capability = f" ({facts['cpu_capability']})" if facts["cuda"] is None else ""
    what = f"{facts['device']}{capability}, {facts['threads']} threads, torch {facts['torch']}"
    load = facts["load_before"]
    return what if load is None else f"{what}; load before: {load:g}"


def table(rows: Iterable[Row]) -> Table:
    """A column is as wide as its longest number; only a provider's name may be wrapped."""
    from rich.table import Table
    from rich.text import Text

    cells = lines(rows)
    out = Table(box=None, pad_edge=False)
    for i, name in enumerate(HEADER):
        wide = max(len(part) for part in (*name.split("\n"), *(line[i] for line in cells)))
        if i:
            out.add_column(Text(name), justify="right", no_wrap=True, min_width=wide)
        else:
            out.add_column(Text(name), overflow="fold", min_width=min(wide, _NARROWEST))
    for line in cells:
        out.add_row(*map(Text, line))
    return out


def console() -> Console:
    """stdout; into a file or a pipe without colours, and no line is wrapped."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    return Console(
        force_terminal=terminal, width=None if terminal else _PIPED, highlight=False, markup=False
    )


def show(
    facts: dict[str, Any],
    rows: Sequence[Row],
    cases: Sequence[Case],
    to: Console | None = None,
    missing: Callable[[], dict[str, str]] = peers.missing,
) -> None:
    """Prints the machine, a table a case, below each who was left out of it and why."""
    out = console() if to is None else to
    out.print("\n" + machine(facts))
    of = {title(row): [] for row in rows}
    for row in rows:
        of[title(row)].append(row)
    absentees = {name(case): absent(case) for case in cases}
    for what, here in of.items():
        out.print(f"\n{what}", style="italic")
        made = table(here)
        unbounded = out.options.update_width(_PIPED)
        # Narrower than this a number would be cut; the terminal wraps what is wider than it.
        least = out.measure(made, options=unbounded).minimum
        narrow = out.width
        if narrow < least:
            out.width = least
        out.print(made)
        if narrow < least:
            out.width = narrow
        reasons = [f"{row['provider']}: {row['skipped']}" for row in here if "skipped" in row]
        for reason in (*reasons, *absentees.get(what, ())):
            out.print(f"left out: {reason}")
    _notes(out, rows, missing())


def name(case: Case) -> str:
    """The title of a case's table."""
    dtype = str(case.dtype).removeprefix("torch.")
    of = {"activation": case.activation, "dtype": dtype, "shape": case.shape, "scale": case.scale}
    return title(of)


def _notes(out: Console, rows: Sequence[Row], missing: dict[str, str]) -> None:
    out.print()
    for package, reason in missing.items():
        out.print(f"{package} is left out: {reason}")
    if any("ratio" in row and _unsteady(row) for row in rows):
        out.print(f"~: half of the pairs are spread over more than a factor of {UNSTEADY:g}")
    if any(row["scale"] != 1 for row in rows):
        out.print("formulas and other packages are fed scale·x; scale·x ~ N(0, 2²)")
