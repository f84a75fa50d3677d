"""`hatact list` and `hatact --version`: what there is, each on a line that is not cut."""

import re

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from rich.console import Console

import hatact
from hatact import _named, claims
from hatact.report import inventory, terminal
from tests.support.command import call, without


def test_every_paper_claim_and_activation_is_on_one_line():
    result = call("list")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    lines = result.stdout.splitlines()
    said = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in lines if "  " in line)
    for name, paper in claims.papers().items():
        assert said[name].startswith(f"{paper.title}; ")
        for claim in paper.claims:
            assert said[claim.id] == claim.statement
    for name in _named.names():
        assert f"; degree {hatact.activation(name).degree}; " in said[name]
    assert said["bspline"] == "bspline3: knots 0, 1, 2, 3, 4; degree 3; support [0, 4]"
    assert said["relu"] == "knots 0; degree 1; support [0, ∞)"
    assert said["hardtanh"] == "knots −1, 1; degree 1; support (−∞, ∞)"
    assert said["triangle_wave"] == "knots −1.5708, 1.5708; degree 1; period 6.28319"
    known = sum(len(paper.claims) + 1 for paper in claims.papers().values())
    assert len(said) == known + len(_named.names())


def test_info_has_the_same_activations():
    lines = call("info").stdout.splitlines()
    assert {f"{name:13}  {says}" for name, says in inventory.activations()} <= {*lines}


@pytest.mark.parametrize("width", [80, 30])
def test_a_terminal_wraps_and_cuts_nothing(width):
    console = Console(force_terminal=True, width=width, color_system=None)
    for title, rows in inventory.contents().items():
        with console.capture() as capture:
            terminal.show_rows(console, title, rows)
        text = capture.get()
        assert max(map(len, text.splitlines())) <= width
        letters = "".join([title, *(part for row in rows for part in row)])
        assert sorted("".join(text.split())) == sorted("".join(letters.split()))


def test_papers_that_are_none_are_one_line_and_status_2(monkeypatch):
    def papers():
        raise ValueError("a paper must have at least one claim; got none of 't'")

    monkeypatch.setattr(claims, "papers", papers)
    result = call("list")
    assert result.exit_code == 2
    assert result.stderr == "Error: a paper must have at least one claim; got none of 't'\n"
    assert result.stdout == ""


def test_it_needs_no_optional_package():
    result = without(["scipy", "skimage", "sklearn", "matplotlib", "jinja2"], "list")
    assert result.returncode == 0, result.stderr
    assert "hong2022/gram" in result.stdout


def test_the_version():
    result = call("--version")
    assert result.exit_code == 0
    assert result.stdout == f"hatact {hatact.__version__}\n"
    done = without(["hatact.claims", "hatact.report"], "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, result.stdout, "")
