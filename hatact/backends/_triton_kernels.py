"""g·f(x), f(x) with its slope code, g·slope: f's numbers are constants of the compiled code."""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

THREADS = 128
BLOCK = 8 * THREADS  # a thread's 8 elements: one 16-byte access for half types, two for float32


@triton.jit
def _number(VALUE: tl.constexpr, like):
    """VALUE in `like`'s dtype: Triton compares float64 with a bare float rounded to float32."""
    return tl.full(like.shape, VALUE, like.dtype)


@triton.jit
def _horner(z, PIECES: tl.constexpr, i: tl.constexpr):
    """Piece i at z: its base comes first. It has no leading zeros, so 0·inf never arises."""
    y = _number(PIECES[i][1], z)
    if len(PIECES[i]) > 2:
        u = z if PIECES[i][0] == 0 else z - _number(PIECES[i][0], z)
        for k in tl.static_range(2, len(PIECES[i])):
            y = y * u + _number(PIECES[i][k], z)
    return y


@triton.jit
def _into_period(z, START: tl.constexpr, PERIOD: tl.constexpr, END: tl.constexpr):
    """z − (⌈(z − START)/PERIOD⌉ − 1)·PERIOD, in [START, END]."""
    start, period, end = _number(START, z), _number(PERIOD, z), _number(END, z)
    # `/` is 2 ulp off in float32, which at a wrap is the wrong piece.
    q = tl.div_rn(z - start, period) if z.dtype == tl.float32 else (z - start) / period
    turns = tl.ceil(q)
    # Right of the start the quotient may underflow, and ceil flushes denormals on NVIDIA.
    turns = tl.where(z > start, tl.maximum(turns, 1.0), turns)
    z -= (turns - 1.0) * period
    # Rounding leaves the period once x is large. Selects, unlike a clamp, keep NaN.
    z = tl.where(z < start, start, z)
    return tl.where(z > end, end, z)


@triton.jit
def reduced(z, KNOTS: tl.constexpr, PERIOD: tl.constexpr):
    """z in the base period, or z itself where f has none."""
    if len(PERIOD) > 0:
        z = _into_period(z, KNOTS[0], PERIOD[0], PERIOD[1])
    return z


@triton.jit
def evaluate(z, KNOTS: tl.constexpr, PIECES: tl.constexpr, PERIOD: tl.constexpr):
    """f at a reduced z: every piece, then a select for each knot, which keeps it on its left."""
    FIRST: tl.constexpr = 1 if len(PERIOD) > 0 else 0
    y = _horner(z, PIECES, FIRST)
    for i in tl.static_range(FIRST + 1, len(PIECES)):
        knot = _number(KNOTS[i - 1], z)
        y = tl.where(z > knot, _horner(z, PIECES, i), y)
    if len(PIECES[FIRST]) == 2:  # no compare holds for NaN: it took a constant
        y = tl.where(z != z, z, y)
    return y


@triton.jit
def piece_code(z, KNOTS: tl.constexpr, PERIOD: tl.constexpr, CODES: tl.constexpr):
    """CODES of the piece of a reduced z; a NaN is right of all knots.

    The compares are not those of :func:`evaluate`: shared ones would have to be kept, more of them
    than there are predicate registers.
    """
    FIRST: tl.constexpr = 1 if len(PERIOD) > 0 else 0
    code = tl.full(z.shape, CODES[FIRST], tl.int32)
    for i in tl.static_range(FIRST + 1, len(KNOTS) + 1):
        code = tl.where(z <= _number(KNOTS[i - 1], z), code, CODES[i])
    if len(PERIOD) > 0:
        code = tl.where(z != z, CODES[len(KNOTS) + 1], code)
    return code


@triton.jit
def _tile(x, g, y, at, mask, KNOTS: tl.constexpr, PIECES: tl.constexpr, PERIOD: tl.constexpr):
    COMPUTE: tl.constexpr = tl.float64 if x.dtype.element_ty == tl.float64 else tl.float32
    z = reduced(tl.load(x + at, mask=mask).to(COMPUTE), KNOTS, PERIOD)
    value = evaluate(z, KNOTS, PIECES, PERIOD)
    if g is not None:
        value *= tl.load(g + at, mask=mask).to(COMPUTE)
    tl.store(y + at, value.to(y.dtype.element_ty), mask=mask)


def _metadata(grid: Any, metadata: Any, args: dict[str, Any]) -> dict[str, Any]:
    """What a profiler is told: the bytes that must move."""
    moved = [args[name] for name in ("x", "g", "y", "gx") if args.get(name) is not None]
    size = sum(args["n"] * tensor.element_size() for tensor in moved)
    if "code" in args:
        size += args["code"].numel() * args["code"].element_size()
    return {"name": metadata.name, "bytes": size}


# n is not specialised: one binary serves every size.
@triton.jit(do_not_specialize=["n"], launch_metadata=_metadata)
def ppoly_kernel(
    x,
    g,
    y,
    n,
    KNOTS: tl.constexpr,
    PIECES: tl.constexpr,
    PERIOD: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """x, g, y: n elements each, in the same order of memory; g may be None, y may be x.

    KNOTS, PIECES and PERIOD are those of :func:`hatact.backends._triton_numbers.constants`.
    """
    start = tl.program_id(0).to(tl.int64) * BLOCK
    at = start + tl.arange(0, BLOCK)
    # A mask that n does not align would split the 16-byte accesses of every block, not the last.
    if start + BLOCK <= n:
        _tile(x, g, y, at, None, KNOTS, PIECES, PERIOD)
    else:
        _tile(x, g, y, at, at < n, KNOTS, PIECES, PERIOD)
