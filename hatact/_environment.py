"""With what something was computed."""

from __future__ import annotations

import platform
from typing import Any

import torch

import hatact
from hatact import ops


def machine() -> str:
    """The processor, as far as Python knows it."""
    return platform.processor() or platform.machine()


def environment(device: str) -> dict[str, Any]:
    """Versions, the device and the backend of its kernels; no path and no host name."""
    return {
        "hatact": hatact.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "system": platform.system(),
        "device": device,
        "device_name": torch.cuda.get_device_name() if device == "cuda" else machine(),
        "threads": torch.get_num_threads(),
        "backend": ops.current_backend(device),
    }
