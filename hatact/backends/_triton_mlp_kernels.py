"""A network of linear layers and one activation: a tile of rows goes through all of them.

What a layer makes stays in registers, as blocks of COLS columns: the next layer's products take it
from there. Its weights come from the L2 cache. One binary serves every depth and batch.

The backward is two kernels. The first takes the gradient of y down the layers and stores that of
each pre-activation; the second, a product of matrices over the rows, makes the gradients of the
weights from these, f(z) being computed as z is read: no activation is ever stored.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,assignment"
# ruff: noqa: RUF005 (Triton compiles no `*` in a tuple)

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

from hatact.backends._triton_kernels import evaluate, reduced


@triton.jit
def _weights(
    w, k, n, w_k, w_n, most_k, most_n, K: tl.constexpr, N: tl.constexpr, WHOLE: tl.constexpr
):
    """The operand B[k, n] = w[k·w_k + n·w_n] from (k, n) on, zero beyond most_k and most_n."""
    rows, columns = tl.arange(0, K)[:, None], tl.arange(0, N)[None, :]
    # The same offsets from another start for every block: those of each would fill the registers.
    at = w + (k * w_k + n * w_n) + (rows * w_k + columns * w_n)
    if WHOLE:
        return tl.load(at)
    return tl.load(at, mask=(rows < most_k - k) & (columns < most_n - n), other=0.0)


@triton.jit
def _times(
    h,
    w,
    n,
    w_k,
    w_n,
    most_n,
    HIDDEN: tl.constexpr,
    BLOCK: tl.constexpr,
    COLS: tl.constexpr,
    N: tl.constexpr,
    WHOLE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """h·B in float32, for the columns of B from n on; h: blocks of columns, HIDDEN in all."""
    total = tl.zeros((BLOCK, N), tl.float32)
    for i in tl.static_range(len(h)):
        b = _weights(w, i * COLS, n, w_k, w_n, HIDDEN, most_n, COLS, N, WHOLE)
        total = tl.dot(h[i], b, total, input_precision=PRECISION)
    return total


@triton.jit
def _times_rows(
    x,
    w,
    size,
    n,
    w_k,
    w_n,
    rows,
    HIDDEN: tl.constexpr,
    BLOCK: tl.constexpr,
    N: tl.constexpr,
    SIZE: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """x·B in float32, of an x in memory with `size` columns, in steps of SIZE."""
    row, k = tl.arange(0, BLOCK)[:, None], tl.arange(0, SIZE)[None, :]
    total = tl.zeros((BLOCK, N), tl.float32)
    for first in range(0, size, SIZE):
        a = tl.load(x + row * size + first + k, mask=(row < rows) & (first + k < size), other=0.0)
        b = _weights(w, first, n, w_k, w_n, size, HIDDEN, SIZE, N, False)
        total = tl.dot(a, b, total, input_precision=PRECISION)
    return total


@triton.jit
def _bias(bias, n, most_n, N: tl.constexpr, WHOLE: tl.constexpr):
    """N numbers from n on, as a row in float32."""
    columns = n + tl.arange(0, N)
    if WHOLE:
        found = tl.load(bias + columns)
    else:
        found = tl.load(bias + columns, mask=columns < most_n, other=0.0)
    return found.to(tl.float32)[None, :]


@triton.jit
def _place(n, rows, HIDDEN: tl.constexpr, BLOCK: tl.constexpr, COLS: tl.constexpr):
    """Where a block lies from its first number, of column n, on, and what there is of it."""
    row, column = tl.arange(0, BLOCK)[:, None], tl.arange(0, COLS)[None, :]
    mask = row < rows
    if HIDDEN % COLS != 0:
        mask = mask & (column < HIDDEN - n)
    return row * HIDDEN + column, mask


@triton.jit
def _activation(
    z,
    T: tl.constexpr,
    n,
    KNOTS: tl.constexpr,
    PIECES: tl.constexpr,
    PERIOD: tl.constexpr,
    HIDDEN: tl.constexpr,
    COLS: tl.constexpr,
):
    """f(z) in T; zero beyond HIDDEN, where f(0) need not be a number that 0·f(0) forgets."""
    h = evaluate(reduced(z.to(tl.float32), KNOTS, PERIOD), KNOTS, PIECES, PERIOD).to(T)
    if HIDDEN % COLS != 0:
        h = tl.where(n + tl.arange(0, COLS)[None, :] < HIDDEN, h, tl.zeros_like(h))
    return h


@triton.jit
def _first_layer(
    x,
    w,
    bias,
    n,
    inputs,
    rows,
    HIDDEN: tl.constexpr,
    BLOCK: tl.constexpr,
    COLS: tl.constexpr,
    IN: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """z of the first layer's columns from n on, rounded as it is stored."""
    z = _times_rows(x, w, inputs, n, 1, inputs, rows, HIDDEN, BLOCK, COLS, IN, PRECISION)
    if bias is not None:
        z += _bias(bias, n, HIDDEN, COLS, HIDDEN % COLS == 0)
    return z.to(x.dtype.element_ty)


