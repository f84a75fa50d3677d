"""The fused linear layer of the Triton backend: checks, choice of tile, launch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from hatact import _code
from hatact._checks import check_tensors, compute_dtype
from hatact.backends._triton_elementwise import guard, ppoly_encode_
from hatact.backends._triton_numbers import constants, piece_codes

_EVERY = 1 << 30  # the interpreter's processors and memory: the least tile, so several of them
_ROW = 128  # bytes of x and of W in a step along K


class Tile(NamedTuple):
    """The share of y of one program, the warps that make it, and its stages of copies in flight."""

    m: int
    n: int
    k: int
    warps: int
    stages: int


_SHAPES = ((128, 128, 8), (128, 64, 4), (64, 64, 4), (32, 64, 4))
_FLOAT32 = ((64, 64, 4),)  # more than one tf32 product, or none: larger ones spill on sm_80


@lru_cache(maxsize=16)
def _device(index: int) -> tuple[int, int]:
    """Multiprocessors of a GPU, and bytes of shared memory that a program may have."""
    import triton

    found = triton.runtime.driver.active.utils.get_device_properties(index)
    return found["multiprocessor_count"], found["max_shared_mem"]


def limits(x: Tensor) -> tuple[int, int]:
    """What :func:`tile` is to fit: x's GPU, or the interpreter, which has room for anything."""
    return _device(x.device.index) if x.is_cuda else (_EVERY, _EVERY)


def tile(
    m: int, n: int, k: int, element_size: int, exact: bool, processors: int, shared: int
) -> Tile:
    """The largest tile that fits in shared memory and gives every multiprocessor one; or the least.

    A rule, not a search: what a shape gives does not depend on what was timed in this process.
    """
    # AMD's two stages have one in shared memory, the other in registers.
    least, most = (2, 2) if torch.version.hip else (3, 4)
    for shape in _FLOAT32 if exact else _SHAPES:
        rows, columns, warps = shape
        stages = min(most, shared // (_ROW * (rows + columns)))
        if stages >= least and -(-m // rows) * -(-n // columns) >= processors:
            break
    depth = max(16, min(_ROW // element_size, 1 << (k - 1).bit_length()))
    return Tile(rows, columns, depth, warps, max(stages, 1))


def precision_of(dtype: torch.dtype) -> str:
    """What Triton makes of a product in float32: as torch.set_float32_matmul_precision says."""
    if dtype != torch.float32 or torch.version.hip:  # tf32 is of few AMD devices, tf32x3 of none
        return "ieee"
    try:
        setting = torch.get_float32_matmul_precision()
    except RuntimeError:  # set by the newer name alone
        new = torch.backends.cuda.matmul.fp32_precision
        return "tf32" if new == "tf32" else "ieee"
    return {"highest": "ieee", "high": "tf32x3", "medium": "tf32"}[setting]


def _check(x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    check_tensors(x, None)
    if weight.dim() != 2 or x.dim() == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            "linear_act needs x of shape (*, in) and a weight of shape (out, in); "
            f"got {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ValueError(
            f"the bias must have shape ({weight.shape[0]},), one number per row of the weight; "
            f"got {tuple(bias.shape)}"
        )
    for name, other in {"weight": weight, "bias": bias}.items():
        if other is not None and (other.dtype != x.dtype or other.device != x.device):
            raise ValueError(
                f"the {name} must have x's dtype and device, {x.dtype} {x.device}; "
                f"got {other.dtype} {other.device}"
            )


def _rows(x: Tensor) -> Tensor:
    """x as a matrix whose rows are dense."""
    x = x.reshape(-1, x.shape[-1])
    return x if x.stride(1) == 1 else x.contiguous()


def linear_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """y = f(z) and the code of f's slope at z = x·Wᵀ + b, which is never stored; f of degree ≤ 1.

    Shapes: x: (*, in), weight: (out, in), bias: (out,) or None → (*, out) contiguous, and
    (⌈n/8⌉·bits,) uint8 over its n elements. The half types sum in float32 and f takes that z,
    where a linear layer followed by an activation would round it to the half type between the
    two; y is rounded once. float32 follows torch.set_float32_matmul_precision: "highest" sums
    float32 products, "high" those of tf32 in three parts, "medium" those of tf32.

    Where 8 does not divide out, in float64, for empty tensors and for specs beyond the kernels'
    limits: torch's linear layer, then :func:`ppoly_encode_`.

    Cost: one kernel; an x or a W whose rows are not dense costs a copy of it.

    Raises:
        ValueError: for shapes, dtypes or devices that do not match; as :func:`ppoly_encode_`.
    """
    _check(x, weight, bias)
    numbers = constants(tuple(knots), tuple(coeffs), period, compute_dtype(x))
    n, k = weight.shape
    m = prod(x.shape[:-1])
    if numbers is None or x.dtype == torch.float64 or not m * n * k or n % _code.GROUP:
        y = torch.nn.functional.linear(x, weight, bias)
        return y, ppoly_encode_(y, knots, coeffs, period)
    codes, bits = piece_codes(tuple(coeffs), len(numbers[1]), period)
    y = torch.empty(*x.shape[:-1], n, dtype=x.dtype, device=x.device)
    code = torch.empty(_code.code_bytes(y.numel(), bits), dtype=torch.uint8, device=x.device)
    x, weight = _rows(x), _rows(weight)
    bias = None if bias is None else bias.contiguous()

    from hatact.backends._triton_linear_kernel import linear_act_kernel

    precision = precision_of(x.dtype)
    exact = x.dtype == torch.float32 and precision != "tf32" and not torch.version.hip
    t = tile(m, n, k, x.element_size(), exact, *limits(x))
    with guard(x):
        linear_act_kernel[(-(-m // t.m) * -(-n // t.n),)](
            *(x, weight, bias, y, code, m, n, k, x.stride(0), weight.stride(0)),
            *(*numbers, codes, bits, precision, k % t.k == 0, t.m, t.n, t.k),
            num_warps=t.warps,
            num_stages=t.stages,
            enable_fp_fusion=True,
        )
    return y, code
