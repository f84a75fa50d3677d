"""The suite's tests on the GPU: the selection that fits its box, or with --whole all of them.

Tuner timings are off, so that one launch of each kernel is compiled and none is timed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.stages import ROOT

_WRITES = 18.0  # seconds before the end at which pytest is told to stop and to write its report
_MOST_TOLD = 12


def options(kind: str) -> list[str]:
    """What pytest is asked for: on a GPU its selection, in a rehearsal a few ids of the CPU's."""
    if kind == "rehearsal":
        return ["-n", "2", "tests/ops/ppoly/test_values.py", "-k", "extension-cpu and hat and fp32"]
    workers = max(1, min(14, (os.cpu_count() or 2) - 2))
    # As they are collected, those of whole networks last: not those of many tests first.
    return ["-n", str(workers), "--no-loadscope-reorder", "--gpu", "selection"]


def run(record: Record, setting: Setting, out: Path, folder: Path) -> None:
    report = out / "junit.xml"
    report.unlink(missing_ok=True)
    extra = os.environ.get("HATACT_GPU_PYTEST", "").split()
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}"]
    command += ["-p", "xdist.plugin", *options(setting.kind), *extra]
    command += ["-o", f"cache_dir={folder / 'pytest'}"]
    record.put("command", command[1:])
    variables = {**os.environ, "HATACT_TUNE": "0", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    cut = False
    with subprocess.Popen(command, cwd=ROOT, env=variables) as pytest:
        try:
            status = pytest.wait(max(1.0, setting.left - _WRITES))
        except subprocess.TimeoutExpired:
            record.leave_out("tests that were not reached")
            cut, status = True, _stopped(pytest, setting)
    record.put("status", status)
    if not report.exists():
        record.fail(f"pytest ended with {status} and wrote no report: see the log of this stage")
        return
    failed = _read(record, report)
    if cut:
        record.fail(f"it was cut: {record.data['counts']['tests']} tests were run, and not all")
    if status and not failed and not cut:
        record.fail(f"pytest ended with exit status {status}, and no test failed: see the log")


def _stopped(pytest: subprocess.Popen, setting: Setting) -> int:
    """pytest, interrupted, writes what it has; it is killed if it does not."""
    pytest.send_signal(signal.SIGINT)
    try:
        return pytest.wait(max(1.0, setting.left - 2.0))
    except subprocess.TimeoutExpired:
        pytest.kill()
        return pytest.wait()


def _read(record: Record, report: Path) -> bool:
    """Counts, and what failed: whether anything did."""
    suites = ET.parse(report).getroot().iter("testsuite")
    counts = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    failed = []
    for suite in suites:
        for key in counts:
            counts[key] += int(suite.get(key, 0))
        for case in suite.iter("testcase"):
            found = case.find("failure") if case.find("failure") is not None else case.find("error")
            if found is not None:
                message = (found.get("message") or "").splitlines() or [""]
                failed.append(f"{case.get('classname')}::{case.get('name')}: {message[0][:120]}")
    record.put("counts", counts)
    record.put("failed", failed)
    for sentence in failed[:_MOST_TOLD]:
        record.fail(sentence)
    if len(failed) > _MOST_TOLD:
        record.fail(f"and {len(failed) - _MOST_TOLD} tests more: see junit.xml")
    if not counts["tests"]:
        record.fail("no test ran")
    told = ", ".join(f"{n} {key}" for key, n in counts.items())
    record.say(told)
    return bool(failed)
