"""The one registry of cases: activation × size × dtype; who competes on each is providers.py's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

import hatact
from hatact.spec import Number, PiecewisePolynomial

SIZES = (2**8, 2**12, 2**16, 2**20, 2**22, 2**24, 2**26)
_FEW = (2**12, 2**22)
# Hat at every size; the others, whose kernels are the same code with other numbers, at a few. On
# CUDA two compilations a case, of up to ten seconds each, must fit into nine minutes.
_PLAN = {
    "cpu": {"hat": SIZES, "bw_relu": _FEW, "bspline3": _FEW, "relu": _FEW},
    "cuda": {
        "hat": (2**8, 2**12, 2**16, 2**20, 2**26),
        "bw_relu": (2**26,),
        "bspline3": (2**26,),
        "relu": (2**26,),
    },
}
ACTIVATIONS = tuple(_PLAN["cpu"])
DTYPES = (torch.float32, torch.bfloat16)
TILE = 2**20


@dataclass(frozen=True)
class Case:
    """What is computed, on what: f(scale·x), of x in one dimension if it has no shape."""

    activation: str
    size: int
    dtype: torch.dtype
    device: str
    shape: tuple[int, ...] | None = None
    scale: Number = 1

    def __post_init__(self) -> None:
        if self.shape is not None and math.prod(self.shape) != self.size:
            raise ValueError(
                f"a case's size must be the product of its shape; got {self.size}, {self.shape}: "
                f"write size={math.prod(self.shape)}"
            )

    @property
    def spec(self) -> PiecewisePolynomial:
        return hatact.activation(self.activation, self.scale)

    @property
    def tile(self) -> Case:
        """The case of the elements that a large input repeats, in one dimension."""
        return self.of_size(min(self.size, TILE))

    def of_size(self, size: int) -> Case:
        """The same of `size` elements in one dimension."""
        return replace(self, size=size, shape=None)

    def input(self, *, requires_grad: bool) -> Tensor:
        """scale·x ~ N(0, 2²), the same for every provider: it meets every piece and both tails.

        Beyond 2²⁰ elements it repeats, so that one tile says what to expect at every size.
        """
        generator = torch.Generator().manual_seed(0)
        x = 2 * torch.randn(min(self.size, TILE), generator=generator) / float(self.scale)
        x = x.to(self.device, self.dtype)
        if self.size > TILE:
            x = x.repeat(-(-self.size // TILE))[: self.size]
        # No view, and a storage of its own size: saved bytes count whole storages.
        return x.view(self.shape or (self.size,)).clone().requires_grad_(requires_grad)


def cases(
    device: str,
    activations: tuple[str, ...] = ACTIVATIONS,
    sizes: tuple[int, ...] | None = None,
    dtypes: tuple[torch.dtype, ...] = DTYPES,
) -> Iterator[Case]:
    """Every case for a device, float32 first: where time runs out, what has targets is measured."""
    for dtype in dtypes:
        for activation in activations:
            for size in sizes or _PLAN[device].get(activation, _FEW):
                yield Case(activation, size, dtype, device)
