"""Completion in a shell: commands, papers, claims and activations; statuses mean what they did."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from hatact import _named, claims, cli
from hatact.report import _verify_call
from tests.support.repository import ROOT

BARE = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"


@pytest.fixture
def asked(monkeypatch, capsys):
    """What the command answers to a shell: the lines and the status."""

    def answer(*arguments, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["hatact", *arguments])
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return said.out.splitlines(), end.value.code

    return answer


def bash(words):
    return {
        "_HATACT_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("hatact ", ["verify", "report", "list", "plot", "info"]),
        ("hatact p", ["plot"]),
        ("hatact plot bs", ["bspline", *(f"bspline{d}" for d in range(6))]),
        ("hatact plot bw", ["bw_relu"]),
        ("hatact plot ", [*_named.names()]),
        ("hatact plot x", []),
        ("hatact plot --sc", ["--scale"]),
        ("hatact verify ", ["made", "other"]),
        ("hatact verify m", ["made", "made/one", "made/two"]),
        ("hatact verify made/t", ["made/two"]),
        ("hatact verify made/one ot", ["other", "other/three"]),
        ("hatact verify nobody/", []),
    ],
)
def test_bash_is_told_what_a_word_may_go_on_as(made, asked, words, found):
    assert asked(**bash(words)) == (found or [""], 0)
    assert made.settings is None


def test_zsh_is_told_claims(made, asked):
    lines, status = asked(
        _HATACT_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="hatact verify made/o"
    )
    assert status == 0
    assert "made/one" in "".join(lines)


def test_papers_that_are_none_are_no_completions(monkeypatch):
    def papers():
        raise ValueError("a paper must have at least one claim")

    monkeypatch.setattr(claims, "papers", papers)
    assert _verify_call.completed("h") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_asks_hatact(asked, shell):
    lines, status = asked("--show-completion", shell, **{BARE: "1"})
    assert status == 0
    assert "_HATACT_COMPLETE=complete_" + shell in "\n".join(lines)


@pytest.mark.parametrize(
    "variables",
    [
        {"_HATACT_COMPLETE": "nonsense"},
        {"_HATACT_COMPLETE": "complete_tcsh"},
        {
            "_HATACT_COMPLETE": "complete_fish",
            "_TYPER_COMPLETE_FISH_ACTION": "is-args",
            "_TYPER_COMPLETE_ARGS": "hatact plot nobody",
        },
    ],
)
def test_what_cannot_be_completed_is_not_the_status_of_a_changed_verdict(asked, variables):
    assert asked(**variables) == ([], 2)


def test_installing_writes_into_the_home_folder_alone(asked, tmp_path):
    lines, status = asked("--install-completion", "bash", **{BARE: "1", "HOME": str(tmp_path)})
    assert status == 0
    script = tmp_path / ".bash_completions" / "hatact.sh"
    assert str(script) in "".join(lines)
    assert "_HATACT_COMPLETE=complete_bash" in script.read_text()


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        ("hatact plot b", ["hatact.claims", "hatact.analysis", "hatact.report", "matplotlib"]),
        ("hatact verify hong", ["scipy", "sklearn", "skimage", "matplotlib", "triton"]),
    ],
)
def test_completing_imports_no_more_than_it_needs(words, spared):
    code = (
        "import sys; sys.argv = ['hatact']; from hatact import cli\n"
        "try: cli.main()\n"
        f"finally: print([name for name in {spared} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **bash(words)},
    )
    assert done.returncode == 0, done.stderr
    *found, spared = done.stdout.splitlines()
    assert spared == "[]"
    assert ("bspline" in found) == ("plot" in words)
    assert ("hong2022" in found) == ("verify" in words)
