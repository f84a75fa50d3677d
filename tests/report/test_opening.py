"""The first screen: a sentence and a picture before the verdicts, for results old and new."""

import json
import re

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from hatact.claims.figures import Line, Panel, to_json
from hatact.report import _load, html
from hatact.report._opening import openings
from tests.support.results_made import ODD, claim, curves, made_up


def figure(name):
    return to_json(curves(name, [Panel("p", [Line("l", [0, 1], [0, 1])])], title=f"title {name}"))


def results(*claims):
    return made_up() | {"claims": list(claims)}


def told(page):
    """The opening of the page, without tags."""
    return re.sub(r"<[^>]*>", "", opening(page))


def opening(page):
    return re.search(r'<section class="opening.*?</section>', page, re.DOTALL)[0]


def led(paper, *claims):
    """Claims of a paper: each what it adds to a plain one."""
    return [claim(f"{paper}/{i}", paper=paper, reason=f"r{i}", **c) for i, c in enumerate(claims)]


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ([{}, {"headline": "h1"}, {"headline": "h2", "leads": True}], "h2"),
        ([{}, {"headline": "h1", "leads": False}, {"headline": "h2"}], "h1"),
        ([{"headline": ""}, {"headline": "h1"}, {"headline": "", "leads": True}], "h1"),
        ([{}, {"headline": "", "leads": True}], "r1"),
        ([{"headline": "", "leads": False}, {}], "r0"),
        ([{}, {}], "r0"),
    ],
)
def test_a_paper_opens_with_its_leading_headline_or_what_comes_nearest(claims, sentence):
    (chosen,) = openings([led("a", *claims)])
    assert chosen["sentence"] == sentence
    page = html.render(results(*led("a", *claims)))
    assert sentence in told(page)
    assert f'href="#{chosen["id"]}"' in opening(page)


def test_the_first_paper_with_a_leading_claim_comes_first_and_none_is_left_out():
    plain, headed, leading = [{}], [{"headline": "h"}], [{"headline": "h", "leads": True}]
    papers = [led("a", *plain), led("b", *headed), led("c", *leading), led("d", *leading)]
    assert [one["paper"] for one in openings(papers)] == ["c", "a", "b", "d"]
    assert [one["paper"] for one in openings(papers[:2])] == ["b", "a"]
    assert [one["paper"] for one in openings(papers[:1])] == ["a"]
    assert openings([]) == []


def test_sentence_and_picture_come_before_the_verdicts_and_one_picture_only():
    first = led("a", {"figures": [figure("other")]}, {"figures": [figure("lead"), figure("more")]})
    first[1] |= {"headline": "What was seen.", "leads": True, "verdict": "partly"}
    second = led("b", {"figures": [figure("b")], "headline": "Something else.", "leads": True})
    page = html.render(results(*first, *second))
    top, rest = page.split('<nav id="verdicts"')
    for said in ("What was seen.", "Something else.", "◐</span> partly (quick)"):
        assert said in top
    assert top.index("What was seen.") < top.index("<figure") < top.index("Something else.")
    assert top.count("<figure") == 1
    assert "title lead" in top
    assert 'id="lead-' in top
    assert 'class="legend"' in top
    assert 'id="lead-' not in rest
    assert rest.count("title lead.") == 1
    assert "<nav" not in opening(page)


def test_without_a_figure_there_is_a_sentence_and_no_picture():
    page = html.render(results(*led("a", {"headline": "What was seen.", "leads": True})))
    assert "What was seen." in told(page)
    assert "<figure" not in page
    assert 'class="opening"' in page


def test_no_claim_has_no_opening():
    assert "opening pictured" not in html.render(results())
    assert 'class="opening' not in html.render(results())


def test_what_was_not_at_hand_stands_by_the_verdicts_and_in_the_papers_section():
    claims = led("a", {"paper_note": "Not at hand."}, {"paper_note": "Not at hand."})
    top, _, rest = html.render(results(*claims)).partition('<section class="paper"')
    assert top.count("Not at hand.") == rest.count("Not at hand.") == 1
    assert top.index('<nav id="verdicts"') < top.index("Not at hand.") < top.index('"index"')
    assert '<p class="small"></p>' not in html.render(results(*led("a", {"paper_note": ""})))


def test_results_without_the_new_keys_and_with_odd_ones_are_read(tmp_path):
    path = tmp_path / "results.json"
    odd = {"headline": ODD, "leads": True, "paper_note": ODD}
    for more in ({}, odd):
        path.write_text(json.dumps(results(claim("a/0", **more))))
        html.render(_load.load(path))
    assert html.render(_load.load(path)).count("<script>") == 0


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("headline", None, "must be text of characters that XML allows"),
        ("leads", "yes", "must be true or false"),
        ("paper_note", 3, "must be text of characters that XML allows"),
    ],
)
def test_new_keys_of_another_kind_are_refused(tmp_path, key, value, rule):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results(claim("a/0", **{key: value}))))
    with pytest.raises(ValueError, match=rf"claims\[0\].{key} {rule}; got"):
        _load.load(path)
