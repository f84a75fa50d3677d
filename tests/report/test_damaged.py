"""Results damaged at random are refused in a line or shown, whatever numbers they hold."""

import copy
import json
import math
import random

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from hatact.claims.figures import to_json
from hatact.report import _load, html, pictures
from hatact.report._figures import from_json
from tests.support.results_made import claim, deep, figures_of_every_kind, made_up

WRONG = [
    *(None, True, -1, 0, 2.5, 1e308, -1e308, 5e-324, 10**400, math.nan, math.inf, "12", "", "\0"),
    *("\ud800", "../x", "a b " * 999, [], {}, [[]], ["a"], [1, 2, 3], deep(300), "too deep"),
]


def any_place(rng, within):
    """A list or an object in `within`, and a key of it."""
    at = within
    while True:
        key = rng.choice([*at] if isinstance(at, dict) else range(len(at)))
        if not isinstance(at[key], dict | list) or not at[key] or rng.random() < 0.1:
            return at, key
        at = at[key]


def damage(rng, part):
    """Something replaced, missing or twice there."""
    at, key = any_place(rng, part)
    what = rng.random()
    if what < 0.1:
        del at[key]
    elif what < 0.2 and isinstance(at, list):
        at.append(copy.deepcopy(at[key]))
    else:
        at[key] = rng.choice(WRONG)


def told(path):
    """What is wrong with the results there, on one line; nothing if they are read."""
    try:
        _load.load(path)
    except ValueError as error:
        return str(error)
    return ""


def test_damaged_results_are_refused_in_a_line_or_shown(tmp_path):
    rng, path, refused, shown = random.Random(7), tmp_path / "results.json", 0, []
    every = [to_json(figure) for figure in figures_of_every_kind()]
    for i in range(300):
        results = made_up() | {"claims": made_up()["claims"][:1]}
        (found,) = results["claims"]
        found["figures"] = [copy.deepcopy(every[i % len(every)])]
        damage(rng, [results, found, found["figures"][0]][i % 3])
        path.write_text(json.dumps(results).replace('"too deep"', "[" * 100_000))
        if message := told(path):
            refused += 1
            assert len(message.splitlines()) == 1
            assert len(message) < 300 + len(str(path))
        else:
            shown.append(_load.load(path))
    assert min(refused, len(shown)) > 40
    for results in shown[:8]:
        html.render(results)


def odd_numbers(rng, of):
    """The figure with other numbers in its lists of numbers, ordered where they must be."""
    if isinstance(of, dict):
        found = {key: odd_numbers(rng, value) for key, value in of.items()}
        if of.keys() >= {"z"}:
            return found | {"x": sorted({*found["x"]})[:1], "y": of["y"], "z": [[0]] * len(of["y"])}
        return found
    if isinstance(of, list):
        return [odd_numbers(rng, value) for value in of]
    if isinstance(of, bool | str) or (of is None and rng.random() < 0.5):
        return of
    return rng.choice([0, -1, 1.5, 1e308, -1e308, 5e-324, 1e-310, 10**300, 2**64, 1 + 2**-52])


def test_numbers_at_the_ends_of_what_a_float_holds_are_drawn(tmp_path):
    rng, path = random.Random(3), tmp_path / "results.json"
    for figure in figures_of_every_kind():
        odd = odd_numbers(rng, to_json(figure))
        if "horizon" in odd:
            odd["horizon"] = 10**15
        results = made_up() | {"claims": [claim("made/one", figures=[odd])]}
        path.write_text(json.dumps(results))
        html.render(_load.load(path))
        pictures.picture(from_json(odd), tmp_path / "x.png")
