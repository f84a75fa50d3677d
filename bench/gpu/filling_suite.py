"""A plugin, `pytest -p bench.gpu.filling_suite`: fills Triton's cache with what tests launch.

From its import on, before the suite asks which backends there are, a GPU is pretended; what ops
return is the reference's. Where HATACT_GPU_COUNTS names a folder, each process leaves its counts.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from bench.gpu import pretended

_gpu = pretended.gpu(answers=True)
_counted = _gpu.__enter__()


def pytest_unconfigure() -> None:
    folder = os.environ.get("HATACT_GPU_COUNTS")
    if folder:
        Path(folder, f"{os.getpid()}.json").write_text(json.dumps(_counted))
