"""f(x) with its slope code, and g·slope: a row of a tile is a group of 8 elements.

A thread holds 16 bytes of x and one warp whole groups, so that a group's code is summed within the
warp: in one thread for half types, in two for float32, in four for float64.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

import triton
import triton.language as tl

from hatact.backends._triton_kernels import (
    _metadata,
    _number,
    evaluate,
    piece_code,
    reduced,
)

GROUP = tl.constexpr(8)


@triton.jit
def _store_code(code, group, word, BITS: tl.constexpr, LANES: tl.constexpr, mask):
    """The BITS low bytes of each word to its group's place, by the LANES that hold the group."""
    ELEMENT: tl.constexpr = code.dtype.element_ty
    WIDTH: tl.constexpr = ELEMENT.primitive_bitwidth
    STORES: tl.constexpr = 8 * BITS // WIDTH
    lane = tl.arange(0, LANES)[None, :]
    for p in tl.static_range(0, STORES, LANES):
        # Told of a contiguity, Triton would hand neighbouring groups to another warp's lanes.
        at = tl.max_contiguous(code + group[:, None] * STORES + (p + lane), [1, 1])
        part = (word[:, None] >> (p + lane) * WIDTH).to(ELEMENT)
        inside = p + lane < STORES
        tl.store(at, part, mask=inside if mask is None else inside & mask[:, None])


@triton.jit
def _encode(
    x,
    y,
    code,
    first,
    n,
    KNOTS: tl.constexpr,
    PIECES: tl.constexpr,
    PERIOD: tl.constexpr,
    CODES: tl.constexpr,
    BITS: tl.constexpr,
    GROUPS: tl.constexpr,
    WHOLE: tl.constexpr,
):
    COMPUTE: tl.constexpr = tl.float64 if x.dtype.element_ty == tl.float64 else tl.float32
    LANES: tl.constexpr = x.dtype.element_ty.primitive_bitwidth // 16  # 16 bytes of x in each
    group, place = first + tl.arange(0, GROUPS), tl.arange(0, GROUP)[None, :]
    at = group[:, None] * GROUP + place
    mask = None if WHOLE else at < n
    z = reduced(tl.load(x + at, mask=mask).to(COMPUTE), KNOTS, PERIOD)
    value = evaluate(z, KNOTS, PIECES, PERIOD)
    each = piece_code(z, KNOTS, PERIOD, CODES) << place
    word = tl.sum(each if WHOLE else tl.where(mask, each, 0), 1)
    _store_code(code, group, word, BITS, LANES, None if WHOLE else group * GROUP < n)
    tl.store(y + at, value.to(y.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=["n"], launch_metadata=_metadata)
def encode_kernel(
    x,
    y,
    code,
    n,
    KNOTS: tl.constexpr,
    PIECES: tl.constexpr,
    PERIOD: tl.constexpr,
    CODES: tl.constexpr,
    BITS: tl.constexpr,
    GROUPS: tl.constexpr,
):
    """x, y: n elements each, row-major; y may be x. code: as of _code.py, uint8 or wider.

    CODES and BITS are those of :func:`hatact.backends._triton_numbers.piece_codes`.
    """
    first = tl.program_id(0).to(tl.int64) * GROUPS
    if (first + GROUPS) * GROUP <= n:
        _encode(x, y, code, first, n, KNOTS, PIECES, PERIOD, CODES, BITS, GROUPS, True)
    else:
        _encode(x, y, code, first, n, KNOTS, PIECES, PERIOD, CODES, BITS, GROUPS, False)


@triton.jit
def _slope(bits, like, SLOPES: tl.constexpr, FROM: tl.constexpr, PLANE: tl.constexpr):
    """SLOPES[FROM + the code's planes 0 to PLANE], NaN beyond; plane p is bit 8·p of `bits`."""
    if PLANE < 0:
        slope = _number(SLOPES[FROM] if len(SLOPES) > FROM else float("nan"), like)
    else:
        low = _slope(bits, like, SLOPES, FROM, PLANE - 1)
        high = _slope(bits, like, SLOPES, FROM + (1 << PLANE), PLANE - 1)
        slope = tl.where((bits >> 8 * PLANE) & 1 != 0, high, low)
    return slope


@triton.jit
def _decode(
    g,
    code,
    gx,
    first,
    n,
    SLOPES: tl.constexpr,
    BITS: tl.constexpr,
    GROUPS: tl.constexpr,
    WHOLE: tl.constexpr,
):
    COMPUTE: tl.constexpr = tl.float64 if g.dtype.element_ty == tl.float64 else tl.float32
    ELEMENT: tl.constexpr = code.dtype.element_ty
    LOADS: tl.constexpr = 8 * BITS // ELEMENT.primitive_bitwidth
    group, place = first + tl.arange(0, GROUPS), tl.arange(0, GROUP)[None, :]
    at = group[:, None] * GROUP + place
    mask = None if WHOLE else at < n
    mask_of_group = None if WHOLE else group * GROUP < n
    word = tl.full((GROUPS,), 0, tl.int32)
    for p in tl.static_range(LOADS):
        part = tl.load(code + group * LOADS + p, mask=mask_of_group).to(tl.int32)
        word |= part << (p * ELEMENT.primitive_bitwidth)
    value = tl.load(g + at, mask=mask).to(COMPUTE)
    value *= _slope(word[:, None] >> place, value, SLOPES, 0, BITS - 1)
    tl.store(gx + at, value.to(gx.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=["n"], launch_metadata=_metadata)
def decode_kernel(
    g,
    code,
    gx,
    n,
    SLOPES: tl.constexpr,
    BITS: tl.constexpr,
    GROUPS: tl.constexpr,
):
    """g, gx: n elements each, row-major; code: as of _code.py, uint8 or wider."""
    first = tl.program_id(0).to(tl.int64) * GROUPS
    if (first + GROUPS) * GROUP <= n:
        _decode(g, code, gx, first, n, SLOPES, BITS, GROUPS, True)
    else:
        _decode(g, code, gx, first, n, SLOPES, BITS, GROUPS, False)
