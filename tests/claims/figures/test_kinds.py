"""Figures as plain data, and what is no figure."""

import dataclasses
import math

import pytest

from hatact.claims.figures import Curves, Line, Panel, Table, to_json

AXES = {"title": "t", "x_label": "x", "y_label": "y"}
LINES = [
    Line("a", [1, 2], [3, None], [2, 2], [4, math.inf], marker=True),
    Line("b", (1,), (2,), reference=True),
]
FIGURE = Curves(name="c", panels=[Panel("p", LINES)], **AXES)


def test_what_is_left_at_none_or_false_is_left_out():
    first, second = to_json(FIGURE)["panels"][0]["series"]
    assert first == {
        "label": "a", "x": [1, 2], "y": [3, None], "low": [2, 2], "high": [4, math.inf],
        "marker": True,
    }  # fmt: skip
    assert second == {"label": "b", "x": (1,), "y": (2,), "reference": True}
    assert "x_ticks" not in to_json(FIGURE)
    assert to_json(dataclasses.replace(FIGURE, share_y=False))["share_y"] is False


@pytest.mark.parametrize("wrong", [{"kind": "curves"}, "curves", None, Panel("p", []), Curves])
def test_what_is_no_figure_is_refused(wrong):
    with pytest.raises(TypeError, match="a figure must be one of Curves, HeatMaps, Arrivals, Im"):
        to_json(wrong)


def test_a_figure_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FIGURE.title = "another"


def test_a_table_has_as_many_cells_as_columns():
    Table("t", ["a", "b"], [["1", "2"]])
    message = "as many cells as there are columns, 2; got 1 in 't'"
    with pytest.raises(ValueError, match=message):
        Table("t", ["a", "b"], [["1", "2"], ["1"]])
