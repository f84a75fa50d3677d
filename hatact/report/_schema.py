"""Format 2 of results.json: what the report reads of it, as a description to hold a file against.

What the description does not name is for other readers and is not looked at, save in "environment",
all of which is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hatact.claims.engine.results import NOT_ATTEMPTED, NOT_REPRODUCED, PARTLY, REPRODUCED
from hatact.report._checks import (
    as_many,
    by_kind,
    flag,
    increasing,
    like,
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

MOST = 100
"""Panels of a figure, and series of a panel: more have no room in a picture."""

# ---- rules between parts


def _shown(environment: Mapping[str, Any], where: str) -> None:
    for key, value in environment.items():
        text(key, f"a key of {where}")
        simple(value, f"{where}[{short(key)}]")


def _rectangle(table: Mapping[str, Any], where: str) -> None:
    for i, row in enumerate(table["rows"]):
        as_many(row, f"{where}.rows[{i}]", table["columns"], "columns")


def _line(series: Mapping[str, Any], where: str) -> None:
    for key in ("y", "low", "high"):
        if key in series:
            as_many(series[key], f"{where}.{key}", series["x"], "x")


def _cells(panel: Mapping[str, Any], where: str) -> None:
    increasing(panel["x"], f"{where}.x")
    increasing(panel["y"], f"{where}.y")
    as_many(panel["z"], f"{where}.z", panel["y"], "y")
    for i, row in enumerate(panel["z"]):
        as_many(row, f"{where}.z[{i}]", panel["x"], "x")


def _seeds(figure: Mapping[str, Any], where: str) -> None:
    for i, series in enumerate(figure["series"]):
        for j, seed in enumerate(series["seeds"]):
            as_many(seed, f"{where}.series[{i}].seeds[{j}]", figure["x"], "x")


def _pixels(panel: Mapping[str, Any], where: str) -> None:
    for i, row in enumerate(panel["image"]):
        as_many(row, f"{where}.image[{i}]", panel["image"][0], "image[0]")


def _files(results: Mapping[str, Any], where: str) -> None:
    """Figures of equal names would be one file, also where capitals do not count."""
    taken: dict[str, str] = {}
    for i, claim in enumerate(results["claims"]):
        for j, figure in enumerate(claim["figures"]):
            place = f"claims[{i}].figures[{j}].name"
            other = taken.setdefault(figure["name"].lower(), place)
            if other != place:
                raise wrong(place, f"not be that of {other.removesuffix('.name')}", figure["name"])


# ---- the format

NAME = like(
    "[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    "be a file's name: a letter or digit, then at most 99 of A-Z, a-z, 0-9, '.', '_' and '-'",
)
NUMBERS = list_of(or_null(number))
HEAD = {"name": NAME, "title": text, "caption": text}
AXES = {"x_label": text, "y_label": text}
SCALE = one_of("linear", "log")
LINE = record(
    {"label": text, "x": NUMBERS, "y": NUMBERS},
    {"low": NUMBERS, "high": NUMBERS, "marker": flag, "reference": flag},
    _line,
)
CURVES = record(
    {
        **HEAD,
        **AXES,
        "x_scale": SCALE,
        "y_scale": SCALE,
        "share_y": flag,
        "panels": list_of(record({"title": text, "series": list_of(LINE, most=MOST)}), most=MOST),
    },
    {"legend": text, "x_ticks": list_of(number)},
)
CELLS = {"title": text, "x": list_of(number), "y": list_of(whole(0)), "z": list_of(NUMBERS)}
HEAT_MAPS = record(
    {**HEAD, **AXES, "z_label": text, "panels": list_of(record(CELLS, also=_cells), most=MOST)}
)
SEEDS = record({"label": text, "seeds": list_of(NUMBERS)})
ARRIVALS = record(
    {
        **HEAD,
        **AXES,
        "x": list_of(number),
        "horizon": whole(1),
        "series": list_of(SEEDS, most=MOST),
    },
    {"legend": text},
    _seeds,
)
# Meant to be 0 … 255; a network that diverged leaves other numbers, which are clipped when drawn.
GREY = list_of(list_of(number, least=1), least=1)
IMAGE = record({"title": text, "note": text, "image": GREY}, also=_pixels)
IMAGES = record({**HEAD, "panels": list_of(IMAGE, most=MOST)})
FIGURE = by_kind({"curves": CURVES, "heat_maps": HEAT_MAPS, "arrivals": ARRIVALS, "images": IMAGES})
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
VERDICT = one_of(REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_ATTEMPTED)
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
        "figures": list_of(FIGURE),
    }
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
