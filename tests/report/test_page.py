"""The page: one file that stands alone, says everything, and breaks on no odd string."""

import copy
import os
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from hatact.claims.figures import Line, Panel, to_json
from hatact.report import html
from tests.support.results_made import LONG, ODD, claim, curves, figures_of_every_kind, made_up

VOID = {"meta", "img", "br", "link"}


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


def test_a_figure_says_what_its_labels_and_its_colours_are():
    heat = next(figure for figure in figures_of_every_kind() if figure.name == "heat")
    line = curves("one", [Panel("", [Line("l", [1], [1])])], legend="what labels name")
    shown = [to_json(line), to_json(replace(heat, z_label="what colours are"))]
    page = html.render(made_up() | {"claims": [claim("a/0", figures=shown)]})
    article = page[page.index("<article") : page.index("</article>")]
    legend, bar = (article.partition(f'<div class="{name}">')[2] for name in ("legend", "colours"))
    assert legend.startswith("<p>what labels name</p><ul>")
    assert bar.startswith("<p>what colours are</p><svg")
    assert 'aria-label="colours: what colours are, from 0 to 1"' in bar


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


def test_an_incomplete_run_says_so():
    whole = made_up()
    assert "Not complete" not in html.render(whole)
    page = html.render({**whole, "complete": False, "asked": [*whole["asked"], "made/more"]})
    assert f"{len(whole['claims'])} of {len(whole['claims']) + 1} claims were decided" in page


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
