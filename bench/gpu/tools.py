"""Nsight Compute on four kernels, in one report; compute-sanitizer's memcheck on some checks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from bench.gpu import kernels, sanitized
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.stages import ROOT

_NCU = (
    *("--set", "full", "--clock-control", "none", "--profile-from-start", "off"),
    "--force-overwrite",
)
_SANITIZER = ("--tool", "memcheck", "--error-exitcode", "9", "--print-limit", "20")


def run(record: Record, setting: Setting, out: Path, folder: Path) -> None:
    if not setting.judged:
        kernels.profiled(setting)
        sanitized.wrong(setting)
        return
    marks = ["--rehearsal"] if setting.tiny else []
    program = [sys.executable, "-m", "bench.gpu.kernels", *marks]
    _tool(record, setting, 8.0, ["ncu", *_NCU, "-o", str(out / "kernels")], program, {})
    checked = [sys.executable, "-m", "bench.gpu.sanitized", *marks]
    # With torch's allocator an access beyond a tensor falls into another's memory, and is no error.
    apart = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    _tool(record, setting, 18.0, ["compute-sanitizer", *_SANITIZER], checked, apart)


def _tool(
    record: Record,
    setting: Setting,
    least: float,
    tool: list[str],
    program: list[str],
    variables: dict[str, str],
) -> None:
    """The program under a tool, if `least` seconds are left; without the tool, in a rehearsal, the
    program itself."""
    name = tool[0]
    if not record.time_for(name, least):
        return
    path = shutil.which(name) or shutil.which(name, path="/usr/local/cuda/bin")
    what = name
    if path is None:
        record.leave_out(name, "it is not installed")
        if not setting.tiny:
            return
        what = program[2]
    command = [path, *tool[1:], *program] if path else program
    status = _status(command, {**os.environ, "HATACT_TUNE": "0", **variables}, setting.left - 2.0)
    record.put(name, {"status": status})
    if status is None:
        record.leave_out(what, "it did not end in time")
    elif status:
        record.fail(f"{what} ended with exit status {status}: see the log of this stage")


def _status(command: list[str], variables: dict[str, str], seconds: float) -> int | None:
    """A command's exit status; None if it was ended, with all that it started, after so long."""
    with subprocess.Popen(command, cwd=ROOT, env=variables, start_new_session=True) as process:
        try:
            return process.wait(max(1.0, seconds))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None
