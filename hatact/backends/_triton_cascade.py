"""The triangle cascades of the Triton backend: checks, layouts, launches."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from hatact import reference_cascade
from hatact._checks import compute_dtype, empty_like
from hatact.backends._triton_elementwise import guard

MOST_DEPTH = 32  # there a backward in float32 has all 255 registers of sm_90, and spills 8 bytes
_CHANNELS = 32  # of a program: a warp's, 128 bytes in float32
_STEPS = 8  # a program's divisions and its sums' last additions are then a small share
# Programs that occupy a device, and the most; more than the first only of _STEPS steps or above.
# Reasoned from register counts, not measured: no GPU was at hand.
_FULL, _MOST = 1024, 4096


class Partition(NamedTuple):
    """Tiles of rows × channels, the tiles of a program down the rows, and the programs."""

    rows: int
    channels: int
    steps: int
    programs: int  # down the rows
    blocks: int  # across the channels


def partition(rows: int, channels: int, elements: int) -> Partition:
    """Which rows a program sums: of the shape alone, so that the sums are the same every time."""
    wide = min(_CHANNELS, 1 << (channels - 1).bit_length())
    high = elements // wide
    blocks, tiles = -(-channels // wide), -(-rows // high)
    steps = max(-(-tiles * blocks // _MOST), min(_STEPS, -(-tiles * blocks // _FULL)))
    return Partition(high, wide, steps, -(-tiles // steps), blocks)


def _launch(kernel: Any, x: Tensor, p: Partition, *args: Any) -> None:
    from hatact.backends._triton_cascade_kernels import THREADS

    with guard(x):
        # The default of fp fusion differs between Triton versions; a fused step is nearer to F.
        kernel[(p.programs * p.blocks,)](
            *args,
            BLOCK_R=p.rows,
            BLOCK_C=p.channels,
            num_warps=THREADS // (64 if torch.version.hip else 32),
            enable_fp_fusion=True,
        )


def triangle_cascade(x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
    """F(x) = Σ_i s_i·(T_{a_i} ∘ … ∘ T_{a_0})(x), channel by channel; 0 outside [0, 1].

    Shapes: x: (*, channels), peaks, scales: (channels, depth) → (*, channels), with x's dense
    strides. Half types compute in float32 and round once. Values at peaks, ±inf and NaN as in
    :func:`hatact.reference_cascade.triangle_cascade`, which also serves depths above 32.

    Cost: x read once, y written once; an x that is not row-major costs a copy, and a y that is
    not, another. The first call for a depth, a dtype and a device compiles.

    Raises:
        ValueError: for shapes, dtypes or devices that do not match.
    """
    reference_cascade.check_cascade(x, peaks, scales)
    y = empty_like(x)
    channels, depth = peaks.shape
    if depth > MOST_DEPTH:
        return y.copy_(reference_cascade.triangle_cascade(x, peaks, scales))
    if x.numel() == 0:
        return y
    rows = x.contiguous()
    out = y if y.is_contiguous() else rows

    from hatact.backends._triton_cascade_kernels import ROWS_OF_ONE_CHANNEL, THREADS, cascade_kernel

    n = x.numel() // channels
    p = partition(n, channels, THREADS * (ROWS_OF_ONE_CHANNEL if channels == 1 else 1))
    args = rows, peaks.contiguous(), scales.contiguous(), out, n, channels, p.steps, depth
    _launch(cascade_kernel, x, p, *args, channels % p.channels == 0)
    return y if out is y else y.copy_(out)


def triangle_cascade_backward(
    g: Tensor, x: Tensor, peaks: Tensor, scales: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of Σ g·F(x) for x, peaks and scales.

    Shapes: g: as x → as x, with its dense strides, and (channels, depth) twice. The sums are of
    the compute dtype, in an order that the shape alone decides. Else as :func:`triangle_cascade`.

    Cost: g and x read once, gx written once, up to 4096 programs' sums for each peak and scale;
    copies for what is not row-major.

    Raises:
        ValueError: for shapes, dtypes or devices that do not match.
    """
    reference_cascade.check_cascade(x, peaks, scales)
    reference_cascade.check_gradient(g, x)
    gx = empty_like(x)
    channels, depth = peaks.shape
    if depth > MOST_DEPTH:
        found, *sums = reference_cascade.triangle_cascade_backward(g, x, peaks, scales)
        return gx.copy_(found), sums[0], sums[1]
    if x.numel() == 0:
        ga, gs = (torch.zeros(t.shape, dtype=t.dtype, device=t.device) for t in (peaks, scales))
        return gx, ga, gs
    rows = x.contiguous()
    out = gx if gx.is_contiguous() else rows

    from hatact.backends._triton_cascade_kernels import THREADS, cascade_backward_kernel

    n = x.numel() // channels
    p = partition(n, channels, THREADS)
    shares = [x.new_empty((p.programs, channels, depth), dtype=compute_dtype(x)) for _ in "as"]
    args = g.contiguous(), rows, peaks.contiguous(), scales.contiguous(), out, *shares
    _launch(cascade_backward_kernel, x, p, *args, n, channels, p.steps, depth)
    ga, gs = (share.sum(0).to(p.dtype) for share, p in zip(shares, (peaks, scales), strict=True))
    return (gx if out is gx else gx.copy_(out)), ga, gs
