"""Triton kernels for the op: NVIDIA and AMD GPUs, one compiled kernel per spec and dtype.

Triton itself is imported at the first call, so that `import hatact` neither needs nor pays for it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from hatact import reference
from hatact._checks import check_numbers, check_tensors, compute_dtype

MAX_PIECES = 64  # beyond either, compile time grows and the select chain is no kernel to want
MAX_DEGREE = 16


def unavailable(device: str) -> str | None:
    """Why Triton cannot serve a device type, or None.

    A GPU needs Triton and a working torch.cuda (ROCm included). CPU tensors are for tests of
    the kernel's text alone: they need Triton and TRITON_INTERPRET=1 before Triton is imported.
    """
    if find_spec("triton") is None:
        return "triton is not installed"
    if device == "cuda":
        return None if torch.cuda.is_available() else "torch.cuda.is_available() is False"
    if device == "cpu":
        interpreted = os.environ.get("TRITON_INTERPRET") == "1"
        return None if interpreted else "CPU tensors need Triton's interpreter, TRITON_INTERPRET=1"
    return f"no Triton kernel for {device} tensors"


def _rounded(value: float, dtype: torch.dtype) -> float:
    if dtype == torch.float64:
        return float(value)
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


Constants = tuple[tuple[float, ...], tuple[tuple[float, ...], ...], tuple[float, ...]]


@lru_cache(maxsize=1024)
def constants(
    knots: tuple[float, ...], coeffs: tuple[float, ...], period: float, dtype: torch.dtype
) -> Constants | None:
    """The kernel's (KNOTS, PIECES, PERIOD) in a compute dtype.

    A piece has no leading zeros; PERIOD is (period, knots[0] + period), or empty.
    None for a spec that is left to the reference: more than MAX_PIECES pieces, or a degree above
    MAX_DEGREE.

    Raises:
        ValueError: for numbers that break a rule of the op.
    """
    check_numbers(knots, coeffs, period, dtype)
    width = len(coeffs) // (len(knots) + 1)
    if len(knots) + 1 > MAX_PIECES or width - 1 > MAX_DEGREE:
        return None
    ts = tuple(_rounded(t, dtype) for t in knots)
    cs = [_rounded(c, dtype) for c in coeffs]
    end = min(knots[0] + period, torch.finfo(dtype).max)
    wrap = (_rounded(period, dtype), _rounded(end, dtype)) if period else ()
    pieces = []
    for start in range(0, len(cs), width):
        piece = cs[start : start + width]
        lead = next((k for k, c in enumerate(piece) if c), width - 1)
        pieces.append(tuple(piece[lead:]))
    return ts, tuple(pieces), wrap


def _same_order(a: Tensor, b: Tensor) -> bool:
    """Whether element i of memory is the same element in both (b is dense)."""
    return a.stride() == b.stride() or (a.is_contiguous() and b.is_contiguous())


def _guard(x: Tensor) -> AbstractContextManager[Any]:
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def ppoly(
    x: Tensor,
    g: Tensor | None,
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
) -> Tensor:
    """g·f(x) for the piecewise polynomial f of `knots`, `coeffs` and `period` (see spec.py).

    Shapes: x: (*), g: (*) or None → (*), with x's dense strides. Half types compute in float32
    and round once. Values at knots, ±inf and NaN as in :func:`hatact.reference.ppoly`, which
    also serves what :func:`constants` leaves to it.

    Cost: x and g read once, y written once; a layout other than y's costs a copy of that tensor.
    The first call for a spec, a dtype and a device compiles (about a second, then cached on disk).

    Raises:
        ValueError: for other dtypes, a g that does not match x, numbers that break a rule.
    """
    check_tensors(x, g)
    numbers = constants(tuple(knots), tuple(coeffs), period, compute_dtype(x))
    y = torch.empty_like(x)
    if numbers is None:
        return y.copy_(reference.ppoly(x, g, knots, coeffs, period))
    n = x.numel()
    if n == 0:
        return y
    if not _same_order(x, y):
        x = y.copy_(x)
    if g is not None and not _same_order(g, y):
        g = torch.empty_like(y).copy_(g)

    from hatact.backends import _triton_kernels as kernels

    blocks = -(-n // kernels.BLOCK)
    with _guard(x):
        # The default of fp fusion differs between Triton versions; a fused step is nearer to f.
        kernels.ppoly_kernel[(blocks,)](
            x,
            g,
            y,
            n,
            *numbers,
            kernels.BLOCK,
            num_warps=kernels.THREADS // (64 if torch.version.hip else 32),
            enable_fp_fusion=True,
        )
    return y


OPS = {"ppoly": ppoly}
