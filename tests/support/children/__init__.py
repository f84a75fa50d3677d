"""Scripts that run in a process of their own, where Triton interprets or compiles for a GPU.

Each prints one JSON object, which the functions here return.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hatact.backends import triton as backend
from tests.support.repository import ROOT, environment

needs_triton = pytest.mark.skipif(
    "not installed" in (backend.unavailable("cpu") or ""), reason="triton is not installed"
)


def _run(script: str, arguments: tuple[str, ...], variables: dict[str, str]) -> Any:
    child = subprocess.run(
        [sys.executable, "-m", f"{__name__}.{script}", *arguments],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout)


def interpreted(script: str) -> Any:
    """What the script prints under Triton's interpreter, this backend forced."""
    return _run(script, (), environment(TRITON_INTERPRET="1", HATACT_BACKEND="triton"))


def compiled(script: str, *arguments: str, cache: Path) -> Any:
    """What the script prints where Triton compiles, from an empty cache."""
    variables = environment(TRITON_CACHE_DIR=str(cache))
    variables.pop("TRITON_INTERPRET", None)
    return _run(script, arguments, variables)
