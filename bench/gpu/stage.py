"""python -m bench.gpu.stage: one stage, in this process."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.stages import BY_NAME, record_of, scratch


def run(name: str, out: Path, setting: Setting) -> int:
    """Runs a stage; its exit status is 1 if its record has failures.

    What it raises is a failure of its record. Told to end (SIGTERM), it writes what it has.
    """
    folder = scratch(False)  # as the environment says
    path = record_of(BY_NAME[name], out, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    record = Record(path, name, setting)

    def cut(signum: int, frame: FrameType | None) -> None:
        record.write()
        os._exit(128 + signum)

    signal.signal(signal.SIGTERM, cut)
    try:
        module = importlib.import_module(f"bench.gpu.{name}")
        record.put("environment", _environment(setting))
        with _launched(record, setting):
            module.run(record, setting, out, folder)
    except Exception as error:
        *_, last = traceback.extract_tb(error.__traceback__)
        where = f"{Path(last.filename).name}:{last.lineno}"
        record.fail(f"it raised {type(error).__name__}: {error} ({where})")
        traceback.print_exc()
    record.write(complete=True)
    return int(bool(record.data["failures"]))


@contextmanager
def _launched(record: Record, setting: Setting) -> Iterator[None]:
    """On a GPU, how many kernels were in Triton's cache: all that hatact launches should be."""
    if setting.kind != "gpu" or find_spec("triton") is None:
        yield
        return
    from bench.gpu import pretended

    with pretended.counted() as counts:
        record.put("kernels", counts)
        yield
    compiled, found = (pretended.total(counts, what) for what in ("compiled", "found"))
    if compiled:
        record.say(f"{compiled} kernels were compiled here, {found} found in the cache")


def _environment(setting: Setting) -> dict[str, Any]:
    """What it ran on; nothing where that is no GPU."""
    import torch

    from bench.environment import environment

    return environment("cuda") if setting.kind == "gpu" and torch.cuda.is_available() else {}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu.stage", description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", choices=("gpu", "rehearsal"), default="gpu")
    parser.add_argument("--until", type=float, default=float("inf"), help="seconds of the epoch")
    args = parser.parse_args()
    return run(args.stage, args.out, Setting(args.kind, args.until - time.time()))


if __name__ == "__main__":
    sys.exit(main())
