"""Triton kernels for the ops: NVIDIA and AMD GPUs, one compiled kernel per spec and dtype.

Triton itself is imported at the first call, so that `import hatact` neither needs nor pays for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch

from hatact.backends._triton_cascade import triangle_cascade, triangle_cascade_backward
from hatact.backends._triton_elementwise import (
    ppoly,
    ppoly_,
    ppoly_decode,
    ppoly_encode,
    ppoly_encode_,
)
from hatact.backends._triton_linear import linear_act
from hatact.backends._triton_mlp import mlp_backward, mlp_forward
from hatact.backends._triton_mlp_rules import mlp_unfused as mlp_unfused


def unavailable(device: str) -> str | None:
    """Why Triton cannot serve a device type, or None.

    A GPU needs Triton and a working torch.cuda (ROCm included). CPU tensors are for tests of
    the kernels' text alone: they need Triton and TRITON_INTERPRET=1 before Triton is imported.
    """
    if find_spec("triton") is None:
        return "triton is not installed"
    if device == "cuda":
        return None if torch.cuda.is_available() else "torch.cuda.is_available() is False"
    if device == "cpu":
        interpreted = os.environ.get("TRITON_INTERPRET") == "1"
        return None if interpreted else "CPU tensors need Triton's interpreter, TRITON_INTERPRET=1"
    return f"no Triton kernel for {device} tensors"


OPS: dict[str, Callable[..., Any]] = {
    "ppoly": ppoly,
    "ppoly_": ppoly_,
    "ppoly_encode": ppoly_encode,
    "ppoly_encode_": ppoly_encode_,
    "ppoly_decode": ppoly_decode,
    "linear_act": linear_act,
    "triangle_cascade": triangle_cascade,
    "triangle_cascade_backward": triangle_cascade_backward,
    "mlp_forward": mlp_forward,
    "mlp_backward": mlp_backward,
}
