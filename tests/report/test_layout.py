"""What stands beside what: measured by the text that a claim holds."""

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from hatact.claims.figures import Line, Panel, to_json
from hatact.report import html
from hatact.report._layout import layout
from tests.support.results_made import claim, curves, figures_of_every_kind, made_up, measure

PANEL = Panel("p", [Line("l", [0, 1], [0, 1])])


def of(panels):
    return curves(f"f{panels}", [PANEL] * panels)


def laid(figures=(), **parts):
    return layout(claim("a/0", **parts), figures)


def test_figures_stand_beside_the_measures_until_one_would_reach_far_below():
    measures = [measure()] * 12
    assert laid([of(3), of(3)], measures=measures).figures == [False, True]
    assert laid([of(2), of(3), of(3)], measures=measures).figures == [False, False, False]
    assert laid([of(3)] * 3).figures == [False] * 3
    images = figures_of_every_kind()[-1]
    assert laid([images, of(1)], measures=measures[:3]).figures == [False, False]


def test_measures_longer_than_the_figures_come_after_them():
    assert laid([of(2)], measures=[measure()] * 30).measures
    assert not laid([of(2)], measures=[measure()] * 5).measures
    few = [measure(known=1.0)] * 8
    assert laid([of(2)], measures=few).measures
    assert not laid([of(2)], measures=[measure()] * 8).measures
    assert laid([], measures=few).measures


def test_findings_stand_under_the_measures_or_beside_them_where_there_is_room():
    findings = ["x" * 200] * 6
    assert not laid([of(4)], findings=findings[:1], measures=[measure()]).findings
    assert laid([of(1)], findings=findings * 2).findings
    assert not laid([], findings=findings, measures=[measure()] * 12).findings
    assert laid([], findings=findings, measures=[measure()] * 60).findings


def test_a_table_too_wide_for_two_thirds_begins_below():
    row = ["x" * 12] * 8
    tables = [{"title": "t", "columns": row, "rows": [[None] * 8]}]
    assert laid([of(2)], tables=tables).tables
    assert not laid([of(2)], tables=[{**tables[0], "columns": row[:4], "rows": []}]).tables


@pytest.mark.parametrize("figures", [0, 1, 3])
@pytest.mark.parametrize("measures", [0, 2, 40])
@pytest.mark.parametrize("findings", [0, 1, 40])
def test_wherever_they_stand_nothing_is_lost_or_told_twice(figures, measures, findings):
    one = claim(
        "a/0",
        figures=[to_json(curves(f"f{i}", [PANEL], title=f"figure {i}")) for i in range(figures)],
        measures=[measure(f"measure {i}") for i in range(measures)],
        findings=[f"finding {i}" for i in range(findings)],
        tables=[{"title": "table", "columns": ["column"], "rows": [["cell"]]}],
    )
    page = html.render(made_up() | {"claims": [one]})
    article = page[page.index("<article") : page.index("</article>")]
    assert article.count(">Measured</p>") == bool(measures)
    assert article.count(">Findings that do not decide the verdict<") == bool(findings)
    for i in range(figures):
        assert article.count(f"<strong>figure {i}.</strong>") == 1
    for i in range(measures):
        assert article.count(f">measure {i}<") == 1
    for i in range(findings):
        assert article.count(f">finding {i}<") == 1
    assert article.count(">cell<") == 1


@pytest.mark.parametrize(
    ("measures", "columns"),
    [
        ([measure(seeds=0)] * 18, ["quantity", "here"]),
        ([measure(seeds=0), measure(seeds=0, known=1.0)], ["quantity", "here", "known"]),
        ([measure(), measure(seeds=0)], ["quantity", "here", "interval, 2 seeds"]),
        ([measure(), measure(seeds=1)], ["quantity", "here", "interval"]),
        ([measure(seeds=1, known=0)], ["quantity", "here", "interval, 1 seed", "known"]),
        ([measure(seeds=0, known_source="s")], ["quantity", "here", "known"]),
    ],
)
def test_a_column_that_would_say_nothing_is_left_out(measures, columns):
    page = html.render(made_up() | {"claims": [claim("a/0", measures=measures)]})
    table = page[page.index('<table class="measures') : page.index("</table>")]
    heads = table[: table.index("</thead>")].split("</th>")[:-1]
    assert [head.rpartition(">")[2] for head in heads] == columns
    cells = table.count("</th>") + table.count("</td>")
    assert cells == len(columns) * (1 + len(measures))
    told = {f"{m['seeds']} seed{'s' * (m['seeds'] != 1)}" for m in measures if m["seeds"]}
    assert all(f">{seeds}</span>" in table for seeds in told) == (len(told) != 1)
    assert ("deterministic" in table) == ("interval" in str(columns) and measures[-1]["seeds"] == 0)
