"""setup.py and csrc/cuda_toolkit.py as modules: what they build with, and what they refuse."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from tests.support.repository import ROOT


def imported(path: str) -> ModuleType:
    """A file of the repository as a module, of which `sys.modules` and the path know nothing."""
    spec = importlib.util.spec_from_file_location(f"_{path}", ROOT / path)
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


# An nvcc of release 13.0 that knows its own folder and compiles for sm_80 and sm_90.
NVCC = """#!/bin/sh
case "$*" in
  --version) echo "Cuda compilation tools, release 13.0, V13.0.88" ;;
  --dryrun*) echo "#$ TOP={home}/bin/.." >&2 ;;
  --list-gpu-arch) echo compute_80; echo compute_90 ;;
  *) exec {compiler} ;;
esac
"""


def toolkit_in(home: Path, compiler: str = "true", text: str = NVCC) -> Path:
    """A CUDA toolkit in `home` whose nvcc is a script, and compiles by a command."""
    script(home / "bin" / "nvcc", text.format(home=home, compiler=compiler))
    return home


def script(path: Path, text: str) -> Path:
    """A file that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
