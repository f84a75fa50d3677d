"""As compiled_ppoly.py, of the triangle cascade's kernels.

Arguments: cases, "forward or backward/depth/channels/dtype".
"""

from __future__ import annotations

from typing import Any

import torch

from hatact._checks import compute_dtype
from hatact.backends import _triton_cascade_kernels as kernels
from hatact.backends import triton
from tests.support.children.compiled_ppoly import DTYPES, assembly, report


def compiled(case: str, architecture: str) -> dict[str, Any]:
    """The code of an op, on 16-byte aligned tensors."""
    way, depth, channels, dtype = case.split("/")
    x = torch.zeros(1000, int(channels), dtype=DTYPES[dtype])
    peaks = torch.full((int(channels), int(depth)), 0.5, dtype=compute_dtype(x))
    if way == "forward":
        call = lambda: triton.OPS["triangle_cascade"](x, peaks, peaks)  # noqa: E731
        return assembly(kernels.cascade_kernel, call, architecture)
    call = lambda: triton.OPS["triangle_cascade_backward"](x, x, peaks, peaks)  # noqa: E731
    return assembly(kernels.cascade_backward_kernel, call, architecture)


if __name__ == "__main__":
    report(compiled)
