"""The report: one file that stands alone, says everything, and breaks on no odd string."""

import copy
import io
import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from rich.console import Console

from hatact.report import _format, _load, _ticks, figures, html, pictures, terminal

ODD = "<script>alert(\"1\")</script> & [b]$x_1$[/b] [/] ${{ 7 }} 'é'"
LONG = "a_name_without_a_place_to_break_" * 6
VOID = {"meta", "img", "br", "link"}


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
    ],
)
def test_results_that_cannot_be_read(tmp_path, text, message):
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message):
        _load.load(path)


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


def test_an_incomplete_run_says_so():
    whole = made_up()
    assert "Not complete" not in html.render(whole)
    page = html.render({**whole, "complete": False, "asked": [*whole["asked"], "made/more"]})
    assert f"{len(whole['claims'])} of {len(whole['claims']) + 1} claims were decided" in page
