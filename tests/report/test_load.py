"""Reading results.json: files that are no results, and results that are read as written."""

import json
import math

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from markupsafe import escape

from hatact.report import _load, html, pictures
from hatact.report._figures import from_json
from tests.support.repository import ROOT
from tests.support.results_made import deep, made_up

DOCS = ROOT / "docs"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "results must be a file that can be read; got .*results.json"),
        ("{", "results.json is not JSON: "),
        ("[]", 'results.json has no "format"; this hatact reads format 2: run `hatact verify`'),
        ("{}", 'results.json has no "format"; this hatact reads format 2'),
        (
            '{"environment": {"hatact": "0.1.0"}}',
            'results.json has no "format" \\(written by hatact 0.1.0\\); this hatact reads',
        ),
        (
            '{"format": 1, "environment": {"hatact": "0.1.0"}}',
            "results.json was written in format 1 by hatact 0.1.0; this hatact reads format 2: "
            "run `hatact verify` again",
        ),
        ('{"format": "2"}', "was written in format '2'; this hatact reads format 2"),
        ('{"format": "\\n\\u0000"}', r"was written in format '\\n\\x00'; this hatact"),
        (
            '{"format": [[[["deep"]]]], "environment": {"hatact": "0.1\\n"}}',
            r"was written in format \[\[\[\.\.\.\]\]\]; this hatact reads format 2",
        ),
        ("[" * 100_000, "results.json is not JSON that can be read: it is nested too deep"),
        ('{"a":' * 100_000, "results.json is not JSON that can be read: it is nested too deep"),
        ("9" * 5000, "results.json is not JSON: Exceeds the limit"),
        (b"\xff\xfe", "results.json is not JSON: 'utf-8' codec can't decode"),
    ],
)
def test_results_that_cannot_be_read(tmp_path, text, message):
    path = tmp_path / "results.json"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message) as caught:
        _load.load(path)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 300 + len(str(path))


def test_a_results_file_without_its_parts_says_so(tmp_path):
    path = tmp_path / "results.json"
    path.write_text('{"format": 2, "environment": {}}')
    with pytest.raises(ValueError, match="must hold asked, complete, claims and does not"):
        _load.load(path)


def test_results_are_read_as_written(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(made_up()))
    assert _load.load(path) == made_up()


@pytest.mark.parametrize(
    "paper", ["geifman2023", "hong2022", "lazzari2023", "milkert2023", "ntk", "shenouda2024"]
)
def test_results_of_whole_runs_are_read_and_shown(tmp_path, paper):
    """What docs keeps of them has no figures, and was written before headlines."""
    results = _load.load(DOCS / f"{paper}.json")
    assert all(found["measures"] and "figures" not in found for found in results["claims"])
    page = html.render(results)
    for found in results["claims"]:
        assert str(escape(found["statement"])) in page
    assert pictures.draw(results, tmp_path) == []


def test_what_nobody_reads_may_be_anything(tmp_path):
    """Also as deep as JSON can be read: nothing walks it."""
    results = made_up()
    odd = {"deep": deep(300), "huge": 10**400, "text": "\ud800", "nan": math.nan}
    first = results["claims"][0]
    for part in (results, first, first["measures"][0], first["tables"][0], *first["figures"]):
        part |= {"more": odd}
    results["claims"] = [{**first, "values": odd, "timing": deep(300), "wall_seconds": odd}]
    figure = first["figures"][5]
    assert figure["kind"] == "arrivals"
    figure["panels"] = odd
    first["figures"][4]["panels"][0]["series"] = odd
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    loaded = _load.load(path)
    html.render(loaded)
    for index in (4, 5):
        figure = from_json(loaded["claims"][0]["figures"][index])
        pictures.picture(figure, tmp_path / "x.png")
