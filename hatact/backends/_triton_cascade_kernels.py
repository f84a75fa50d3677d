"""Σ s_i·(T_{a_i} ∘ … ∘ T_{a_0})(x) of each channel, and its gradients: tiles of rows × channels.

A thread stays in one channel, whose 4·depth numbers it holds in registers while it walks down the
rows, one at a step: with more, Triton would give it several channels and spill at depth 16. The
backward keeps the values W_i of its row and 2·depth sums beside them.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,assignment"
# ruff: noqa: RUF005 (Triton compiles no `*` in a tuple)

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

THREADS = 128
ROWS_OF_ONE_CHANNEL = 4  # a thread's in a step of the forward: 16 bytes in float32


@triton.jit
def _reciprocal(a):
    """1/a rounded once: `/` is 2 ulp off in float32."""
    one = tl.full(a.shape, 1.0, a.dtype)
    return tl.div_rn(one, a) if a.dtype == tl.float32 else one / a


@triton.jit
def _numbers(peaks, scales, channel, inside, DEPTH: tl.constexpr, COMPUTE: tl.constexpr):
    """a_i, 1/a_i, 1/(1 − a_i) and s_i for i = 0, 1, …, one after the other."""
    numbers = ()
    for i in tl.static_range(DEPTH):
        a = tl.load(peaks + channel * DEPTH + i, mask=inside, other=0.5).to(COMPUTE)
        s = tl.load(scales + channel * DEPTH + i, mask=inside, other=0.0).to(COMPUTE)
        numbers = numbers + (a, _reciprocal(a), _reciprocal(1.0 - a), s)
    return numbers


@triton.jit
def _triangle(v, a, rise, fall):
    """T_a(v). The maximum lets NaN through."""
    w = tl.where(v <= a, v * rise, (1.0 - v) * fall)
    return tl.maximum(w, tl.zeros_like(w), propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def _place(channels, steps, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr):
    """A program's number among those of its channels, its first row, its channels, its tile.

    The tile's rows count from 0, its places in memory from the first row's beginning.
    """
    blocks = tl.cdiv(channels, BLOCK_C)
    program = (tl.program_id(0) // blocks).to(tl.int64)
    channel = (tl.program_id(0) % blocks).to(tl.int64) * BLOCK_C + tl.arange(0, BLOCK_C)[None, :]
    row = tl.arange(0, BLOCK_R)[:, None]
    place = row.to(tl.int64) * channels + channel
    return program, program * steps * BLOCK_R, channel, row, place


@triton.jit
def _forward(x, y, at, mask, numbers, DEPTH: tl.constexpr):
    v = tl.load(x + at, mask=mask).to(numbers[0].dtype)
    total = tl.zeros_like(v)
    for i in tl.static_range(DEPTH):
        v = _triangle(v, numbers[4 * i], numbers[4 * i + 1], numbers[4 * i + 2])
        total += numbers[4 * i + 3] * v
    tl.store(y + at, total.to(y.dtype.element_ty), mask=mask)


def _metadata(grid: Any, metadata: Any, args: dict[str, Any]) -> dict[str, Any]:
    """What a profiler is told: the bytes that must move."""
    moved = [args[name] for name in ("g", "x", "y", "gx") if name in args]
    size = sum(args["rows"] * args["channels"] * tensor.element_size() for tensor in moved)
    return {"name": metadata.name, "bytes": size}


# Rows and steps are not specialised: one binary serves every batch.
@triton.jit(do_not_specialize=["rows", "steps"], launch_metadata=_metadata)
def cascade_kernel(
    x,
    peaks,
    scales,
    y,
    rows,
    channels,
    steps,
    DEPTH: tl.constexpr,
    WHOLE: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """x, y: (rows, channels), peaks, scales: (channels, DEPTH), row-major; y may be x.

    A program has steps·BLOCK_R rows of BLOCK_C channels; WHOLE says that BLOCK_C divides channels.
    """
    COMPUTE: tl.constexpr = tl.float64 if x.dtype.element_ty == tl.float64 else tl.float32
    _, first, channel, row, place = _place(channels, steps, BLOCK_R, BLOCK_C)
    inside = channel < channels
    numbers = _numbers(peaks, scales, channel, inside, DEPTH, COMPUTE)
    end = tl.minimum(first + steps * BLOCK_R, rows)
    # A mask that the rows do not align would split the 16-byte accesses of every step.
    for _ in range((end - first) // BLOCK_R):
        at, mask = first * channels + place, None if WHOLE else inside
        _forward(x, y, at, mask, numbers, DEPTH)
        first += BLOCK_R
    if first < end:
        at, mask = first * channels + place, inside & (row < end - first)
        _forward(x, y, at, mask, numbers, DEPTH)


@triton.jit
def _backward(g, x, numbers, of_peaks, of_scales, DEPTH: tl.constexpr):
    """gx, and the sums with this row's shares added: W_i first, then from the last to the first."""
    values = (x,)
    for i in tl.static_range(DEPTH):
        values = values + (
            _triangle(values[i], numbers[4 * i], numbers[4 * i + 1], numbers[4 * i + 2]),
        )
    e = tl.zeros_like(g)
    peaks, scales = (), ()
    for i in tl.static_range(DEPTH - 1, -1, -1):
        w = values[i + 1]
        slope = tl.where(values[i] <= numbers[4 * i], numbers[4 * i + 1], -numbers[4 * i + 2])
        e += g * numbers[4 * i + 3]
        peaks = (of_peaks[i] - e * (w * slope),) + peaks
        scales = (of_scales[i] + g * w,) + scales
        e = tl.where(w > 0, e * slope, 0.0)
    return tl.where(x != x, x, e), peaks, scales


