"""Products of float32 as matrix instructions of tf32 may make them: operands cut to ten bits.

cuBLAS rounds its operands, and takes no such instructions for the thinnest layers; what comes from
shared memory to the instructions of Hopper is cut. So torch's own error is no measure of theirs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_CUT = ~((1 << 13) - 1)  # of 23 bits of a float32
_PRODUCTS = {"aten.mm.default": 0, "aten.bmm.default": 0, "aten.addmm.default": 1}


def cut(t: Tensor) -> Tensor:
    """A tf32 number for each of t, towards zero."""
    return (t.contiguous().view(torch.int32) & _CUT).view(torch.float32)


class CutProducts(TorchDispatchMode):
    """In the block float32 products are of operands that are cut. No autograd passes through."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        first = _PRODUCTS.get(str(func))
        if first is not None and args[first].dtype == torch.float32:
            args = (*args[:first], *(cut(t) for t in args[first : first + 2]), *args[first + 2 :])
        return func(*args, **(kwargs or {}))
