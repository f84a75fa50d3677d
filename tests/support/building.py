"""setup.py and csrc/cuda_toolkit.py as modules: what they build with, and what they refuse."""

from __future__ import annotations

import importlib.util
import sys
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
