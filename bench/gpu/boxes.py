"""Stages one after another, each in a process of its own for as long as its box lasts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.gpu import stages
from bench.gpu.stages import Stage

GRACE = 4.0  # seconds of a box in which a stage that was told to end may write what it has


@dataclass
class Ended:
    """How a stage ended. `why`: what was not as it should be, or None."""

    stage: Stage
    seconds: float
    status: int
    why: str | None
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        return self.why is None and not self.record.get("failures")

    def __str__(self) -> str:
        return f"{self.stage.name} {'ok' if self.right else 'NOT OK'}"


def run(
    stage: Stage,
    command: Sequence[str],
    seconds: float,
    variables: dict[str, str],
    record: Path,
    log: Path,
) -> Ended:
    """Runs a stage's command: told to end when its box does, then killed with all it started."""
    for path in (record, log):
        path.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    start = time.monotonic()
    cut = False
    with (
        log.open("w") as out,
        subprocess.Popen(
            command,
            cwd=stages.ROOT,
            env=variables,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        ) as process,
    ):
        try:
            status = process.wait(max(0.1, seconds - GRACE))
        except subprocess.TimeoutExpired:
            cut, status = True, _ended(process)
        finally:
            _kill(process)
    took = time.monotonic() - start
    found = read(record)
    return Ended(stage, took, status, _why(found, status, cut, took), found)


def _ended(process: subprocess.Popen) -> int:
    process.terminate()
    try:
        return process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _kill(process: subprocess.Popen) -> None:
    """What a stage started and left running must not disturb the next."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def read(record: Path) -> dict[str, Any]:
    """A stage's record, or nothing if it wrote none."""
    try:
        found = json.loads(record.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _why(record: dict[str, Any], status: int, cut: bool, seconds: float) -> str | None:
    kept = "what it had by then is kept" if record else "it had written nothing"
    if cut:
        return f"it was cut after {seconds:.0f} s: {kept}"
    if status < 0:
        name = signal.Signals(-status).name
        return f"it was ended by {name} after {seconds:.0f} s: {kept}"
    if not record:
        return f"it ended with exit status {status} and wrote no record"
    if status and not record.get("failures"):
        return f"it ended with exit status {status}: {kept}"
    if not record.get("complete"):
        return f"it ended with exit status {status} before it was done: {kept}"
    return None
