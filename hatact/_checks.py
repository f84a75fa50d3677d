"""What every backend demands of an op's arguments, said once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from hatact import _code

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_PERIOD_SLACK = 1 + 2.0**-50  # knots[0] + period and knots[-1] are rounded apart


def compute_dtype(x: Tensor) -> torch.dtype:
    """float32 for the half types, the dtype itself otherwise."""
    return torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype


def not_floating(x: Tensor) -> str:
    """What to say of an x of another dtype."""
    instead = "its .real and .imag apart" if x.is_complex() else "x.float()"
    return f"x must be float16, bfloat16, float32 or float64; got {x.dtype}: write {instead}"


def check_tensors(x: Tensor, g: Tensor | None) -> None:
    """ValueError unless x is a real floating tensor and g matches it."""
    if x.dtype not in DTYPES:
        raise ValueError(not_floating(x))
    if g is None:
        return
    if g.shape != x.shape or g.dtype != x.dtype or g.device != x.device:
        raise ValueError(
            "g must have x's shape, dtype and device, "
            f"{tuple(x.shape)} {x.dtype} {x.device}; "
            f"got {tuple(g.shape)} {g.dtype} {g.device}"
        )


def check_parameters(x: Tensor, parameters: Iterable[tuple[str, Tensor]]) -> None:
    """ValueError unless all have the dtype and device of x; x is to blame where the first has not.

    Each parameter comes with its name.
    """
    for i, (name, t) in enumerate(parameters):
        if t.dtype == x.dtype and t.device == x.device:
            continue
        of_x, of_t = (f"{of.dtype} on {of.device}" for of in (x, t))
        if i:
            raise ValueError(
                f"all parameters must have the dtype and device of x, {of_x}; got {name} of {of_t}:"
                " write network.to(x), or move the one that differs"
            )
        instead = f"x.to({str(t.device)!r}, {t.dtype}), or network.to(x) for parameters like x"
        if t.is_meta:
            instead = f"network.to_empty(device={str(x.device)!r}), and give it its parameters"
        raise ValueError(
            f"x must have the dtype and device of the parameters, {of_t}; got {of_x}: write "
            f"{instead}"
        )


def check_numbers(
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float,
    dtype: torch.dtype = torch.float64,
) -> None:
    """ValueError unless the lists state a piecewise polynomial that `dtype` can compute with."""
    if not knots:
        raise ValueError("at least one knot is needed; got none")
    if not coeffs or len(coeffs) % (len(knots) + 1):
        raise ValueError(
            f"coeffs must hold (n + 1) x (degree + 1) numbers for n = {len(knots)} knots; "
            f"got {len(coeffs)} numbers"
        )
    if not all(math.isfinite(v) for v in (*knots, *coeffs, period)):
        raise ValueError(
            f"knots, coeffs and period must be finite; got {knots}, {coeffs}, {period}"
        )
    range_ = torch.finfo(dtype)
    used = (*knots, *coeffs, period, knots[0] + period, knots[-1] - knots[0])
    if any(abs(v) > range_.max for v in used) or 0 < period < range_.tiny:
        raise ValueError(
            f"knots, their span, coeffs and period must be in the range of {dtype}, which "
            f"computes; got {knots}, {coeffs}, {period}"
        )
    if any(a >= b for a, b in pairwise(knots)):
        raise ValueError(f"knots must increase strictly; got {tuple(knots)}")
    if period < 0:
        raise ValueError(f"the period must be positive, or 0 for none; got {period}")
    if period and knots[-1] - knots[0] > period * _PERIOD_SLACK:
        raise ValueError(f"knots must lie within one period, {period}; got {tuple(knots)}")


def empty_like(x: Tensor) -> Tensor:
    """A new tensor with x's dense strides, as torch's own elementwise ops return them.

    torch.empty_like keeps the strides of a tensor without elements, whatever they are.
    """
    return torch.empty_like(
        x, memory_format=torch.contiguous_format if x.is_contiguous() else torch.preserve_format
    )


def overlaps(x: Tensor) -> bool:
    """Whether two elements of x may share memory (strides that only interleave count too)."""
    end = 1
    for stride, size in sorted(
        (stride, size) for stride, size in zip(x.stride(), x.shape, strict=True) if size > 1
    ):
        if stride < end:
            return True
        end += (size - 1) * stride
    return False


def check_in_place(x: Tensor) -> None:
    """ValueError if x cannot be written to: two of its elements share memory."""
    if x.numel() and overlaps(x):
        raise ValueError(
            "an in-place activation needs an x whose elements do not share memory; "
            f"got shape {tuple(x.shape)} and strides {tuple(x.stride())}: write x.clone() first"
        )


def check_slopes(g: Tensor, code: Tensor, slopes: Sequence[float]) -> None:
    """ValueError unless `code` and `slopes` can belong to g (see _code.py)."""
    if g.dtype not in DTYPES:
        raise ValueError(f"g must be float16, bfloat16, float32 or float64; got {g.dtype}")
    _code.check_count(slopes)
    finite = [*slopes[:-1], 0.0 if math.isnan(slopes[-1]) else slopes[-1]]
    largest = torch.finfo(compute_dtype(g)).max
    if not all(abs(s) <= largest for s in finite):
        raise ValueError(
            f"slopes must be finite in {compute_dtype(g)}, but for a NaN at the end; "
            f"got {tuple(slopes)}"
        )
    bits = _code.bits_of(len(slopes))
    length = _code.code_bytes(g.numel(), bits)
    wrong = code.dtype != torch.uint8 or tuple(code.shape) != (length,)
    if wrong or not code.is_contiguous() or code.device != g.device:
        raise ValueError(
            f"the code of {g.numel()} elements and {len(slopes)} slopes must be a dense uint8 "
            f"vector of {length} bytes on {g.device}; got shape {tuple(code.shape)}, strides "
            f"{tuple(code.stride())}, {code.dtype} on {code.device}"
        )