@triton.jit
def _zeros(DEPTH: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr, T: tl.constexpr):
    sums = ()
    for _ in tl.static_range(DEPTH):
        sums = sums + (tl.zeros((BLOCK_R, BLOCK_C), T),)
    return sums


@triton.jit(do_not_specialize=["rows", "steps"], launch_metadata=_metadata)
def cascade_backward_kernel(
    g,
    x,
    peaks,
    scales,
    gx,
    of_peaks,
    of_scales,
    rows,
    channels,
    steps,
    DEPTH: tl.constexpr,
    BLOCK_R: tl.constexpr,
    BLOCK_C: tl.constexpr,
):
    """As :func:`cascade_kernel`; g, gx: as x, of_peaks, of_scales: (programs, channels, DEPTH).

    The gradients of peaks and scales are the sums of of_peaks and of_scales over the programs.
    """
    COMPUTE: tl.constexpr = tl.float64 if x.dtype.element_ty == tl.float64 else tl.float32
    program, first, channel, row, place = _place(channels, steps, BLOCK_R, BLOCK_C)
    inside = channel < channels
    numbers = _numbers(peaks, scales, channel, inside, DEPTH, COMPUTE)
    sums_of_peaks = _zeros(DEPTH, BLOCK_R, BLOCK_C, COMPUTE)
    sums_of_scales = _zeros(DEPTH, BLOCK_R, BLOCK_C, COMPUTE)
    for _ in range(tl.minimum(steps, tl.cdiv(rows - first, BLOCK_R)).to(tl.int32)):
        start, mask = first * channels, inside & (row < rows - first)
        # Where there is no element, g = x = 0 adds 0 to the sums.
        some_g = tl.load(g + start + place, mask=mask, other=0.0).to(COMPUTE)
        some_x = tl.load(x + start + place, mask=mask, other=0.0).to(COMPUTE)
        some_gx, sums_of_peaks, sums_of_scales = _backward(
            some_g, some_x, numbers, sums_of_peaks, sums_of_scales, DEPTH
        )
        tl.store(gx + start + place, some_gx.to(gx.dtype.element_ty), mask=mask)
        first += BLOCK_R
    at = (program * channels + channel) * DEPTH
    for i in tl.static_range(DEPTH):
        tl.store(of_peaks + at + i, tl.sum(sums_of_peaks[i], 0, keep_dims=True), mask=inside)
        tl.store(of_scales + at + i, tl.sum(sums_of_scales[i], 0, keep_dims=True), mask=inside)
