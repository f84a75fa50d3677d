"""The whole network of the Triton backend: checks, packing, launches."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from hatact import reference_mlp
from hatact._bounded import BoundedCache
from hatact._checks import compute_dtype
from hatact.backends._triton_elementwise import guard, ppoly
from hatact.backends._triton_mlp_rules import (
    IF_NONE_FITS,
    configs_for,
    mlp_unfused,
    precision,
    side,
    sizes,
    summed,
)
from hatact.backends._triton_numbers import Constants, constants
from hatact.backends._triton_tuning import Config, Launch, launch_best
from hatact.reference_mlp import FUSED_WIDTHS, Shape

_LONG = 2**16  # rows from which a launch is tuned for many
# Of the sums over the rows: rows of a step, and programs that occupy a device. What a split is
# follows from sizes alone, so that the sums are the same on every run. Reasoned, not measured.
_STEP, _PROGRAMS, _LEAST_ROWS = 64, 512, 1024
_log = logging.getLogger("hatact")


# Rows of a step and warps are no choice: with others, sums would be of other parts.
_OF_PARAMETERS = Config(_STEP, 4, 3), Config(_STEP, 4, 2), Config(_STEP, 4, 1)


def _takes(shape: Shape, x: Tensor) -> bool:
    return shape.hidden in FUSED_WIDTHS and mlp_unfused(shape.hidden, x.dtype) is None


def _key(kernel: str, shape: Shape, x: Tensor, rows: int, bias: bool, f: Constants) -> str:
    """What decides over a kernel's code and its load, for the cache of launches."""
    layers = f"{shape.inputs}-{shape.hidden}x{shape.depth - 1}-{shape.outputs}"
    dtype = str(x.dtype).removeprefix("torch.")
    return (
        f"{kernel}/{layers}{', bias' * bias}/{dtype}, {precision(x.dtype)}/"
        f"{'many' if rows >= _LONG else 'few'} rows/{_digest(f)}"
    )


@BoundedCache
def _digest(f: Constants) -> str:
    return hashlib.sha256(repr(f).encode()).hexdigest()[:8]


def _launched(key: str, x: Tensor, hidden: int, launch: Launch, inference: bool = False) -> bool:
    """Whether a launch of a tile of rows fits."""
    found = launch_best(key, x.device, configs_for(x, hidden, inference), launch)
    return bool(found or launch_best(f"{key}/small", x.device, IF_NONE_FITS, launch))


@lru_cache(maxsize=256)
def _say_once(shape: Shape, device: str, why: str) -> None:
    _log.debug("an MLP %s runs layer by layer on %s: %s", shape, device, why)


_TOO_LARGE = "no launch of the kernels fits"
_TOO_LONG = (
    "its activation has more pieces, a higher degree or smaller numbers than the kernels take"
)


def _stacked(tensors: Sequence[Tensor], like: Tensor) -> Tensor:
    return torch.stack(list(tensors)) if tensors else like


def _aligned(t: Tensor) -> Tensor:
    """t row-major and at a multiple of 16 bytes."""
    t = t.contiguous()
    return t.clone() if t.data_ptr() % 16 else t


