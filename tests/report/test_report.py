"""The report: one file that stands alone, says everything, and breaks on no odd string."""

import copy
import io
import json
import math
import os
import random
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from tests.support.repository import ROOT

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from rich.console import Console

from hatact.report import _format, _load, _ticks, figures, html, pictures, terminal

ODD = "<script>alert(\"1\")</script> & [b]$x_1$[/b] [/] ${{ 7 }} 'é'"
LONG = "a_name_without_a_place_to_break_" * 6
VOID = {"meta", "img", "br", "link"}
DOCS = ROOT / "docs"


def curves(name, panels, **more):
    common = {"kind": "curves", "name": name, "title": ODD, "caption": ODD, "legend": ODD}
    scales = {"x_scale": "linear", "y_scale": "linear", "share_y": False}
    return {**common, "x_label": ODD, "y_label": LONG, **scales, "panels": panels, **more}


def figures_of_every_kind():
    gaps = {"label": ODD, "x": [0, 1, 2, 3, 4], "y": [1.5, None, 2, 0.0, -1], "marker": True}
    band = {"label": LONG, "x": [1, 2], "y": [1, 2], "low": [0.5, None], "high": [2, None]}
    bound = {"label": "bound", "x": [0.5, 4], "y": [1, 1], "reference": True}
    point = {"label": "point", "x": [2], "y": [1e-9], "low": [0], "high": [1]}
    never = {"label": "never", "x": [1, 2], "y": [None, None]}
    grid = [{"title": ODD, "series": [gaps, band, bound]}, {"title": "p", "series": [point, gaps]}]
    nothing = [{"title": "", "series": [never]}, {"title": "", "series": []}]
    labels = {"x_label": "k", "y_label": ODD, "caption": ""}
    heat = {"kind": "heat_maps", "name": "heat", "title": "h", "z_label": ODD, **labels}
    cells = {"title": ODD, "x": [5, 10], "y": [0, 1, 9], "z": [[0, 1], [None, 0.5], [1, 1]]}
    steps = {"kind": "arrivals", "name": "steps", "title": ODD, "x": [5, 10], **labels}
    seeds = [
        {"label": ODD, "seeds": [[1, None], [0, 3]]},
        {"label": "none", "seeds": [[None, None]]},
        {"label": "no seed", "seeds": []},
    ]
    image = {"title": ODD, "note": f"{ODD}\nx", "image": [[0, 255], [128, 3]]}
    return [
        curves("plain", grid),
        curves("logs", grid, x_scale="log", y_scale="log", share_y=True, x_ticks=[1, 2, 4]),
        curves("nothing", nothing),
        curves("empty", []),
        {**heat, "panels": [cells, {"title": "one", "x": [5], "y": [1], "z": [[0.5]]}]},
        {**steps, "horizon": 100, "series": seeds},
        {"kind": "images", "name": "grey", "title": ODD, "caption": ODD, "panels": [image]},
    ]


def measure(name=ODD, value=1.5, low=1.0, high=2.0, seeds=2, known=None, **more):
    ours = {"name": name, "value": value, "low": low, "high": high, "unit": "dB", "seeds": seeds}
    return {**ours, "known": known, "known_source": "", **more}


def claim(name, verdict="reproduced", **more):
    paper = {"paper": "made", "title": ODD, "authors": ODD, "year": 2022, "arxiv": "2208.04924"}
    said = {"name": ODD, "statement": ODD, "source": ODD, "reason": ODD, "command": ODD}
    state = {"recorded": verdict, "as_recorded": True, "quick": True, "seconds": 75.2}
    lists = {"findings": [], "measures": [], "tables": [], "figures": []}
    rest = {"verdict": verdict, "values": {"secret": 1}, "timing": {}}
    return {"id": name, **paper, **said, **state, **lists, **rest, **more}


