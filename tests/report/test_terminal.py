"""What the terminal shows of claims and verdicts."""

import io
import subprocess
import sys

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")
pytest.importorskip("rich")

from rich.console import Console

from hatact.report import terminal
from tests.support.results_made import ODD, made_up


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
