"""Results of which one thing is wrong: what is said of it, and of which place."""

import json
import math
import re

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from hatact.report import _load
from tests.support.results_made import deep, made_up

GONE = object()
FIGURE, SERIES = "claims[0].figures[{}]", "claims[0].figures[0].panels[0].series[0]"
RULES = {
    "number": "must be a finite number",
    "text": "must be text of characters that XML allows",
    "whole": "must be a whole number from",
    "name": "must be a file's name: a letter or digit, then at most 99 of",
}


def changed(results, place, value):
    """The results with another value at a place such as claims[0].seconds, or without it."""
    *way, last = [int(i) if i.isdigit() else i for i in re.findall(r"\w+", place)]
    at = results
    for key in way:
        at = at[key]
    if value is GONE:
        del at[last]
    else:
        at[last] = value
    return results


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("claims", "x", "claims must be a list; got 'x'"),
        ("claims", GONE, "it must hold claims and does not"),
        ("complete", 1, "complete must be true or false; got 1"),
        ("asked[1]", None, f"asked[1] {RULES['text']}; got None"),
        ("environment", [], "environment must be an object; got []"),
        ("environment.seeds", GONE, "environment must hold seeds and does not"),
        ("environment.setting", ["quick"], f"environment.setting {RULES['text']}; got ['quick']"),
        ("environment.more", {}, "environment['more'] must be text, a number, true, false or null"),
        ("claims[1]", 5, "claims[1] must be an object; got 5"),
        ("claims[3].seconds", "12", f"claims[3].seconds {RULES['number']}; got '12'"),
        ("claims[3].seconds", math.nan, f"claims[3].seconds {RULES['number']}; got nan"),
        ("claims[3].seconds", 10**400, f"claims[3].seconds {RULES['number']}; got 1000"),
        ("claims[3].seconds", True, f"claims[3].seconds {RULES['number']}; got True"),
        ("claims[3].seconds", GONE, "claims[3] must hold seconds and does not"),
        ("claims[3].year", 1.5, f"claims[3].year {RULES['whole']} 0 to 1000000000000000; got 1.5"),
        ("claims[3].id", "a\ud800", rf"claims[3].id {RULES['text']}; got 'a\ud800'"),
        ("claims[0].verdict", "maybe", "claims[0].verdict must be one of reproduced, partly, not"),
        ("claims[0].quick", None, "claims[0].quick must be true or false; got None"),
        ("claims[0].findings", {}, "claims[0].findings must be a list; got {}"),
        ("claims[0].measures[1].value", "1", f"claims[0].measures[1].value {RULES['number']}"),
        ("claims[0].measures[1].value", [1], f"claims[0].measures[1].value {RULES['number']}"),
        ("claims[0].measures[0].high", -math.inf, f"{RULES['number']}; got -inf"),
        ("claims[0].measures[0].unit", None, f"claims[0].measures[0].unit {RULES['text']}"),
        ("claims[0].measures[0].seeds", "2", f"claims[0].measures[0].seeds {RULES['whole']}"),
        (
            "claims[0].tables[0].rows[1]",
            ["b"],
            "rows[1] must hold as many values as columns, 2; got 1",
        ),
        ("claims[0].tables[0].rows[1][0]", 3, f"tables[0].rows[1][0] {RULES['text']}; got 3"),
        ("claims[0].figures", None, "claims[0].figures must be a list; got None"),
        ("claims[0].tables", GONE, "claims[0] must hold tables and does not"),
        (f"{FIGURE.format(0)}.kind", "pie", "kind must be one of curves, heat_maps, arrivals, im"),
        (f"{FIGURE.format(0)}.kind", ["curves"], f"{FIGURE.format(0)}.kind must be one of curves"),
        (f"{FIGURE.format(0)}.kind", GONE, f"{FIGURE.format(0)} must hold kind and does not"),
        (f"{FIGURE.format(0)}.kind", "images", "figures[0].panels[0] must hold note, image and"),
        (f"{FIGURE.format(0)}.x_scale", "cubic", "x_scale must be one of linear, log; got 'cubic'"),
        (f"{FIGURE.format(0)}.panels", [{}] * 101, "panels must hold at most 100; got 101"),
        (f"{FIGURE.format(1)}.x_ticks", [1, None], f"x_ticks[1] {RULES['number']}; got None"),
        (f"{SERIES}.x", GONE, f"{SERIES} must hold x and does not"),
        (f"{SERIES}.y", GONE, f"{SERIES} must hold y and does not"),
        (f"{SERIES}.x", "01234", f"{SERIES}.x must be a list; got '01234'"),
        (f"{SERIES}.y", [1, 2], f"{SERIES}.y must hold as many values as x, 5; got 2"),
        (f"{SERIES}.low", [], f"{SERIES}.low must hold as many values as x, 5; got 0"),
        (f"{SERIES}.y[2]", 10**400, f"{SERIES}.y[2] {RULES['number']}; got 1000"),
        (f"{SERIES}.label", "\0", rf"{SERIES}.label {RULES['text']}; got '\x00'"),
        (f"{SERIES}.marker", "yes", f"{SERIES}.marker must be true or false; got 'yes'"),
        (f"{FIGURE.format(4)}.panels[0].x", [5, 5], "x[1] must be over the one before, 5; got 5"),
        (f"{FIGURE.format(4)}.panels[0].y", [0, 1], "z must hold as many values as y, 2; got 3"),
        (f"{FIGURE.format(4)}.panels[0].z[1]", [1], "z[1] must hold as many values as x, 2; got 1"),
        (f"{FIGURE.format(5)}.horizon", 0, f"horizon {RULES['whole']} 1 to 1000000000000000; got"),
        (
            f"{FIGURE.format(5)}.x",
            [5],
            "series[0].seeds[0] must hold as many values as x, 1; got 2",
        ),
        (f"{FIGURE.format(5)}.series[0].seeds", None, "seeds must be a list; got None"),
        (f"{FIGURE.format(6)}.panels[0].image", [], "image must hold at least 1; got 0"),
        (f"{FIGURE.format(6)}.panels[0].image", [[]], "image[0] must hold at least 1; got 0"),
        (
            f"{FIGURE.format(6)}.panels[0].image[1]",
            [0],
            "must hold as many values as image[0], 2; got 1",
        ),
        (f"{FIGURE.format(0)}.name", "../up", f"{RULES['name']}"),
        (f"{FIGURE.format(0)}.name", "/tmp/up", f"{RULES['name']}"),
        (f"{FIGURE.format(0)}.name", "a\\b", f"{RULES['name']}"),
        (f"{FIGURE.format(0)}.name", "..", f"{RULES['name']}"),
        (f"{FIGURE.format(0)}.name", "a\n", f"{RULES['name']}"),
        (f"{FIGURE.format(0)}.name", "a" * 101, f"{RULES['name']}"),
        (f"{FIGURE.format(1)}.name", "Plain", "name must not be that of claims[0].figures[0]; got"),
        ("claims[2].statement", deep(300), f"claims[2].statement {RULES['text']}; got [[[...]]]"),
        ("claims[2].statement", ["a\nb" * 999], f"claims[2].statement {RULES['text']}; got ['"),
    ],
)
def test_what_is_wrong_is_told_by_its_place_in_one_line(tmp_path, place, value, message):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(changed(made_up(), place, value)))
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        _load.load(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert len(told.splitlines()) == 1
    assert len(told) < 300 + len(str(path))