def made_up():
    keys = ("hatact", "torch", "python", "system", "device", "device_name", "threads", "backend")
    environment = dict.fromkeys(keys, ODD) | {"setting": "quick", "seeds": 2, "started": "2026"}
    measures = [
        measure(known=31.5, known_source=ODD),
        measure("never", None, None, None),
        measure("half open", 2.0, 1.0, None),
        measure("exact", 2.0, 2.0, 2.0, seeds=0),
    ]
    tables = [
        {"title": ODD, "columns": ["row", ODD], "rows": [[ODD, "1.5"], ["b", "–"]]},
        {"title": "no rows", "columns": ["a"], "rows": []},
    ]
    full = {"findings": [ODD, "f"], "measures": measures, "tables": tables}
    other = {"paper": ODD, "recorded": "reproduced", "as_recorded": False}
    claims = [
        claim("made/one", figures=figures_of_every_kind(), **full),
        claim(f"{ODD}/two", "partly", **other),
        claim("made/three", "not reproduced", seconds=0),
        claim("made/four", "not attempted", quick=False),
    ]
    return {
        "format": 2,
        "environment": environment,
        "asked": [claim["id"] for claim in claims],
        "complete": True,
        "claims": claims,
    }


@pytest.fixture(scope="module")
def page():
    return html.render(made_up())


