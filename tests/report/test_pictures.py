"""The pictures of figures, in the page and as files."""

import re
from xml.etree import ElementTree

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from hatact.report import figures, pictures
from tests.support.results_made import curves, figures_of_every_kind, made_up


def text_of(figure, index=0):
    svg = figures.draw(figure, "f").panels[index].svg
    return [e.text for e in ElementTree.fromstring(svg).iter("text")], svg


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
