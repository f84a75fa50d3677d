"""A new paper is a file of some hundred lines: it is found by its place, run, judged and shown."""

import json
from pathlib import Path

import pytest

from hatact import claims
from hatact.claims import Settings
from hatact.claims.engine import results
from tests.support.claims_made import Watch
from tests.support.labs import Asked

PAPERS = Path(__file__).parent.parent / "support" / "papers"


@pytest.fixture
def toy(monkeypatch):
    """The toy paper as `papers` finds it beside hatact's own."""
    monkeypatch.setattr(claims, "__path__", [*claims.__path__, str(PAPERS)])
    found = claims.papers()
    assert {"hong2022", "milkert2023", "toy2000"} <= set(found)
    return {"toy2000": found["toy2000"]}


def test_it_is_run_and_judged_and_its_results_are_read_back(toy, tmp_path):
    from hatact.report._load import load

    results.run(toy, Settings(quick=True, seeds=2), tmp_path, Watch(), workers=0)
    data = load(tmp_path / "results.json")
    verdicts = {claim["id"]: claim["verdict"] for claim in data["claims"]}
    assert verdicts == {"toy2000/sines": "reproduced", "toy2000/mesh": "not reproduced"}
    assert all(claim["as_recorded"] for claim in data["claims"])
    first, second = data["claims"]
    assert first["leads"]
    assert not second["leads"]
    assert first["paper_note"] == "It was not at hand."
    assert first["headline"].startswith("Hat learns the higher of two sines first: k = 6")
    assert len(first["figures"][0]["panels"]) == len(first["tables"][0]["rows"]) == 2
    json.dumps(data, allow_nan=False)


def test_its_report_is_drawn(toy, tmp_path):
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    from hatact.report import html
    from hatact.report._load import load

    results.run(toy, Settings(quick=True, seeds=1), tmp_path, Watch(), workers=0)
    page = html.render(load(tmp_path / "results.json"))
    assert page.index("Hat learns the higher of two sines first") < page.index('id="verdicts"')


def test_relu_in_hats_place_does_not_pass(toy):
    (claim, _) = toy["toy2000"].claims

    def answer(task, seed):
        steps = [5, None if task.arguments["row"].activation == "hat" else 50]
        residuals = [[1.0, 1.0]] * 2
        return {
            "steps_to_10_percent": steps, "late_loss": 1.0, "shown_steps": [0, 1],
            "residuals": residuals,
        }  # fmt: skip

    outcome = claim.outcome(Settings(quick=False, seeds=1), Asked(answer))
    assert outcome.verdict == "not reproduced"
    assert "at step inf" in outcome.reason


def test_it_is_as_short_as_contributing_says():
    assert len((PAPERS / "toy2000.py").read_text(encoding="utf-8").splitlines()) < 120


PAPER = """
from hatact.claims.engine import Claim, Paper
PAPER = Paper("t", "a", 1999, "0", (Claim("{id}", "n", "s", "o", {{}}, None, None),), "", "{lead}")
"""


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"twin.py": PAPER.format(id="twin/a", lead=""), "twin/__init__.py": "PAPER = None"},
            "a paper must have a name of its own; got 2 named 'twin'",
        ),
        ({"bare1.py": "X = 1"}, "hatact.claims.bare1 must define PAPER, a Paper; got None"),
        ({"bare2.py": "PAPER = 5"}, "hatact.claims.bare2 must define PAPER, a Paper; got 5"),
        (
            {"other.py": PAPER.format(id="another/a", lead="")},
            "the id of a claim of other must be other/ and a word; got 'another/a'",
        ),
        (
            {"short.py": PAPER.format(id="short", lead="")},
            "the id of a claim of short must be short/ and a word; got 'short'",
        ),
        ({"engine.py": "X = 1"}, "must not be named as one of the rooms; got 'engine'"),
        (
            {"lead.py": PAPER.format(id="lead/a", lead="b")},
            "the lead of lead must be one of its claims; got 'b'",
        ),
        (
            {"none.py": 'from hatact.claims import Paper\nPAPER = Paper("t", "a", 1, "0", ())'},
            "a paper must have at least one claim; got none of 't'",
        ),
    ],
)
def test_papers_that_are_none_are_refused(monkeypatch, tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(claims, "__path__", [*claims.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match=message):
        claims.papers()


def test_hatacts_own_rooms_and_private_files_are_no_papers(monkeypatch, tmp_path):
    before = set(claims.papers())
    (tmp_path / "_private.py").write_text("raise AssertionError")
    for name in ("data", "_drafts"):
        (tmp_path / name).mkdir()
    (tmp_path / "_drafts" / "__init__.py").write_text("raise AssertionError")
    for name in (".#toy.py", "a.b.py", "2 names.py"):
        (tmp_path / name).write_text("raise AssertionError")
    monkeypatch.setattr(claims, "__path__", [*claims.__path__, str(tmp_path)])
    assert set(claims.papers()) == before