class Reader(HTMLParser):
    """Tags with their attributes, text outside of style, and whether every tag is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text, self.wrong = [], [], "", []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


@pytest.fixture(scope="module")
def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def test_the_page_is_well_formed(page, read):
    assert page.startswith("<!doctype html>")
    assert not read.wrong
    assert not read.open
    found = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(found) > 10
    for svg in found:
        ElementTree.fromstring(svg)
    assert len(page.encode()) < 400_000


def test_it_needs_no_network_and_no_script(page, read):
    assert "script" not in {tag for tag, _ in read.tags}
    assert not any(name.startswith("on") for _, a in read.tags for name in a)
    for tag, attributes in read.tags:
        for name in ("src", "href"):
            value = attributes.get(name, "")
            assert not value or value.startswith(("#", "data:image/png")) or tag == "a"
    outside = {a["href"] for t, a in read.tags if t == "a" and not a["href"].startswith("#")}
    assert outside == {"https://arxiv.org/abs/2208.04924"}
    assert page.count("http") == len(re.findall('href="https://arxiv', page)) + page.count(
        '^="http'
    )
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", page)
    assert "@import" not in page


def test_ids_are_unique_and_every_link_within_has_its_end(page, read):
    ids = Counter(a["id"] for _, a in read.tags if "id" in a)
    assert max(ids.values()) == 1
    ends = [a["href"][1:] for _, a in read.tags if a.get("href", "").startswith("#")]
    ends += re.findall(r"url\(#([\w-]+)\)", page)
    assert set(ends) <= set(ids)
    assert {"made", "made/one", "made/four", "environment", "verdicts"} <= set(ids)


def test_every_string_is_shown_as_it_is(read):
    assert read.text.count(ODD) > 30
    assert LONG in read.text
    assert "secret" not in read.text


def test_pictures_have_words_and_no_label_is_lost(read):
    for tag, attributes in read.tags:
        if tag == "svg" and attributes.get("aria-hidden") != "true":
            assert attributes["role"] == "img"
            assert len(attributes["aria-label"]) > 3
        if tag == "img":
            assert attributes["alt"]
    assert read.text.count("no value") >= 2


def test_verdicts_are_words_and_signs(read):
    text = " ".join(read.text.split())
    for verdict, (sign, meaning) in html.VERDICTS.items():
        assert f"{sign} {verdict}" in text
        assert meaning in text
    assert "4 claims: 1 reproduced, 1 partly, 1 not reproduced, 1 not attempted" in text
    assert "It differs from the recorded verdict: reproduced." in text
    assert "quick: 2 seeds, shorter runs, not for quoting." in text
    assert "✓ reproduced (quick)" in text
    assert "– not attempted (quick)" not in text


def test_a_missing_number_is_a_dash(read):
    assert not re.search(r"\b(None|null|nan|inf|Undefined)\b", read.text)
    for said in ("[1, 2]", "[1, –]", "deterministic", "31.5\N{NO-BREAK SPACE}dB", "1 min 15 s"):
        assert said in read.text


def test_light_dark_and_print(page):
    assert "@media (prefers-color-scheme: dark)" in page
    assert "@media print" in page
    assert "break-inside: avoid" in page
    assert "currentColor" in page
    assert "#010203" not in page
    assert "#000000" not in page
    assert "font-family: 'DejaVu" not in page


def test_a_full_run_says_so_and_no_claim_is_no_error():
    results = made_up() | {"claims": []}
    results["environment"] |= {"setting": "full", "seeds": 5}
    page = html.render(results)
    assert "full: 5 seeds." in page
    assert "not for quoting" not in page


def test_the_same_results_give_the_same_bytes(page):
    results = made_up()
    kept = copy.deepcopy(results)
    assert html.render(results) == page
    assert results == kept


def test_a_missing_key_is_an_error_not_a_hole():
    results = made_up()
    del results["claims"][1]["statement"]
    results["claims"] = results["claims"][1:2]
    with pytest.raises(Exception, match="statement"):
        html.render(results)


def test_the_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    results = made_up() | {"claims": made_up()["claims"][1:]}
    path = tmp_path / "report.html"
    html.write(results, path)
    before = path.read_bytes()
    assert before.decode() == html.render(results)

    def full(*_):
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        html.write(results | {"claims": []}, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_png_files_of_every_kind(tmp_path):
    paths = pictures.draw(made_up(), tmp_path)
    names = ["plain", "logs", "nothing", "empty", "heat", "steps", "grey"]
    assert [p.name for p in paths] == [f"{name}.png" for name in names]
    assert all(p.read_bytes().startswith(b"\x89PNG") for p in paths)


def test_a_label_looks_the_same_in_every_panel_and_no_two_look_alike():
    many = [{"label": f"s{i}", "x": [0, 1], "y": [0, i]} for i in range(30)]
    bound = {"label": "bound", "x": [0, 1], "y": [0, 1], "reference": True}
    figure = curves(
        "many", [{"title": "a", "series": [bound, *many]}, {"title": "b", "series": many}]
    )
    looks = figures._axes.looks(figure)
    assert len(set(looks.values())) == len(looks) == 31
    assert looks["bound"].reference
    assert looks["s0"].colour == figures._axes.PALETTE[0]


def text_of(figure, index=0):
    svg = figures.draw(figure, "f").panels[index].svg
    return [e.text for e in ElementTree.fromstring(svg).iter("text")], svg


def test_panels_that_share_y_have_the_same_ticks():
    panels = [
        {"title": t, "series": [{"label": "s", "x": [0, 1], "y": y}]}
        for t, y in (("a", [0, 1]), ("b", [0, 1000]))
    ]
    label = {"x_label": "x", "y_label": "y"}
    for share in (True, False):
        figure = curves("c", panels, share_y=share, **label)
        assert ("1000" in text_of(figure, 0)[0]) == share
        assert "1000" in text_of(figure, 1)[0]


def test_text_is_large_enough_on_a_phone():
    texts, svg = text_of(figures_of_every_kind()[0])
    width = float(re.search('viewBox="0 0 ([0-9.]+)', svg)[1])
    sizes = [float(s) for s in re.findall(r"font-size: ([0-9.]+)px", svg)]
    assert len(sizes) == len(texts) > 5
    assert min(sizes) * 340 / width >= 11


def test_a_lone_point_is_drawn():
    series = [{"label": "s", "x": [0, 1, 2], "y": [None, 1, None]}]
    figure = curves("c", [{"title": "", "series": series}], x_label="x", y_label="y")
    assert text_of(figure)[1].count("<use") > text_of(
        curves("c", [{"title": "", "series": []}], x_label="x", y_label="y")
    )[1].count("<use")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"), (math.nan, "–"), (math.inf, "–"), (0, "0"), (57, "57"), (-1.1849, "−1.185"),
        (12345.678, "12346"), (123456, "123456"), (1.5e6, "1.5×10⁶"), (1e-7, "10⁻⁷"),
        (0.013245, "0.01324"), (9.99999, "10"), (200, "200"), (3.9999, "3.9999"),
        (-3.2e-5, "−3.2×10⁻⁵"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert _format.number(value) == text


def test_units_and_durations():
    assert _format.quantity(1.5, "×") == "1.5×"
    assert _format.quantity(1.5, "dB") == "1.5\N{NO-BREAK SPACE}dB"
    assert _format.quantity(None, "dB") == "–"
    said = [_format.duration(s) for s in (0, 0.04, 59.4, 75, 3700)]
    assert said == [
        "0 s", "0.04 s", "59.4 s", "1 min 15 s", "1 h 1 min",
    ]  # fmt: skip


def test_tick_labels():
    assert _ticks.labels([0, 0.5, 1]) == ["0", "0.5", "1"]
    assert _ticks.labels([-20.0, 0]) == ["−20", "0"]
    assert _ticks.labels([1, 10, 100, 1e6]) == ["1", "10", "10²", "10⁶"]


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


def test_results_are_read_as_written(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(made_up()))
    assert _load.load(path) == made_up()


def shown(show, of):
    console = Console(width=400, record=True, file=io.StringIO())
    show(console, of)
    return console.export_text()


def test_the_terminal_shows_a_claim():
    text = shown(terminal.show_claim, made_up()["claims"][0])
    assert text.count(ODD) >= 8
    for said in ("reproduced (quick): ", "[1, 2]", "deterministic", f"31.5\xa0dB ({ODD})", "· f"):
        assert said in text
    assert "None" not in text
    assert "secret" not in text


def test_the_terminal_names_what_differs():
    text = shown(terminal.show_verdicts, made_up())
    assert "reproduced  (differs)" in text
    assert text.count("(differs)") == 1
    assert f"{ODD}/two: partly, recorded reproduced: {ODD}" in text


def test_the_terminal_needs_neither_matplotlib_nor_jinja2():
    code = (
        "import sys, hatact.report.terminal, hatact.report._load;"
        "print([m for m in ('matplotlib', 'jinja2.environment') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_a_results_file_without_its_parts_says_so(tmp_path):
    path = tmp_path / "results.json"
    path.write_text('{"format": 2, "environment": {}}')
    with pytest.raises(ValueError, match="must hold asked, complete, claims and does not"):
        _load.load(path)


# ---- results of which something is wrong

GONE = object()
FIGURE, SERIES = "claims[0].figures[{}]", "claims[0].figures[0].panels[0].series[0]"
RULES = {
    "number": "must be a finite number",
    "text": "must be text of characters that XML allows",
    "whole": "must be a whole number from",
    "name": "must be a file's name: a letter or digit, then at most 99 of",
}


def deep(levels):
    found = []
    for _ in range(levels):
        found = [found]
    return found


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
        ("claims[0].figures", GONE, "claims[0] must hold figures and does not"),
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


@pytest.mark.parametrize("paper", ["hong2022", "milkert2023"])
def test_results_of_whole_runs_are_read(tmp_path, paper):
    """What docs keeps of them has no figures."""
    results = json.loads((DOCS / f"{paper}.json").read_text(encoding="utf-8"))
    for found in results["claims"]:
        assert found["measures"]
        found["figures"] = []
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    assert _load.load(path) == results


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
        pictures.picture(loaded["claims"][0]["figures"][index], tmp_path / "x.png")


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
    every = figures_of_every_kind()
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
        odd = odd_numbers(rng, figure)
        if "horizon" in odd:
            odd["horizon"] = 10**15
        results = made_up() | {"claims": [claim("made/one", figures=[odd])]}
        path.write_text(json.dumps(results))
        html.render(_load.load(path))
        pictures.picture(odd, tmp_path / "x.png")


def test_an_incomplete_run_says_so():
    whole = made_up()
    assert "Not complete" not in html.render(whole)
    page = html.render({**whole, "complete": False, "asked": [*whole["asked"], "made/more"]})
    assert f"{len(whole['claims'])} of {len(whole['claims']) + 1} claims were decided" in page
