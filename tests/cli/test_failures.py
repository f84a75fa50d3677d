"""A command that fails ends with a status of its own, never that of a changed verdict."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from hatact import cli
from hatact.claims.engine import lab, results
from tests.support.command import call
from tests.support.repository import ROOT

CLOSED = """
import sys
sys.argv = ["hatact", *sys.argv[1:]]
from hatact import claims, cli
from hatact.report import progress
from tests.support import claims_made

progress.slowness = lambda: 1.0
decides = lambda settings, lab: claims_made.Outcome("reproduced", "since")
claims.papers = lambda: claims_made.paper(claims_made.claim("one", decides))
cli.main()
"""


def test_a_process_that_was_killed_is_one_line_and_status_2(made, out, monkeypatch):
    def died(*arguments, **more):
        raise lab.Died("a process that did a run was killed; finished runs are kept")

    monkeypatch.setattr(results, "run", died)
    result = call("verify", "--out", out)
    assert result.exit_code == 2
    assert "Error: a process that did a run was killed" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("failure", [KeyError("odd"), MemoryError(), RecursionError("deep")])
def test_a_failure_that_nothing_expects_is_a_traceback_and_status_2(
    made, out, monkeypatch, capsys, failure
):
    """Status 1 says that a verdict changed, and a failure says nothing of any."""

    def fails(*_, **__):
        raise failure

    monkeypatch.setattr(results, "run", fails)
    monkeypatch.setattr(sys, "argv", ["hatact", "verify", "made", "--out", str(out)])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # typer puts its own in its place
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert type(failure).__name__ in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["info"], ["list"], ["--version"], ["--help"], ["verify"], ["verify", "--json"]]
)
def test_where_nobody_reads_on_the_status_is_not_that_of_a_changed_verdict(tmp_path, arguments):
    where = ["--out", tmp_path] if arguments[0] == "verify" else []
    command = [sys.executable, "-c", CLOSED, *arguments, *where]
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as closed:
        done = subprocess.run(command, cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_error_that_cannot_be_said_has_its_status(tmp_path):
    command = [sys.executable, "-c", CLOSED, "report", tmp_path]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, cwd=ROOT, stderr=full)
    assert done.returncode in (2, 120)  # 120: Python's own, where stderr cannot be flushed
