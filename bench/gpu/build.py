"""Both libraries, built here: where what was prepared may not be used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.stages import ROOT


def run(record: Record, setting: Setting, out: Path, folder: Path) -> None:
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    record.put("status", status)
    if status:
        record.fail(f"setup.py ended with exit status {status}: see the log of this stage")
