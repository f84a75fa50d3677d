"""The one registry of cases: activation × size × dtype, and the providers that compete on each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import comb, factorial

import torch
from torch import Tensor

import hatact
from hatact import functional
from hatact.activations import registry
from hatact.ops import current_backend
from hatact.spec import PiecewisePolynomial

Function = Callable[[Tensor], Tensor]
SIZES = (2**8, 2**12, 2**20, 2**22)
GPU_SIZES = (2**12, 2**20, 2**26)
DTYPES = (torch.float32, torch.bfloat16)
ACTIVATIONS = ("hat", "bw_relu", "bspline3")


@dataclass(frozen=True)
class Case:
    """One row of the benchmark before its providers: what is computed, on what."""

    activation: str
    size: int
    dtype: torch.dtype
    device: str

    @property
    def spec(self) -> PiecewisePolynomial:
        return registry()[self.activation]

    def input(self, *, requires_grad: bool) -> Tensor:
        """x ~ N(0, 2²), the same for every provider: it meets every piece and both tails."""
        generator = torch.Generator().manual_seed(0)
        x = 2 * torch.randn(self.size, generator=generator)
        return x.to(self.device, self.dtype).requires_grad_(requires_grad)


def cases(
    device: str,
    activations: tuple[str, ...] = ACTIVATIONS,
    sizes: tuple[int, ...] | None = None,
    dtypes: tuple[torch.dtype, ...] = DTYPES,
) -> Iterator[Case]:
    """Every case for a device."""
    for activation in activations:
        for dtype in dtypes:
            for size in sizes or (GPU_SIZES if device == "cuda" else SIZES):
                yield Case(activation, size, dtype, device)


@dataclass(frozen=True)
class Provider:
    """A way to compute the activation. `backend` is forced while it runs, if given."""

    name: str
    function: Function
    backend: str | None = None
    exact: bool = True  # held to the reference's own error; a published formula is not


def relu(x: Tensor) -> Tensor:
    """The roofline that every provider is paired with."""
    return torch.relu(x)


def providers(case: Case) -> Iterator[Provider]:
    """Those that can compute a case here."""
    spec = case.spec

    def fused(x: Tensor) -> Tensor:
        return functional.piecewise(x, spec)

    for name, backend in hatact.available_backends().items():
        if case.device in backend.devices:
            default = " (default)" if name == current_backend(case.device) else ""
            yield Provider(f"hatact {name}{default}", fused, backend=name)
    yield Provider("torch.compile of hatact", _compiled(fused))
    formula = sum_formula(case.activation)
    if formula is not None:
        yield Provider("eager formula", formula, exact=False)
        yield Provider("torch.compile of formula", _compiled(formula), exact=False)


def _compiled(function: Function) -> Function:
    return torch.compile(function, fullgraph=True, dynamic=False)


_TERMS: dict[str, tuple[list[Fraction], list[Fraction], int]] = {
    "hat": ([Fraction(k) for k in range(3)], [Fraction(w) for w in (1, -2, 1)], 1),
    "bw_relu": (
        [Fraction(k, 2) for k in range(7)],
        [Fraction(w, 6) for w in (1, -8, 23, -32, 23, -8, 1)],
        1,
    ),
    "bspline3": (
        [Fraction(k) for k in range(5)],
        [Fraction((-1) ** k * comb(4, k), factorial(3)) for k in range(5)],
        3,
    ),
}


def sum_formula(activation: str) -> Function | None:
    """Σ_j w_j·relu(x − t_j)^d in plain torch, as the papers write it; None where none is known."""
    if activation not in _TERMS:
        return None
    terms = [(float(t), float(w)) for t, w in zip(*_TERMS[activation][:2], strict=True)]
    degree = _TERMS[activation][2]

    def formula(x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for t, w in terms:
            power = torch.relu(x - t)
            total = total + w * (power if degree == 1 else power**degree)
        return total

    return formula
