"""Figures as results.json holds them: a check for every field of every class of figure and part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from hatact.claims.figures.kinds import (
    KINDS,
    Arrivals,
    Curves,
    HeatMap,
    HeatMaps,
    Image,
    Images,
    Line,
    Panel,
    SeedSteps,
)
from hatact.report._checks import (
    Check,
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
    text,
    whole,
)

MOST = 100
"""Panels of a figure, and series of a panel: more have no room in a picture."""

# ---- rules between fields


def _line(line: Mapping[str, Any], where: str) -> None:
    for key in ("y", "low", "high"):
        if key in line:
            as_many(line[key], f"{where}.{key}", line["x"], "x")


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


RULES: dict[type, Check] = {Line: _line, HeatMap: _cells, Arrivals: _seeds, Image: _pixels}

# ---- fields

NAME = like(
    "[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    "be a file's name: a letter or digit, then at most 99 of A-Z, a-z, 0-9, '.', '_' and '-'",
)
NUMBERS = list_of(or_null(number))
SCALE = one_of("linear", "log")
# Meant to be 0 … 255; a network that diverged leaves other numbers, which are clipped when drawn.
GREY = list_of(list_of(number, least=1), least=1)
HEAD: dict[str, Check] = {"name": NAME, "title": text, "caption": text}
AXES: dict[str, Check] = {"x_label": text, "y_label": text}
FIELDS: dict[type, dict[str, Check]] = {}
"""What each field must hold; one that has a default in its class may be left out."""


def _of(kind: type) -> Check:
    """An object that `from_json` makes into `kind`."""
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    required = {name: check for name, check in FIELDS[kind].items() if name in needed}
    optional = {name: check for name, check in FIELDS[kind].items() if name not in needed}
    return record(required, optional, RULES.get(kind))


def _several(part: type) -> Check:
    return list_of(_of(part), most=MOST)


FIELDS[Line] = {
    "label": text,
    **dict.fromkeys(("x", "y", "low", "high"), NUMBERS),
    **dict.fromkeys(("marker", "reference"), flag),
}
FIELDS[Panel] = {"title": text, "series": _several(Line)}
FIELDS[Curves] = {
    **HEAD,
    **AXES,
    **dict.fromkeys(("x_scale", "y_scale"), SCALE),
    "share_y": flag,
    "panels": _several(Panel),
    "legend": text,
    "x_ticks": list_of(number),
}
FIELDS[HeatMap] = {
    "title": text,
    "x": list_of(number),
    "y": list_of(whole(0)),
    "z": list_of(NUMBERS),
}
FIELDS[HeatMaps] = {**HEAD, **AXES, "z_label": text, "panels": _several(HeatMap)}
FIELDS[SeedSteps] = {"label": text, "seeds": list_of(NUMBERS)}
FIELDS[Arrivals] = {
    **HEAD,
    **AXES,
    "x": list_of(number),
    "horizon": whole(1),
    "series": _several(SeedSteps),
}
FIELDS[Image] = {"title": text, "note": text, "image": GREY}
FIELDS[Images] = {**HEAD, "panels": _several(Image)}

FIGURE = by_kind({name: _of(kind) for name, kind in KINDS.items()})
