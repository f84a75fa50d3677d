"""Nsight Compute on four kernels, in one report; compute-sanitizer's memcheck on some checks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.gpu import kernels
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.stages import ROOT

_NCU = (
    *("--set", "full", "--clock-control", "none", "--profile-from-start", "off"),
    "--force-overwrite",
)
_SANITIZER = ("--tool", "memcheck", "--error-exitcode", "9", "--print-limit", "20")
_LEAST = 8.0  # seconds, below which no tool is started


def run(record: Record, setting: Setting, out: Path, folder: Path) -> None:
    if not setting.judged:
        kernels.profiled(setting)
        return
    marks = ["--rehearsal"] if setting.tiny else []
    program = [sys.executable, "-m", "bench.gpu.kernels", *marks]
    _tool(record, setting, "ncu", [*_NCU, "-o", str(out / "kernels")], program, {})
    checked = [sys.executable, "-m", "bench.gpu.sanitized", *marks]
    # With torch's allocator an access beyond a tensor falls into another's memory, and is no error.
    apart = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    _tool(record, setting, "compute-sanitizer", [*_SANITIZER], checked, apart)


def _tool(
    record: Record,
    setting: Setting,
    tool: str,
    options: list[str],
    program: list[str],
    variables: dict[str, str],
) -> None:
    """The program under a tool; without the tool, in a rehearsal, the program itself."""
    if not record.time_for(tool, _LEAST):
        return
    path = shutil.which(tool) or shutil.which(tool, path="/usr/local/cuda/bin")
    if path is None:
        record.leave_out(tool, "it is not installed")
        if not setting.tiny:
            return
    command = [path, *options, *program] if path else program
    try:
        status = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **variables},
            timeout=max(1.0, setting.left - 2.0),
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        record.leave_out(tool, "it did not end in time")
        return
    record.put(tool, {"status": status})
    if status:
        record.fail(f"{tool} ended with exit status {status}: see the log of this stage")
