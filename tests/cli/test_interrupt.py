"""Control-C: status 130, one sentence, no process left, and the same command goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from tests.support import claims_killed
from tests.support.command import call, plain, verified
from tests.support.repository import ROOT

INTERRUPTED = """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
from hatact import claims, cli
from hatact.report import progress
from tests.support import claims_made

claims.papers = claims_made.endless_paper
progress.slowness = lambda: 1.0
cli.main()
"""


def test_an_interrupt_is_status_130_and_says_how_to_go_on(made, out):
    made.stop_before = "two"
    result = call("verify", "made", "--out", out)
    assert result.exit_code == 130
    text = plain(result.output).replace(" ", "")
    assert (
        f"interrupted; the same command goes on from what {out / 'cache'}".replace(" ", "") in text
    )
    assert "Traceback" not in result.output
    assert verified(out) == ["made/one"]
    made.stop_before = None
    result = call("verify", "made", "--out", out)
    assert result.exit_code == 0
    assert "2 runs, 1 kept from before" in result.output
    assert verified(out) == ["made/one", "made/two"]
    assert made.ran() == ["one", "two"]


def test_json_of_an_interrupted_run_is_nothing(made, out):
    made.stop_before = "two"
    result = call("verify", "made", "--out", out, "--json")
    assert result.exit_code == 130
    assert result.stdout == ""
    assert "interrupted" in result.stderr


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize("moment", ["while processes start", "while they run"])
def test_control_c_reaches_all_processes_and_one_sentence_is_said(tmp_path, moment):
    """As a terminal sends it: to the whole group at once."""
    mark, kept = f"{os.getpid()}-{time.time_ns()}", tmp_path / "out" / "cache"
    command = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, "verify", "made", "--out", tmp_path / "out"],
        cwd=ROOT,
        env={**os.environ, claims_killed.MARK: mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    ready = {
        "while processes start": lambda: len(claims_killed.processes(mark)) > 2,
        "while they run": lambda: any(kept.glob("*.json")),
    }[moment]
    try:
        while not ready() and command.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        os.killpg(command.pid, signal.SIGINT)
        said, errors = command.communicate(timeout=60)
    finally:
        if command.poll() is None:
            os.killpg(command.pid, signal.SIGKILL)
            command.communicate()
    assert command.returncode == 130, errors
    assert "interrupted; the same command goes on" in plain(said)
    assert errors == ""
    while claims_killed.processes(mark) and time.monotonic() < end:
        time.sleep(0.02)
    assert not claims_killed.processes(mark)
    assert not (tmp_path / "out" / "results.json").exists()
