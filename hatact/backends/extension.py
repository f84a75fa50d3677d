"""The compiled kernels of csrc/. Loading a library registers its kernels with the dispatcher.

So there is no `ppoly` here: `torch.ops.hatact.ppoly` reaches C++ with no Python in between.
`hatact.ops` loads them once the schema is defined.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import torch

_LIBRARIES = {"cpu": "_cpu", "cuda": "_cuda"}
_reasons: dict[str, str | None] = {}


def _find(device: str) -> Path | None:
    folder = Path(__file__).parent.parent
    return next(iter(sorted(folder.glob(f"{_LIBRARIES[device]}.*so"))), None)


def _load(device: str) -> str | None:
    path = _find(device)
    if device == "cuda" and not torch.cuda.is_available():
        return "no CUDA device"
    if path is None:
        needs = {"cpu": "a C++ compiler", "cuda": "a CUDA build of torch and its version of nvcc"}
        return f"the package was installed without the compiled part: it needs {needs[device]}"
    try:
        torch.ops.load_library(str(path))
    except OSError as error:
        return f"{path.name} does not load: {error}"
    return None


def unavailable(device: str) -> str | None:
    """Why the extension cannot serve a device type, or None; loads it at the first call."""
    if device not in _reasons:
        _reasons[device] = _load(device)
    return _reasons[device]


def cpu_capability() -> str:
    """The instruction set of the CPU kernels: "avx512", "avx2" or "portable".

    Raises:
        RuntimeError: if the CPU part is not loaded, or HATACT_CPU_CAPABILITY names an
            instruction set that this CPU does not have (calling the op raises then, too).
    """
    reason = unavailable("cpu")
    if reason is not None:
        raise RuntimeError(f"the CPU extension is not available: {reason}")
    name = ctypes.CDLL(str(_find("cpu"))).hatact_cpu_capability
    name.restype = ctypes.c_char_p
    found = name()
    if found is None:
        raise RuntimeError(
            "HATACT_CPU_CAPABILITY must name an instruction set that this CPU has; "
            f"got {os.environ.get('HATACT_CPU_CAPABILITY')}"
        )
    return str(found.decode())