def mlp_forward(
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
    keep: bool = True,
) -> tuple[Tensor, Tensor]:
    """The output of a network, and the pre-activations that its backward needs, or none of them.

    As :func:`hatact.reference_mlp.mlp_forward`, in one kernel; in what :func:`mlp_unfused` refuses,
    layer by layer on this backend. Sums are of float32; a pre-activation is rounded to x's dtype.

    Cost: x read once, y and what is kept written once; the weights of hidden layers are packed,
    and x copied where it is not row-major. The first call for a width, a spec, a dtype and a
    device compiles, and tries a few launches.

    Raises:
        ValueError: for shapes, dtypes or devices that do not match.
    """
    args = (x, weights, biases, knots, coeffs, period)
    shape = reference_mlp.check_mlp(x, weights, biases)
    numbers = constants(tuple(knots), tuple(coeffs), period, compute_dtype(x))
    rows = prod(x.shape[:-1])
    if numbers is None:
        _say_once(shape, str(x.device), _TOO_LONG)
    if numbers is None or not _takes(shape, x) or 0 in (rows, *shape):
        return reference_mlp.mlp_forward(ppoly, *args, keep)
    y = x.new_empty(*x.shape[:-1], shape.outputs)
    kept = x.new_empty(shape.kept_layers if keep else 0, rows, shape.hidden)

    from hatact.backends._triton_mlp_kernels import forward_kernel

    products, s = precision(x.dtype), sizes(shape)
    tensors = (
        *(x.contiguous(), weights[0].contiguous(), _stacked(weights[1:-1], weights[0])),
        weights[-1].contiguous(),
        *((_stacked(biases[:-1], x), biases[-1].contiguous()) if biases else (None, None)),
        *(y, kept if len(kept) else None),
    )
    counts = rows, shape.inputs, shape.outputs, shape.depth - 2

    def launch(config: Config) -> None:
        forward_kernel[(-(-rows // config.rows),)](
            *(*tensors, *counts, *numbers, shape.first_kept, products),
            *(shape.hidden, *s, config.rows),
            num_warps=config.warps,
            num_stages=config.stages,
            enable_fp_fusion=True,
        )

    kernel = "forward, kept" if len(kept) else "forward"
    key = _key(kernel, shape, x, rows, bool(biases), numbers)
    with guard(x):
        if _launched(key, x, shape.hidden, launch, inference=not len(kept)):
            return y, kept
    _say_once(shape, str(x.device), _TOO_LARGE)
    return reference_mlp.mlp_forward(ppoly, *args, keep)


def mlp_backward(
    g: Tensor,
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    kept: Tensor,
    knots: Sequence[float],
    coeffs: Sequence[float],
    derivative: Sequence[float],
    period: float,
    of_input: bool,
    of_parameters: bool,
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The gradients of Σ g·y for x, the weights and the biases; those not asked for are empty.

    As :func:`hatact.reference_mlp.mlp_backward`, in one kernel down the layers, which stores the
    gradients of pre-activations, and one over the rows for each kind of weight, whose sums are
    added in an order that the sizes decide: the same bits on every run.

    Cost: g, x and what is kept read twice, the gradients of pre-activations written and read once;
    if nothing was kept, a forward. Memory beside: those gradients, as large as what a forward keeps
    (and one layer more for a narrow input), and the sums of some 512 programs a kind of weight, at
    most 16 KB each (10 MB at width 256, depth 8).

    Raises:
        ValueError: for shapes, dtypes or devices that do not match.
    """
    shape = reference_mlp.check_mlp(x, weights, biases)
    reference_mlp.check_backward(shape, g, x, kept)
    numbers = constants(tuple(knots), tuple(coeffs), period, compute_dtype(x))
    slopes = constants(tuple(knots), tuple(derivative), period, compute_dtype(x))
    rows = prod(x.shape[:-1])

    def layers() -> tuple[Tensor, list[Tensor], list[Tensor]]:
        args = (g, x, weights, biases, kept, knots, coeffs, derivative, period)
        return reference_mlp.mlp_backward(ppoly, *args, of_input, of_parameters)

    if numbers is None or slopes is None or not _takes(shape, x) or 0 in (rows, *shape):
        return layers()
    if shape.kept_layers and not len(kept):
        _, kept = mlp_forward(x, weights, biases, knots, coeffs, period)
    down = _Down(
        # Aligned all: how Triton deals a sum out to threads follows from it.
        _aligned(g),
        _aligned(x),
        _aligned(kept),
        x.new_empty(rows, shape.hidden) if shape.first_kept and of_parameters else None,
        x.new_empty(shape.depth - 1, rows, shape.hidden) if of_parameters else None,
        torch.empty(x.shape, dtype=x.dtype, device=x.device) if of_input else None,
    )
    with guard(x):
        found: tuple[list[Tensor], list[Tensor]] | None = ([], [])
        fits = _down(down, shape, weights, biases, slopes)
        if fits and down.gz is not None:
            found = _of_parameters(down, down.gz, shape, weights, biases, numbers)
    if not fits or found is None:
        _say_once(shape, str(x.device), _TOO_LARGE)
        return layers()
    return x.new_empty(0) if down.gx is None else down.gx, *found


class _Down(NamedTuple):
    """What goes down the layers: see backward_kernel."""

    g: Tensor
    x: Tensor
    kept: Tensor
    z0: Tensor | None
    gz: Tensor | None
    gx: Tensor | None


def _down(
    down: _Down,
    shape: Shape,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    slopes: Constants,
) -> bool:
    """Whether a launch fits: the gradients of pre-activations and of x."""
    from hatact.backends._triton_mlp_kernels import backward_kernel

    g, x, kept, z0, gz, gx = down
    rows = prod(x.shape[:-1])
    products, s = precision(x.dtype), sizes(shape)
    tensors = (
        *(g, x, weights[0].contiguous(), _stacked(weights[1:-1], weights[0])),
        *(weights[-1].contiguous(), biases[0].contiguous() if biases else None),
        *(kept, z0, gz, gx),
    )
    counts = rows, shape.inputs, shape.outputs, shape.depth - 2

    def launch(config: Config) -> None:
        backward_kernel[(-(-rows // config.rows),)](
            *(*tensors, *counts, *slopes),
            *(bool(shape.first_kept), shape.depth > 2, products),
            *(shape.hidden, *s, config.rows),
            num_warps=config.warps,
            num_stages=config.stages,
            enable_fp_fusion=True,
        )

    asked = f"backward{', x' * (gx is not None)}{', parameters' * (gz is not None)}"
    key = _key(asked, shape, x, rows, bool(biases), slopes)
    return _launched(key, x, shape.hidden, launch)


def _splits(blocks: int, rows: int) -> tuple[int, int]:
    """Into how many the rows of a launch are split, and the steps of each.

    A launch of so many blocks a split, as those of other layers run before it or after, occupies
    the device by itself.
    """
    steps = -(-rows // _STEP)
    splits = -(-steps // max(_LEAST_ROWS // _STEP, steps * blocks // _PROGRAMS))
    each = -(-steps // splits)
    return -(-steps // each), each


def _of_parameters(
    down: _Down,
    gz: Tensor,
    shape: Shape,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    numbers: Constants,
) -> tuple[list[Tensor], list[Tensor]] | None:
    """Sums over the rows, of shares and then over the shares; None if no launch fits."""
    from hatact.backends._triton_mlp_kernels import parameters_kernel

    g, x, kept, z0, *_ = down
    rows, between, products = gz.shape[1], shape.depth - 2, precision(x.dtype)

    def of_layers(
        layer: int, layers: int, a: Tensor, b: Tensor, b0: Tensor | None, f: Constants
    ) -> Tensor | None:
        """Of so many layers of one shape, from a first one on: (layers, m·n + m); None if no launch
        fits."""
        m, n = shape.of_layer(layer)
        if not layers:
            return x.new_empty(0, m * n)
        sides = side(m), side(n)
        blocks = -(-m // sides[0]) * -(-n // sides[1])
        splits, steps = _splits(blocks * layers, rows)
        sums = x.new_empty(splits, layers, m * n + m * bool(biases), dtype=torch.float32)

        def launch(config: Config) -> None:
            parameters_kernel[(blocks, splits, layers)](
                *(a, b, b0, sums, rows, steps, m, n, *f, bool(biases), summed(x)),
                *(products, *sides, config.rows),
                num_warps=config.warps,
                num_stages=config.stages,
                enable_fp_fusion=True,
            )

        role = "first" if layer == 0 else "last" if layer == shape.depth - 1 else "hidden"
        key = _key(f"parameters, {role}", shape, x, rows, bool(biases), f)
        # Of float32 three stages of 32 × 32 numbers spill 8 bytes (Triton 3.6, sm_90).
        spills = sides == (32, 32) and x.dtype == torch.float32
        if launch_best(key, x.device, _OF_PARAMETERS[spills:], launch) is None:
            return None
        return sums[0] if splits == 1 else sums.sum(0)

    top = kept[-1] if shape.kept_layers else z0
    assert top is not None
    found: list[Tensor] = []  # of each layer
    for launch in (
        (0, 1, gz, x, None, ((), (), ())),
        (1, between, gz[1:], kept, z0, numbers),
        (shape.depth - 1, 1, g, top, None, numbers),
    ):
        sums = of_layers(*launch)
        if sums is None:
            return None
        found += sums
    parameters = (*weights, *biases)
    gradients = [torch.empty(p.shape, dtype=p.dtype, device=p.device) for p in parameters]
    views = [
        *(row[: w.numel()] for row, w in zip(found, weights, strict=True)),
        *(row[w.numel() :] for row, w, _ in zip(found, weights, biases, strict=False)),
    ]
    torch._foreach_copy_(
        gradients, [v.view(p.shape) for v, p in zip(views, parameters, strict=True)]
    )
    return gradients[: shape.depth], gradients[shape.depth :]
