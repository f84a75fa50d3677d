"""What identifies a run among those that are kept: everything that its numbers depend on.

The function and its arguments, the seeds, the device, torch, the kernels' backend, and the text of
every module of hatact that the function's own module reaches by imports, with the compiled
library's bytes and the versions of the packages that data come from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import torch

from hatact import ops
from hatact._sources import code_version
from hatact.backends import extension


def key_of(run: Callable[..., Any], arguments: Mapping[str, Any], device: str) -> dict[str, Any]:
    """What identifies a run, as plain JSON."""
    return {
        "run": f"{run.__module__}.{run.__qualname__}",
        "arguments": json.loads(json.dumps(arguments, default=asdict)),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "backend": ops.current_backend(device),
        "capability": _capability() if device == "cpu" else None,
        "torch": str(torch.__version__),
        "code": code_version(run.__module__),
    }


def _capability() -> str | None:
    return extension.cpu_capability() if ops.current_backend("cpu") == "extension" else None
