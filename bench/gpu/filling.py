"""python -m bench.gpu.filling STAGE: fills Triton's cache with what a stage launches."""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import hatact
from bench.gpu import pretended
from bench.gpu.record import Record
from bench.gpu.setting import Setting

STAGES = ("smoke", "pointwise", "mlp", "rest", "tools")  # those that launch Triton's kernels


def fill(stage: str) -> Counter[str]:
    """Runs a stage where a GPU is pretended; how often each kernel was found, and compiled."""
    setting = Setting("filling")
    with (
        tempfile.TemporaryDirectory() as folder,
        pretended.gpu(answers=False) as counted,
        hatact.use_backend("triton"),
    ):
        path = Path(folder)
        record = Record(path / "record.json", stage, setting)
        importlib.import_module(f"bench.gpu.{stage}").run(record, setting, path, path)
    return counted


if __name__ == "__main__":
    print(json.dumps({stage: fill(stage) for stage in sys.argv[1:]}))
