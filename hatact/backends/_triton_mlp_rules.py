"""What the Triton kernels of a whole network take, and the tiles that they are launched with."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from hatact.backends._triton_linear import precision_of
from hatact.backends._triton_tuning import Config
from hatact.reference_mlp import Shape

WIDEST_FLOAT32 = 128
MOST = 64  # of a side of a product's operands
_LEAST = 16


def mlp_unfused(hidden: int, dtype: torch.dtype) -> str | None:
    """Why the kernels do not serve a dtype here, at a width from 16 to 256, or None."""
    if dtype == torch.float64:
        return "the Triton kernels take no float64"
    if torch.version.hip is None:
        if torch.cuda.is_available() and torch.cuda.get_device_capability() < (8, 0):
            return "Triton has no matrix instructions for this GPU"
        # As others they spill: registers hold no tile of such products.
        if dtype == torch.float32 and precision(dtype) == "ieee":
            return (
                "exact float32 products are no matrix instructions of NVIDIA "
                '(torch.set_float32_matmul_precision("high") lets others in)'
            )
    elif _triton_version() < (3, 7):
        return "Triton before 3.7 does not compile the kernels for AMD"
    if dtype == torch.float32 and hidden > WIDEST_FLOAT32:
        return f"in float32 the Triton kernels take widths to {WIDEST_FLOAT32}"
    return None


def precision(dtype: torch.dtype) -> str:
    """As torch's own products: "high" lets in those of tf32, as "medium" does.

    Of three parts each, as linear_act has them, a tile of layers would spill.
    """
    found = precision_of(dtype)
    return "tf32" if found == "tf32x3" else found


@lru_cache(maxsize=1)
def _triton_version() -> tuple[int, int]:
    import triton

    major, minor, *_ = triton.__version__.split(".")
    return int(major), int(minor)


mlp_unfused._dynamo_marked_constant = True  # type: ignore[attr-defined]


class Sizes(NamedTuple):
    """Columns of a block of hidden units, and of a step along inputs and along outputs."""

    cols: int
    inputs: int
    outputs: int


def side(n: int) -> int:
    return min(MOST, max(_LEAST, 1 << (n - 1).bit_length()))


def sizes(shape: Shape) -> Sizes:
    """A rule of the shape alone: the order of every sum follows from it."""
    return Sizes(side(shape.hidden), side(shape.inputs), side(shape.outputs))


def configs(hidden: int, itemsize: int, old: bool, inference: bool = False) -> tuple[Config, ...]:
    """What a launch is chosen from, the first that fits where nothing can be timed.

    None spills on sm_90 for the Hat, BW-ReLU or the cubic B-spline, nor the first on sm_80 and
    gfx942: a thread has at most 32 numbers of a block of columns. With 64, as 128 threads have of
    128 rows and 64 columns, BW-ReLU's forward and the cubic's spill, and in float32 every backward;
    so does whatever keeps or takes a pre-activation at width 256 with 128 rows.

    Three stages have the next layer's weights on their way while products are made; two, on NVIDIA,
    have nothing on its way: where three do not fit, one is as good and smaller. AMD's two have one
    in registers; with three they spill.

    old: where a product's operands are in registers too. Elsewhere a tile of 32 rows is multiplied
    by other instructions than one of 64, which may round otherwise: it is no choice there.
    """
    deep = 2 if torch.version.hip else 3
    if hidden <= 32:
        return Config(64, 4, deep), Config(128, 4, deep), Config(256, 8, deep)
    if hidden <= 64:
        return Config(128, 8, deep), Config(64, 4, deep), Config(128, 8, 1), Config(64, 4, 1)
    if hidden * itemsize <= 256:
        return Config(128, 8, deep), Config(64, 8, deep), Config(128, 8, 1), Config(64, 4, 1)
    if old:
        return Config(32, 8, 2), Config(32, 8, 1), Config(64, 8, 1)
    return (Config(64, 8, 1), Config(128, 8, 1)) if inference else (Config(64, 8, 1),)


IF_NONE_FITS = Config(32, 8, 2), Config(32, 8, 1)


def configs_for(x: Tensor, hidden: int, inference: bool) -> tuple[Config, ...]:
    return configs(hidden, x.element_size(), is_old(x), inference)


def summed(x: Tensor) -> bool:
    """Whether a bias's gradient is a sum, and no product with ones.

    A product of tf32 would round what it sums. Where no warp groups multiply, none is needed (see
    parameters_kernel), and one would spill on sm_80.
    """
    return precision(x.dtype) == "tf32" or is_old(x)


def is_old(x: Tensor) -> bool:
    return x.is_cuda and _is_old(x.device)


@lru_cache(maxsize=16)
def _is_old(device: torch.device) -> bool:
    """Whether an NVIDIA GPU has no products of warp groups: all but Hopper and server Blackwell."""
    return torch.version.hip is None and torch.cuda.get_device_capability(device)[0] not in (9, 10)
