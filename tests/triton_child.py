"""Runs a script of this folder in a process of its own, and reads the JSON that it prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hatact.backends import triton as backend

HERE = Path(__file__).parent
needs_triton = pytest.mark.skipif(
    "not installed" in (backend.unavailable("cpu") or ""), reason="triton is not installed"
)


def _run(script: str, arguments: tuple[str, ...], environment: dict[str, str]) -> Any:
    child = subprocess.run(
        [sys.executable, HERE / script, *arguments],
        env=environment | {"PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)


def interpreted(script: str) -> Any:
    """What the script prints under Triton's interpreter, this backend forced."""
    return _run(script, (), os.environ | {"TRITON_INTERPRET": "1", "HATACT_BACKEND": "triton"})


def compiled(script: str, *arguments: str, cache: Path) -> Any:
    """What the script prints where Triton compiles, from an empty cache."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    return _run(script, arguments, environment | {"TRITON_CACHE_DIR": str(cache)})
