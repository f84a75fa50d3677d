"""The pictures of figures, in the page and as files."""

import re
from xml.etree import ElementTree

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from hatact.claims.figures import Line, Panel
from hatact.report import _axes, _looks, figures, pictures
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
    many = [Line(f"s{i}", [0, 1], [0, i]) for i in range(30)]
    bound = Line("bound", [0, 1], [0, 1], reference=True)
    looks = _looks.looks(curves("many", [Panel("a", [bound, *many]), Panel("b", many)]))
    assert len(set(looks.values())) == len(looks) == 31
    assert looks["bound"].reference
    assert looks["s0"].colour == _looks.PALETTE[0]


def test_panels_that_share_y_have_the_same_ticks():
    panels = [Panel("a", [Line("s", [0, 1], [0, 1])]), Panel("b", [Line("s", [0, 1], [0, 1000])])]
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
    lone, none = ([Panel("", lines)] for lines in ([Line("s", [0, 1, 2], [None, 1, None])], []))
    marks = [
        text_of(curves("c", panels, x_label="x", y_label="y"))[1].count("<use")
        for panels in (lone, none)
    ]
    assert marks[0] > marks[1]


def test_a_png_says_what_its_labels_name(tmp_path):
    panels = [Panel("", [Line("l", [1], [1])])]
    for legend in ("", "what labels name"):
        pictures.picture(curves("c", panels, legend=legend), tmp_path / f"{len(legend)}.png")
    first, second = (path.read_bytes() for path in tmp_path.iterdir())
    assert first != second


def test_only_what_is_a_figure_is_drawn():
    for draw in (figures.draw, pictures.picture, _axes.titles):
        with pytest.raises(TypeError, match="of a kind that has panels; got dict"):
            draw({"kind": "curves"}, *[""] * (draw is not _axes.titles))
    with pytest.raises(TypeError, match="of a kind that is drawn; got dict"):
        _axes.draw({"kind": "curves"}, None, 0)