def _metadata(grid: Any, metadata: Any, args: dict[str, Any]) -> dict[str, Any]:
    """What a profiler is told: the multiplications and additions of one pass over the layers."""
    hidden, layers = args["HIDDEN"], args["layers"]
    weights = hidden * (args["inputs"] + args["outputs"] + layers * hidden)
    return {"name": metadata.name, "flops": 2 * args["rows"] * weights}


@triton.jit(do_not_specialize=["rows", "layers"], launch_metadata=_metadata)
def forward_kernel(
    x,
    first,
    hidden,
    last,
    biases,
    of_last,
    y,
    kept,
    rows,
    inputs,
    outputs,
    layers,
    KNOTS: tl.constexpr,
    PIECES: tl.constexpr,
    PERIOD: tl.constexpr,
    FIRST_KEPT: tl.constexpr,
    PRECISION: tl.constexpr,
    HIDDEN: tl.constexpr,
    COLS: tl.constexpr,
    IN: tl.constexpr,
    OUT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """x: (rows, inputs), first: (HIDDEN, inputs), hidden: (layers, HIDDEN, HIDDEN), last: (outputs,
    HIDDEN), biases: (layers + 1, HIDDEN), of_last: (outputs,) or both None → y: (rows, outputs),
    kept: (layers + 1 − FIRST_KEPT, rows, HIDDEN) or None. All row-major.
    """
    T: tl.constexpr = x.dtype.element_ty
    BLOCKS: tl.constexpr = (HIDDEN + COLS - 1) // COLS
    WHOLE: tl.constexpr = HIDDEN % COLS == 0
    start = tl.program_id(0).to(tl.int64) * BLOCK
    here = tl.minimum(rows - start, BLOCK).to(tl.int32)
    size = rows.to(tl.int64) * HIDDEN
    x += start * inputs
    if kept is not None:
        kept += start * HIDDEN
    h = ()
    for j in tl.static_range(BLOCKS):
        z = _first_layer(
            x, first, biases, j * COLS, inputs, here, HIDDEN, BLOCK, COLS, IN, PRECISION
        )
        if kept is not None and FIRST_KEPT == 0:
            at, mask = _place(j * COLS, here, HIDDEN, BLOCK, COLS)
            tl.store(kept + j * COLS + at, z, mask=mask)
        h = h + (_activation(z, T, j * COLS, KNOTS, PIECES, PERIOD, HIDDEN, COLS),)
    if kept is not None and FIRST_KEPT == 0:
        kept += size
    for _ in range(layers):
        following = ()
        if biases is not None:
            biases += HIDDEN
        for j in tl.static_range(BLOCKS):
            total = _times(
                h, hidden, j * COLS, 1, HIDDEN, HIDDEN, HIDDEN, BLOCK, COLS, COLS, WHOLE, PRECISION
            )
            if biases is not None:
                total += _bias(biases, j * COLS, HIDDEN, COLS, WHOLE)
            z = total.to(T)
            if kept is not None:
                at, mask = _place(j * COLS, here, HIDDEN, BLOCK, COLS)
                tl.store(kept + j * COLS + at, z, mask=mask)
            following = following + (
                _activation(z, T, j * COLS, KNOTS, PIECES, PERIOD, HIDDEN, COLS),
            )
        h = following
        hidden += HIDDEN * HIDDEN
        if kept is not None:
            kept += size
    row = tl.arange(0, BLOCK)[:, None]
    y += start * outputs
    for n in range(0, outputs, OUT):
        product = _times(h, last, n, 1, HIDDEN, outputs, HIDDEN, BLOCK, COLS, OUT, False, PRECISION)
        if of_last is not None:
            product += _bias(of_last, n, outputs, OUT, False)
        column = n + tl.arange(0, OUT)[None, :]
        tl.store(y + row * outputs + column, product.to(T), mask=(row < here) & (column < outputs))


@triton.jit
def _through(
    g, z, z_at, gz_at, mask, KNOTS: tl.constexpr, SLOPES: tl.constexpr, PERIOD: tl.constexpr
):
    """g·f′(z) of a block of columns, in z's dtype, stored too unless gz_at is None."""
    slope = evaluate(reduced(z.to(tl.float32), KNOTS, PERIOD), KNOTS, SLOPES, PERIOD)
    gz = (g * slope).to(z.dtype)
    # Beyond what there is: zero, whatever f′(0) is.
    gz = tl.where(mask, gz, tl.zeros_like(gz))
    if z_at is not None:
        tl.store(z_at, z, mask=mask)
    if gz_at is not None:
        tl.store(gz_at, gz, mask=mask)
    return gz


@triton.jit(do_not_specialize=["rows", "layers"], launch_metadata=_metadata)
def backward_kernel(
    g,
    x,
    first,
    hidden,
    last,
    of_first,
    kept,
    z0,
    gz,
    gx,
    rows,
    inputs,
    outputs,
    layers,
    KNOTS: tl.constexpr,
    SLOPES: tl.constexpr,
    PERIOD: tl.constexpr,
    AGAIN: tl.constexpr,
    DEEP: tl.constexpr,
    PRECISION: tl.constexpr,
    HIDDEN: tl.constexpr,
    COLS: tl.constexpr,
    IN: tl.constexpr,
    OUT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """g: (rows, outputs), z0: (rows, HIDDEN) or None, gz: (layers + 1, rows, HIDDEN) or None, gx:
    as x or None; else as forward_kernel.

    AGAIN says that kept is without the first layer, which is computed again, and z0 stored;
    DEEP that there are hidden layers, layers > 0.
    """
    BLOCKS: tl.constexpr = (HIDDEN + COLS - 1) // COLS
    WHOLE: tl.constexpr = HIDDEN % COLS == 0
    T: tl.constexpr = x.dtype.element_ty
    start = tl.program_id(0).to(tl.int64) * BLOCK
    here = tl.minimum(rows - start, BLOCK).to(tl.int32)
    size = rows.to(tl.int64) * HIDDEN
    g += start * outputs
    x += start * inputs
    top = layers - 1 if AGAIN else layers  # of kept, the last hidden layer
    kept += start * HIDDEN + top * size
    if gz is not None:
        gz += start * HIDDEN + layers * size
    if z0 is not None:
        z0 += start * HIDDEN
    hidden += layers.to(tl.int64) * HIDDEN * HIDDEN

    some = ()
    for j in tl.static_range(BLOCKS):
        some = some + (
            _times_rows(
                g, last, outputs, j * COLS, HIDDEN, 1, here, HIDDEN, BLOCK, COLS, OUT, PRECISION
            ),
        )
    if DEEP:
        held = ()
        for j in tl.static_range(BLOCKS):
            at, mask = _place(j * COLS, here, HIDDEN, BLOCK, COLS)
            z = tl.load(kept + j * COLS + at, mask=mask, other=0.0)
            held = held + (
                _through(
                    some[j],
                    z,
                    None,
                    None if gz is None else gz + j * COLS + at,
                    mask,
                    KNOTS,
                    SLOPES,
                    PERIOD,
                ),
            )
        # The first layer is left to what follows.
        for _ in range(layers - 1):
            hidden -= HIDDEN * HIDDEN
            kept -= size
            if gz is not None:
                gz -= size
            following = ()
            for j in tl.static_range(BLOCKS):
                total = _times(
                    held,
                    hidden,
                    j * COLS,
                    HIDDEN,
                    1,
                    HIDDEN,
                    HIDDEN,
                    BLOCK,
                    COLS,
                    COLS,
                    WHOLE,
                    PRECISION,
                )
                at, mask = _place(j * COLS, here, HIDDEN, BLOCK, COLS)
                z = tl.load(kept + j * COLS + at, mask=mask, other=0.0)
                following = following + (
                    _through(
                        total,
                        z,
                        None,
                        None if gz is None else gz + j * COLS + at,
                        mask,
                        KNOTS,
                        SLOPES,
                        PERIOD,
                    ),
                )
            held = following
        hidden -= HIDDEN * HIDDEN
        kept -= size
        if gz is not None:
            gz -= size
    following = ()
    for j in tl.static_range(BLOCKS):
        if DEEP:
            total = _times(
                held,
                hidden,
                j * COLS,
                HIDDEN,
                1,
                HIDDEN,
                HIDDEN,
                BLOCK,
                COLS,
                COLS,
                WHOLE,
                PRECISION,
            )
        else:
            total = some[j]
        at, mask = _place(j * COLS, here, HIDDEN, BLOCK, COLS)
        if AGAIN:
            z = _first_layer(
                x, first, of_first, j * COLS, inputs, here, HIDDEN, BLOCK, COLS, IN, PRECISION
            )
        else:
            z = tl.load(kept + j * COLS + at, mask=mask, other=0.0)
        following = following + (
            _through(
                total,
                z,
                None if z0 is None else z0 + j * COLS + at,
                None if gz is None else gz + j * COLS + at,
                mask,
                KNOTS,
                SLOPES,
                PERIOD,
            ),
        )
    if gx is not None:
        row = tl.arange(0, BLOCK)[:, None]
        gx += start * inputs
        for n in range(0, inputs, IN):
            product = _times(
                following, first, n, inputs, 1, inputs, HIDDEN, BLOCK, COLS, IN, False, PRECISION
            )
            column = n + tl.arange(0, IN)[None, :]
            tl.store(
                gx + row * inputs + column, product.to(T), mask=(row < here) & (column < inputs)
            )


ONES = tl.constexpr(16)  # columns, all alike: with 8 the product is none of warp groups


def _of_rows(grid: Any, metadata: Any, args: dict[str, Any]) -> dict[str, Any]:
    """What a profiler is told of products over the rows."""
    layers = grid[2] if len(grid) > 2 else 1
    return {"name": metadata.name, "flops": 2 * args["rows"] * layers * args["M"] * args["N"]}


@triton.jit(do_not_specialize=["rows", "steps"], launch_metadata=_of_rows)
def parameters_kernel(
    a,
    b,
    b0,
    sums,
    rows,
    steps,
    M: tl.constexpr,
    N: tl.constexpr,
    KNOTS: tl.constexpr,
    PIECES: tl.constexpr,
    PERIOD: tl.constexpr,
    BIAS: tl.constexpr,
    SUMMED: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    ROWS: tl.constexpr,
):
    """sums[split, layer] = aᵀ·f(b) over a split's rows and, if BIAS, behind it the sums of a.

    a: (layers, rows, M), b: (layers, rows, N), row-major; without KNOTS it is b itself in f(b)'s
    place. If b0 is not None, it is the first layer's b, and b those of the others. A split has
    steps·ROWS rows; sums: (splits, layers, M·N + M), or M·N. Grid: blocks, splits, layers.
    SUMMED says that the sums of a are no products with ones.
    """
    COLUMNS: tl.constexpr = (N + BLOCK_N - 1) // BLOCK_N
    i, j = tl.program_id(0) // COLUMNS, tl.program_id(0) % COLUMNS
    split, layer = tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    first = split * steps * ROWS
    a += (layer * rows + first) * M
    if b0 is not None:
        b = tl.where(layer == 0, b0, b + (layer - 1) * rows * N) + first * N
        if N % 8 == 0:  # of a chosen pointer Triton knows no alignment
            b = tl.multiple_of(b, 16)
    else:
        b += (layer * rows + first) * N
    m, n = i * BLOCK_M + tl.arange(0, BLOCK_M), j * BLOCK_N + tl.arange(0, BLOCK_N)
    row = tl.arange(0, ROWS)
    at_a, at_b = row[None, :] * M + m[:, None], row[:, None] * N + n[None, :]
    found = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    ALIKE: tl.constexpr = 1 if SUMMED else ONES  # columns of the bias's gradient
    ones = tl.full((ROWS, ONES), 1.0, a.dtype.element_ty)
    of_bias = tl.zeros((BLOCK_M, ALIKE), tl.float32)
    here = tl.minimum(rows - first, steps * ROWS).to(tl.int32)
    for start in range(0, here, ROWS):
        of_a, of_b = row[None, :] < here - start, row[:, None] < here - start
        if M % BLOCK_M != 0:
            of_a = of_a & (m < M)[:, None]
        if N % BLOCK_N != 0:
            of_b = of_b & (n < N)[None, :]
        some_a = tl.load(a + at_a, mask=of_a, other=0.0)
        some_b = tl.load(b + at_b, mask=of_b, other=0.0)
        # Of a tile that a sum reads too, Triton's pipeline makes one buffer too few for a product
        # of warp groups in flight: the next copy would overwrite its operand (triton#7110).
        if BIAS and not SUMMED:
            of_bias = tl.dot(some_a, ones, of_bias, input_precision=PRECISION)
        if len(KNOTS) > 0:
            value = evaluate(reduced(some_b.to(tl.float32), KNOTS, PERIOD), KNOTS, PIECES, PERIOD)
            some_b = tl.where(of_b, value.to(some_b.dtype), tl.zeros_like(some_b))
        elif BIAS and some_b.dtype == tl.float32:
            # Out of registers, as f(b) comes: such a product is waited for before the next copy.
            some_b = tl.where(of_b, some_b, tl.zeros_like(some_b))
        found = tl.dot(some_a, some_b, found, input_precision=PRECISION)
        if BIAS and SUMMED:
            of_bias += tl.sum(some_a.to(tl.float32), 1, keep_dims=True)
        a += ROWS * M
        b += ROWS * N
    sums += (split * tl.num_programs(2) + layer) * (M * N + M if BIAS else M * N)
    place = sums + m[:, None] * N + n[None, :]
    tl.store(place, found, mask=(m < M)[:, None] & (n < N)[None, :])
    if BIAS:
        column = tl.arange(0, ALIKE)[None, :]
        place = sums + M * N + m[:, None] + column
        tl.store(place, of_bias, mask=(m < M)[:, None] & (column == 0) & (j == 0))
