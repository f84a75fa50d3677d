"""Runs cases: correctness first, then time and memory; a wrong provider is never timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

import hatact
from bench.cases import Case, Provider, providers, relu
from bench.timing import pair
from hatact import reference

MODES = ("forward", "forward+backward")
_FORMULA_SLACK = 8  # roundings, of its largest term, that a published sum of powers may be off


class WrongResult(RuntimeError):
    """A provider's values or gradients are off by more than its tolerance."""


def forced(provider: Provider) -> AbstractContextManager[None]:
    """The provider's backend, forced while the block runs."""
    return hatact.use_backend(provider.backend) if provider.backend else nullcontext()


def _value_and_gradient(case: Case, provider: Provider) -> tuple[Tensor, Tensor]:
    x = case.input(requires_grad=True)
    y = provider.function(x)
    (gx,) = torch.autograd.grad(y, x, torch.ones_like(y))
    return y.detach().double(), gx.double()


def _expected(case: Case, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    x = case.input(requires_grad=False).to(dtype)
    spec = case.spec
    return (
        reference.ppoly(x, None, *spec.numbers).double(),
        reference.ppoly(x, None, *spec.derivative().numbers).double(),
    )


def check(case: Case, provider: Provider) -> float:
    """The largest error of values and gradients against float64.

    Raises:
        WrongResult: if hatact errs more than twice the plain-torch reference in the case's
            dtype, or a published formula more than its own roundings explain.
    """
    exact, plain = _expected(case, torch.float64), _expected(case, case.dtype)
    eps = torch.finfo(case.dtype).eps
    with forced(provider):
        got = _value_and_gradient(case, provider)
    worst = 0.0
    for what, y, want, ours in zip(("values", "gradients"), got, exact, plain, strict=True):
        error = float((y - want).abs().max())
        if provider.exact:
            limit = 2 * max(float((ours - want).abs().max()), eps * float(want.abs().max()))
        else:
            # At a knot a sum of powers may round to the other side: only values are held to it.
            reach = float(case.input(requires_grad=False).abs().max()) + 4
            limit = float("inf") if what == "gradients" else _FORMULA_SLACK * eps * 6 * reach**3
        if not error <= limit:
            raise WrongResult(
                f"{provider.name} on {case.activation} {case.dtype} n={case.size}: {what} are off "
                f"by {error:.3g}, more than {limit:.3g}; not timed"
            )
        worst = max(worst, error)
    return worst


def saved_bytes(case: Case, provider: Provider) -> float:
    """Bytes an element that the forward keeps for the backward (saved-tensor hooks)."""
    kept: dict[int, int] = {}

    def pack(t: Tensor) -> Tensor:
        kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    x = case.input(requires_grad=True)
    with forced(provider), torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        provider.function(x)
    return sum(kept.values()) / case.size


def rows(case: Case, *, rounds: int) -> Iterator[dict[str, Any]]:
    """One row a provider and mode, each paired with `F.relu` on the same input."""
    for provider in (*providers(case), Provider("F.relu", relu)):
        error = None if provider.function is relu else check(case, provider)
        kept = saved_bytes(case, provider)
        for mode in MODES:
            with forced(provider):
                timing = _time(case, provider, mode, rounds)
            yield {
                "activation": case.activation,
                "dtype": str(case.dtype).removeprefix("torch."),
                "size": case.size,
                "provider": provider.name,
                "mode": mode,
                **{k: float(f"{v:.4g}") for k, v in vars(timing).items()},
                "saved_bytes_per_element": kept,
                "max_error": error,
            }


def _time(case: Case, provider: Provider, mode: str, rounds: int) -> Any:
    x = case.input(requires_grad=mode != "forward")
    gy = torch.ones_like(x)

    def call_of(function: Any) -> Any:
        if mode == "forward":
            return lambda: function(x)
        return lambda: torch.autograd.grad(function(x), x, gy)

    return pair(call_of(provider.function), call_of(relu), case.device, rounds)
