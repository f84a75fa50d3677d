"""Where an op can run here: backends, the devices they serve, and the dtypes of both."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

import hatact

DTYPES = {
    "fp64": torch.float64,
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


HALVES = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Place:
    """A backend and the device type that it serves."""

    backend: str
    device: str

    def __str__(self) -> str:
        return f"{self.backend}-{self.device}"

    @property
    def interpreted(self) -> bool:
        """Triton's interpreter: up to 60 ms a call, and it truncates to bfloat16."""
        return self.backend == "triton" and os.environ.get("TRITON_INTERPRET") == "1"

    @property
    def default(self) -> bool:
        """Whether a trace is tested here: on a CPU it is the same whatever is forced."""
        return self.device != "cpu" or self.backend == hatact.ops.default_backend(self.device)

    def serves(self, op: str) -> bool:
        """Whether the backend, forced, has a kernel for an op; test_use_backend tests the other."""
        lacks = hatact.ops._LACKS.get(self.device, ()) if self.backend == "extension" else ()
        return op not in lacks

    @property
    def dtypes(self) -> list[torch.dtype]:
        """Those whose values are the backend's own, not the interpreter's."""
        return [d for d in DTYPES.values() if not (self.interpreted and d == torch.bfloat16)]


PLACES = [
    Place(name, device)
    for name, backend in hatact.available_backends().items()
    for device in backend.devices
    if device == "cpu" or torch.cuda.is_available()
]
