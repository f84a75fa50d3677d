"""Who competes on a case: hatact by backend, the formulas, torch.compile of each, peers, rooflines.

A function that is one function for every case (F.relu) is a constant here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import hatact
from bench.cases import Case
from bench.formulas import Function, of_scaled, sum_formula, sum_of_terms
from hatact import functional
from hatact.ops import current_backend


class _SameStorage(torch.autograd.Function):
    """A fresh non-leaf over x's memory: what an in-place activation overwrites, with no copy."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.empty(0, dtype=x.dtype, device=x.device).set_(x)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Tensor:
        return gy


def same_storage(x: Tensor) -> Tensor:
    """x's memory as a non-leaf of the graph. What writes there changes x, unseen by autograd."""
    return _SameStorage.apply(x) if x.requires_grad else x


@dataclass(frozen=True)
class Provider:
    """A way to compute the activation.

    backend: forced while it runs, if given.
    terms: for a formula, the size of what it adds up; its roundings are held to that. Without
        it the provider is held to the reference's own error.
    another: for a provider that computes another function, that function, to be run in float64.
    in_place: it overwrites its input, a non-leaf of :func:`same_storage`, and so does the
        baseline that it is paired with get its input.
    """

    name: str
    function: Function
    backend: str | None = None
    terms: Function | None = None
    another: Function | None = None
    in_place: bool = False
    compiled: bool = False

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(same_storage(x) if self.in_place else x)


def relu_of(x: Tensor) -> Tensor:
    """What every provider is paired with."""
    return torch.relu(x)


RELU = Provider("F.relu", relu_of)
SILU = Provider(
    "F.silu (another function)", torch.nn.functional.silu, another=torch.nn.functional.silu
)


def providers(case: Case) -> Iterator[Provider]:
    """Those that can compute a case here; peers.py has those of other packages."""
    spec = case.spec

    def fused(x: Tensor) -> Tensor:
        return functional.piecewise(x, spec)

    def in_place(x: Tensor) -> Tensor:
        return functional.piecewise(x, spec, inplace=True)

    default = current_backend(case.device)
    for name, backend in hatact.available_backends().items():
        if case.device in backend.devices and not _waits(name, case):
            mark = " (default)" if name == default else ""
            yield Provider(f"hatact {name}{mark}", fused, backend=name)
    if spec.degree <= 1:
        yield Provider(f"hatact {default}, in place", in_place, backend=default, in_place=True)
    yield Provider("torch.compile of hatact", _compiled(fused), compiled=True)
    formula = sum_formula(case.activation)
    if formula is not None:
        terms = of_scaled(sum_of_terms(case.activation), case.scale)
        formula = of_scaled(formula, case.scale)
        yield Provider("eager formula", formula, terms=terms)
        yield Provider("torch.compile of formula", _compiled(formula), terms=terms, compiled=True)
    yield SILU


def _waits(backend: str, case: Case) -> bool:
    """Whether a backend waits for the GPU, which no CUDA graph can hold.

    The reference does, where it decodes: by a table that it copies from the host.
    """
    return backend == "reference" and case.device == "cuda" and case.spec.degree <= 1


def _compiled(function: Function) -> Function:
    return torch.compile(function, fullgraph=True, dynamic=False)
