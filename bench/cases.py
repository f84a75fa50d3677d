"""The one registry of cases: activation × size × dtype; who competes on each is providers.py's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hatact.activations import registry
from hatact.spec import PiecewisePolynomial

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
    """What is computed, on what."""

    activation: str
    size: int
    dtype: torch.dtype
    device: str

    @property
    def spec(self) -> PiecewisePolynomial:
        return registry()[self.activation]

    @property
    def tile(self) -> Case:
        """The case of the elements that a large input repeats."""
        return replace(self, size=min(self.size, TILE))

    def input(self, *, requires_grad: bool) -> Tensor:
        """x ~ N(0, 2²), the same for every provider: it meets every piece and both tails.

        Beyond 2²⁰ elements it repeats, so that one tile says what to expect at every size.
        """
        generator = torch.Generator().manual_seed(0)
        x = 2 * torch.randn(min(self.size, TILE), generator=generator)
        x = x.to(self.device, self.dtype)
        if self.size > TILE:  # a storage of its own size: saved bytes count whole storages
            x = x.repeat(-(-self.size // TILE))[: self.size].clone()
        return x.requires_grad_(requires_grad)


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
