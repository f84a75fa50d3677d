"""As compiled_ppoly.py, of the kernels with a slope code.

Arguments: cases, "encode or decode/activation/dtype" or "linear/activation/dtype/size of all".
"""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import torch

from hatact.activations import registry
from hatact.backends import _triton_linear as linear
from hatact.backends import _triton_linear_kernel, triton
from hatact.backends._triton_code_kernels import decode_kernel, encode_kernel
from tests.support.children.compiled_ppoly import DTYPES, TARGETS, assembly, report

# Multiprocessors, and bytes of shared memory: an A100, an H200, an MI300X.
DEVICES = dict(zip(TARGETS, ((108, 166912), (132, 232448), (304, 65536)), strict=True))


def compiled(case: str, architecture: str) -> dict[str, Any]:
    """The code of an op, on 16-byte aligned tensors."""
    op, name, dtype, *size = case.split("/")
    spec = registry()[name]
    if op == "linear":
        rule = linear.tile

        def tile(*args: Any) -> linear.Tile:
            return rule(*args[:5], *DEVICES[architecture])

        x = torch.empty(int(size[0]), int(size[0]), dtype=DTYPES[dtype])
        b = torch.zeros(int(size[0]), dtype=DTYPES[dtype])
        with patch.object(linear, "tile", tile):
            return assembly(
                _triton_linear_kernel.linear_act_kernel,
                lambda: linear.linear_act(x, x, b, *spec.numbers),
                architecture,
            )
    x = torch.zeros(1000, dtype=DTYPES[dtype])
    if op == "encode":
        call = lambda: triton.OPS["ppoly_encode"](x, *spec.numbers)  # noqa: E731
        return assembly(encode_kernel, call, architecture)
    _, code = torch.ops.hatact.ppoly_encode(x, *spec.numbers)
    call = lambda: triton.OPS["ppoly_decode"](x, code, spec.slopes)  # noqa: E731
    return assembly(decode_kernel, call, architecture)


if __name__ == "__main__":
    report(compiled)
