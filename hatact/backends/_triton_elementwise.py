"""The elementwise ops of the Triton backend: checks, layouts, launches."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from hatact import _code, reference
from hatact._checks import (
    check_in_place,
    check_slopes,
    check_tensors,
    compute_dtype,
    empty_like,
)
from hatact.backends._triton_numbers import constants, finite_slopes, piece_codes


def guard(x: Tensor) -> AbstractContextManager[Any]:
    """A launch goes to the current device: make it x's."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def _launch(kernel: Any, x: Tensor, block: int, *args: Any) -> None:
    """A program for every `block` elements of x."""
    from hatact.backends._triton_kernels import THREADS

    with guard(x):
        # The default of fp fusion differs between Triton versions; a fused step is nearer to f.
        kernel[(-(-x.numel() // block),)](
            *args, num_warps=THREADS // (64 if torch.version.hip else 32), enable_fp_fusion=True
        )


def _groups(x: Tensor) -> int:
    """Groups in a program: 16 bytes of x a thread."""
    from hatact.backends._triton_kernels import THREADS

    return THREADS * 16 // (x.element_size() * _code.GROUP)


def _same_order(a: Tensor, b: Tensor) -> bool:
    """Whether element i of memory is the same element in both (b is dense)."""
    return a.stride() == b.stride() or (a.is_contiguous() and b.is_contiguous())


def _is_dense(x: Tensor) -> bool:
    """Whether x, no two of whose elements share memory, fills a stretch of it."""
    extent = sum((size - 1) * stride for size, stride in zip(x.shape, x.stride(), strict=True))
    return extent + 1 == x.numel()


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
    y = empty_like(x)
    if numbers is None:
        return y.copy_(reference.ppoly(x, g, knots, coeffs, period))
    if x.numel() == 0:
        return y
    if not _same_order(x, y):
        x = y.copy_(x)
    if g is not None and not _same_order(g, y):
        g = torch.empty_like(y).copy_(g)

    from hatact.backends._triton_kernels import BLOCK, ppoly_kernel

    _launch(ppoly_kernel, x, BLOCK, x, g, y, x.numel(), *numbers, BLOCK)
    return y


def ppoly_(x: Tensor, knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0) -> None:
    """x ← f(x): :func:`ppoly` without a y. An x with gaps costs two copies.

    Raises:
        ValueError: as :func:`ppoly`, and for an x that overlaps itself, before it is written to.
    """
    check_tensors(x, None)
    numbers = constants(tuple(knots), tuple(coeffs), period, compute_dtype(x))
    if numbers is None:
        return reference.ppoly_(x, knots, coeffs, period)
    check_in_place(x)
    if x.numel() == 0:
        return None
    y = x if _is_dense(x) else x.contiguous()

    from hatact.backends._triton_kernels import BLOCK, ppoly_kernel

    _launch(ppoly_kernel, y, BLOCK, y, None, y, y.numel(), *numbers, BLOCK)
    if y is not x:
        x.copy_(y)
    return None


def _words(code: Tensor, bits: int) -> Tensor:
    """The code two bytes at a time, where groups have two and its address is even."""
    even = code.data_ptr() % 2 == 0 and code.storage_offset() % 2 == 0  # view asks for the latter
    return code.view(torch.uint16) if bits == 2 and even else code


def _encode(x: Tensor, y: Tensor, numbers: Any, coeffs: Sequence[float], period: float) -> Tensor:
    """y ← f(x), both row-major, y maybe x; the code."""
    codes, bits = piece_codes(tuple(coeffs), len(numbers[1]), period)
    code = torch.empty(_code.code_bytes(x.numel(), bits), dtype=torch.uint8, device=x.device)
    if x.numel():
        from hatact.backends._triton_code_kernels import encode_kernel

        groups = _groups(x)
        args = (x, y, _words(code, bits), x.numel(), *numbers, codes, bits, groups)
        _launch(encode_kernel, x, groups * _code.GROUP, *args)
    return code


def ppoly_encode(
    x: Tensor, knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0
) -> tuple[Tensor, Tensor]:
    """(f(x), the code of f's slope at each element), for f of degree ≤ 1 (see _code.py).

    Shapes: x: (*) → (*), with x's dense strides, and (⌈n/8⌉·bits,) uint8, row-major. f(x) has the
    very bits of :func:`ppoly`; the codes at knots, ±inf and NaN are those of the reference.

    Cost: x read once, y and the code written once; an x that is not row-major costs a copy, and a
    y that is not, another.

    Raises:
        ValueError: as :func:`ppoly`; for a degree above 1; for more than eight distinct slopes.
    """
    check_tensors(x, None)
    numbers = constants(tuple(knots), tuple(coeffs), period, compute_dtype(x))
    y = empty_like(x)
    if numbers is None:
        values, code = reference.ppoly_encode(x, knots, coeffs, period)
        return y.copy_(values), code
    rows = x.contiguous()
    out = y if y.is_contiguous() else rows
    code = _encode(rows, out, numbers, coeffs, period)
    return (y if out is y else y.copy_(out)), code


def ppoly_encode_(
    x: Tensor, knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0
) -> Tensor:
    """x ← f(x); its code: :func:`ppoly_encode` without a y.

    Cost: x read and written once, the code written once; two copies if x is not row-major.

    Raises:
        ValueError: as :func:`ppoly_encode`, and for an x that overlaps itself, before it is
            written to.
    """
    check_tensors(x, None)
    numbers = constants(tuple(knots), tuple(coeffs), period, compute_dtype(x))
    if numbers is None:
        return reference.ppoly_encode_(x, knots, coeffs, period)
    check_in_place(x)
    rows = x.contiguous()
    code = _encode(rows, rows, numbers, coeffs, period)
    if rows is not x:
        x.copy_(rows)
    return code


def ppoly_decode(g: Tensor, code: Tensor, slopes: Sequence[float]) -> Tensor:
    """g·slopes[code], row-major: the backward of the f that :func:`ppoly_encode` evaluated.

    Shapes: g: (*), code: (⌈n/8⌉·bits,) uint8 → (*), contiguous. Half types compute in float32 and
    round once. A code beyond the slopes gives NaN. Bit-equal to ``ppoly(x, g, f′)``, but at NaN.

    Cost: g and the code read once, gx written once; a g that is not row-major costs a copy.

    Raises:
        ValueError: for other dtypes, a code of another length, dtype, device or layout, slopes
            that are not 1 to 8 numbers (finite but for a NaN at the end).
    """
    check_slopes(g, code, slopes)
    gx = torch.empty_like(g, memory_format=torch.contiguous_format)
    if g.numel():
        from hatact.backends._triton_code_kernels import decode_kernel

        bits, groups = _code.bits_of(len(slopes)), _groups(g)
        finite = finite_slopes(tuple(slopes), compute_dtype(g))
        args = (g.contiguous(), _words(code, bits), gx, g.numel(), finite, bits, groups)
        _launch(decode_kernel, g, groups * _code.GROUP, *args)
    return gx
