"""f(x·Wᵀ + b) with its slope code: a matrix product whose epilogue is the activation."""

# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from hatact.backends._triton_kernels import evaluate, piece_code, reduced

ROWS_OF_TILES = tl.constexpr(8)  # programs that run together share columns of W in the L2 cache


@triton.jit
def _tile_of(program, M, N, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """A program's tile (i, j): down ROWS_OF_TILES rows, then to the next column."""
    rows, columns = tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N)
    band = program // (ROWS_OF_TILES * columns)
    first = band * ROWS_OF_TILES
    height = min(rows - first, ROWS_OF_TILES)
    within = program % (ROWS_OF_TILES * columns)
    return first + within % height, within // height


@triton.jit
def _product(x, w, K, PRECISION: tl.constexpr, WHOLE: tl.constexpr, BLOCK_K: tl.constexpr):
    """Σ_k x[:, k]·w[k, :] in float32; x and w point at the first BLOCK_K of K columns and rows."""
    total = tl.zeros((x.shape[0], w.shape[1]), tl.float32)
    k = tl.arange(0, BLOCK_K)
    for start in range(0, K, BLOCK_K):
        if WHOLE:
            a, b = tl.load(x), tl.load(w)
        else:
            a = tl.load(x, mask=k[None, :] < K - start, other=0.0)
            b = tl.load(w, mask=k[:, None] < K - start, other=0.0)
        total = tl.dot(a, b, total, input_precision=PRECISION)
        x += BLOCK_K
        w += BLOCK_K
    return total


def _metadata(grid: Any, metadata: Any, args: dict[str, Any]) -> dict[str, Any]:
    """What a profiler is told: the multiplications and additions, the bytes that must move."""
    m, n, k = args["M"], args["N"], args["K"]
    moved = m * k + n * k + m * n + (n if args["bias"] is not None else 0)
    size = moved * args["x"].element_size() + args["code"].numel()
    return {"name": metadata.name, "flops": 2 * m * n * k, "bytes": size}


# M is not specialised: one binary serves every batch.
@triton.jit(do_not_specialize=["M"], launch_metadata=_metadata)
def linear_act_kernel(
    x,
    weight,
    bias,
    y,
    code,
    M,
    N,
    K,
    x_row,
    w_row,
    KNOTS: tl.constexpr,
    PIECES: tl.constexpr,
    PERIOD: tl.constexpr,
    CODES: tl.constexpr,
    BITS: tl.constexpr,
    PRECISION: tl.constexpr,
    WHOLE: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """x: (M, K), weight: (N, K), of rows x_row and w_row apart; y: (M, N) row-major; 8 divides N.

    PRECISION is that of a float32 product; WHOLE says that BLOCK_K divides K.
    """
    i, j = _tile_of(tl.program_id(0), M, N, BLOCK_M, BLOCK_N)
    m = i * BLOCK_M + tl.arange(0, BLOCK_M)
    n = j * BLOCK_N + tl.arange(0, BLOCK_N)
    k = tl.arange(0, BLOCK_K)
    # Rows beyond the last are the first again: loads need no mask, and stores leave them out.
    row, column = (m % M).to(tl.int64), (n % N).to(tl.int64)
    a = x + row[:, None] * x_row + k[None, :]
    b = weight + column[None, :] * w_row + k[:, None]
    z = _product(a, b, K, PRECISION, WHOLE, BLOCK_K)
    if bias is not None:
        z += tl.load(bias + column).to(tl.float32)[None, :]
    z = reduced(z, KNOTS, PERIOD)

    m = m.to(tl.int64)
    each = piece_code(z, KNOTS, PERIOD, CODES)
    groups = tl.reshape(each, (BLOCK_M, BLOCK_N // 8, 8)) << tl.arange(0, 8)[None, None, :]
    word = tl.sum(groups, 2)
    group = j * (BLOCK_N // 8) + tl.arange(0, BLOCK_N // 8)
    at = (m[:, None] * (N // 8) + group[None, :]) * BITS
    mask = (m[:, None] < M) & (group[None, :] * 8 < N)
    for p in tl.static_range(BITS):
        tl.store(code + at + p, (word >> 8 * p).to(tl.uint8), mask=mask)
    value = evaluate(z, KNOTS, PIECES, PERIOD).to(y.dtype.element_ty)
    tl.store(y + m[:, None] * N + n[None, :], value, mask=(m[:, None] < M) & (n[None, :] < N))
