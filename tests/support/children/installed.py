"""Prints what is installed: versions, backends, and what the CUDA library brings when loaded."""

import ctypes
import json
import os
import platform
from pathlib import Path

import torch

import hatact
from hatact.backends import extension


def loaded() -> dict[str, object]:
    backend = hatact.available_backends()["extension"]
    found = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
        "gpu": torch.cuda.is_available(),
        "devices": backend.devices,
        "reasons": backend.reasons,
        "folder": str(Path(hatact.__file__).parent),
    }
    library = extension._find("cuda")
    if library is None:
        return found
    ops = extension.OPS["cuda"]
    before = [op for op in ops if extension.has_kernel(op, "cuda")]
    torch.ops.load_library(str(library))
    ctypes.CDLL(str(library), mode=os.RTLD_NOW)  # or an OSError names an undefined symbol
    after = [op for op in ops if extension.has_kernel(op, "cuda")]
    return found | {"before": before, "after": after, "missing": sorted({*ops} - {*after})}


if __name__ == "__main__":
    print(json.dumps(loaded()))
