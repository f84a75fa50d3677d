"""Figures out of what results.json holds of them."""

import dataclasses
import json
import math
import re

import pytest

from hatact.claims.figures import (
    Arrivals,
    Curves,
    HeatMap,
    HeatMaps,
    Image,
    Images,
    Line,
    Panel,
    SeedSteps,
    to_json,
)
from hatact.claims.figures.kinds import KINDS
from hatact.report._figures import from_json

AXES = {"title": "t", "x_label": "x", "y_label": "y"}
LINES = [
    Line("a", [1, 2], [3, None], [2, 2], [4, math.inf], marker=True),
    Line("b", (1,), (2,), reference=True),
]
FIGURES = [
    Curves(name="c", panels=[Panel("p", LINES), Panel("", [])], **AXES),
    Curves(
        name="d",
        caption="said",
        panels=[],
        x_scale="log",
        share_y=False,
        x_ticks=(1, 2),
        legend="l",
        **AXES,
    ),
    HeatMaps(name="h", z_label="z", panels=[HeatMap("p", [1], [1, 2], [[0], [1]])], **AXES),
    Arrivals(name="a", x=[1, 2], horizon=9, series=[SeedSteps("s", [[1, None]])], **AXES),
    Images(name="i", title="t", panels=[Image("p", "n", [[0, 255]])]),
]


def listed(part):
    """The same with lists for sequences, as JSON gives them."""
    if dataclasses.is_dataclass(part):
        values = {f.name: listed(getattr(part, f.name)) for f in dataclasses.fields(part)}
        return type(part)(**values)
    return [listed(one) for one in part] if isinstance(part, list | tuple) else part


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_figure_comes_back_from_json_as_it_was(figure):
    data = json.loads(json.dumps(to_json(figure)))
    assert from_json(data) == listed(figure)
    assert from_json({**data, "what nobody reads": 1}) == listed(figure)


def test_every_kind_is_tried_here():
    assert {type(figure) for figure in FIGURES} == {*KINDS.values()}


@pytest.mark.parametrize("kind", ["pie", None, ["curves"], 3])
def test_a_kind_that_does_not_exist_is_refused(kind):
    message = f"a figure's kind must be one of curves, heat_maps, arrivals, images; got {kind!r}"
    with pytest.raises(ValueError, match=re.escape(message)):
        from_json({"kind": kind})
