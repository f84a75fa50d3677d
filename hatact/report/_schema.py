"""Format 2 of results.json: what the report reads of it, as a description to hold a file against.

What the description does not name is for other readers and is not looked at, save in "environment",
all of which is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hatact.claims.engine.verdicts import VERDICTS
from hatact.report._checks import (
    as_many,
    flag,
    list_of,
    number,
    one_of,
    or_null,
    record,
    short,
    simple,
    text,
    whole,
    wrong,
)
from hatact.report._figure_schema import FIGURE

# ---- rules between parts


def _shown(environment: Mapping[str, Any], where: str) -> None:
    for key, value in environment.items():
        text(key, f"a key of {where}")
        simple(value, f"{where}[{short(key)}]")


def _rectangle(table: Mapping[str, Any], where: str) -> None:
    for i, row in enumerate(table["rows"]):
        as_many(row, f"{where}.rows[{i}]", table["columns"], "columns")


def _files(results: Mapping[str, Any], where: str) -> None:
    """Figures of equal names would be one file, also where capitals do not count."""
    taken: dict[str, str] = {}
    for i, claim in enumerate(results["claims"]):
        for j, figure in enumerate(claim.get("figures", ())):
            place = f"claims[{i}].figures[{j}].name"
            other = taken.setdefault(figure["name"].lower(), place)
            if other != place:
                raise wrong(place, f"not be that of {other.removesuffix('.name')}", figure["name"])


# ---- the format

MEASURE = record(
    {
        **dict.fromkeys(("name", "unit", "known_source"), text),
        **dict.fromkeys(("value", "low", "high", "known"), or_null(number)),
        "seeds": whole(0),
    }
)
TABLE = record(
    {"title": text, "columns": list_of(text), "rows": list_of(list_of(or_null(text)))},
    also=_rectangle,
)
VERDICT = one_of(*VERDICTS)
CLAIM = record(
    {
        **dict.fromkeys(("id", "paper", "title", "authors", "arxiv"), text),
        **dict.fromkeys(("name", "statement", "source", "reason", "command"), text),
        "year": whole(0),
        "verdict": VERDICT,
        "recorded": VERDICT,
        "as_recorded": flag,
        "quick": flag,
        "seconds": number,
        "findings": list_of(text),
        "measures": list_of(MEASURE),
        "tables": list_of(TABLE),
    },
    {"figures": list_of(FIGURE), "headline": text, "leads": flag, "paper_note": text},
)
PLACE = ("hatact", "torch", "device", "device_name", "backend", "started", "setting")
ENVIRONMENT = record({**dict.fromkeys(PLACE, text), "seeds": whole(1)}, also=_shown)
RESULTS = record(
    {
        "environment": ENVIRONMENT,
        "asked": list_of(text),
        "complete": flag,
        "claims": list_of(CLAIM),
    },
    also=_files,
)


def check(results: Any) -> None:
    """ValueError, one line, where `results` is nothing that the report can show."""
    RESULTS(results, "")
