"""What runs on the GPU machine: in which order, for how long, and into which file."""

from __future__ import annotations

import ctypes
import os
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# Triton's cache holds absolute paths: it is filled where it will lie.
SCRATCH = Path("/tmp/hatact-gpu")


@dataclass(frozen=True)
class Stage:
    """A file here of that name, run in a process of its own for so many seconds of `MINUTES`.

    What it writes by itself is `file`; a stage that only keeps a record has that as its file.
    """

    name: str
    seconds: float
    file: str
    interpreted: bool = True  # in a rehearsal

    @property
    def keeps_record(self) -> bool:
        """Whether its record is the file that is wanted of it."""
        return self.file == f"{self.name}.json"


MINUTES = 8.0
PATIENCE = 24.0  # in a rehearsal, which takes 3 where nothing else runs
STAGES = (
    Stage("facts", 30, "facts.json", interpreted=False),
    Stage("smoke", 45, "smoke.json"),
    Stage("pointwise", 60, "pointwise.json"),
    Stage("mlp", 95, "mlp.json"),
    Stage("rest", 40, "rest.json"),
    Stage("suite", 150, "junit.xml", interpreted=False),
    Stage("tools", 40, "kernels.ncu-rep"),
    Stage("caches", 20, "caches.txz", interpreted=False),
)
BUILD = Stage("build", 120, "build.json", interpreted=False)  # first, where libraries are stale
BY_NAME = {stage.name: stage for stage in (*STAGES, BUILD)}


def scratch(rehearsal: bool) -> Path:
    """The folder of caches, records and logs: one fixed path, which Triton's cache has in it.

    Raises:
        RuntimeError: if it is another user's, whose code would be run, or cannot be made.
    """
    where = Path(os.environ.get("HATACT_GPU_SCRATCH") or SCRATCH)
    for folder in (where, where / "rehearsal") if rehearsal else (where,):
        _made(folder)
    return folder


def _made(folder: Path) -> None:
    """A folder of one's own, which nobody else may write to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise RuntimeError(f"the folder of caches, {folder}, cannot be made: {error}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise RuntimeError(f"the folder of caches must be one's own and no link; got {folder}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise RuntimeError(
            f"the folder of caches must be writable by its owner alone; got {folder}"
        )


def capability() -> tuple[int, int] | None:
    """The compute capability of the first GPU that NVIDIA's driver sees; None if it sees none."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    count, major, minor = (ctypes.c_int(0) for _ in range(3))
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return None
    for attribute, value in ((75, major), (76, minor)):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_…
        driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, 0)
    return major.value, minor.value


def variables(folder: Path) -> dict[str, str]:
    """The environment of every stage, and of what fills the cache: Triton's keys depend on it."""
    found = {k: v for k, v in os.environ.items() if not k.startswith(("TRITON_", "HATACT_"))}
    return {
        **found,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "PYTHONUNBUFFERED": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # products of the same bits on every run
        "TRITON_CACHE_DIR": str(folder / "triton"),
        "TRITON_STORE_BINARY_ONLY": "1",
        "TRITON_DISABLE_LINE_INFO": "1",
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "HATACT_CACHE_DIR": str(folder / "tuned"),
        "HATACT_GPU_SCRATCH": str(folder),
    }


def record_of(stage: Stage, out: Path, folder: Path) -> Path:
    """Where a stage's record lies."""
    if stage.keeps_record and stage is not BUILD:
        return out / stage.file
    return folder / "records" / f"{stage.name}.json"


def command(stage: Stage, out: Path, kind: str, seconds: float) -> list[str]:
    """What runs a stage, which plans with so many seconds from now on: its start is counted."""
    until = str(round(time.time() + seconds, 2))
    asked = ["--stage", stage.name, "--out", str(out), "--kind", kind, "--until", until]
    return [sys.executable, "-m", "bench.gpu.stage", *asked]
