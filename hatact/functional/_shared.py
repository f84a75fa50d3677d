"""What the public functions share: checks, casts, the numbers of a spec as Dynamo takes them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from hatact import autograd
from hatact._checks import check_in_place, check_numbers, check_tensors, compute_dtype
from hatact._polynomial import read
from hatact.spec import Number, PiecewisePolynomial


def cast(t: Any, dtype: torch.dtype) -> Any:
    """As autocast casts: floating tensors but float64."""
    if t is None or not t.is_floating_point() or t.dtype == torch.float64:
        return t
    return t.to(dtype)


def autocasts(device: str) -> bool:
    """Whether autocast is at work on a device type."""
    return autograd.has_autocast(device) and torch.is_autocast_enabled(device)


def check_tensor(x: object, name: str = "x") -> None:
    """ValueError unless x is a tensor."""
    if not isinstance(x, Tensor):
        raise ValueError(f"{name} must be a torch.Tensor; got {type(x).__name__}")


def check_spec(spec: object) -> None:
    """ValueError unless spec is a spec."""
    if not isinstance(spec, PiecewisePolynomial):
        raise ValueError(f"spec must be a hatact.PiecewisePolynomial; got {type(spec).__name__}")


def check_refused(x: Tensor, spec: PiecewisePolynomial, inplace: bool = False) -> None:
    """ValueError for what a kernel refused: torch 2.15 makes a RuntimeError of a kernel's own."""
    check_tensors(x, None)
    check_numbers(*spec.numbers, compute_dtype(x))
    if inplace:
        check_in_place(x)


@lru_cache(maxsize=256)
def scaled(spec: PiecewisePolynomial, scale: Number) -> PiecewisePolynomial:
    return spec.scaled(scale)


@autograd.constant
def scaled_numbers(
    text: str, scale: Number | str
) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    spec = PiecewisePolynomial._of_text(text)
    s = read(scale) if isinstance(scale, str) else scale
    return (spec if s == 1 else scaled(spec, s)).numbers


@autograd.constant
def slopes(text: str) -> tuple[float, ...] | None:
    return PiecewisePolynomial._of_text(text).slopes


@autograd.constant
def derivative_coeffs(text: str) -> tuple[float, ...]:
    return autograd.derivative_of(PiecewisePolynomial._of_text(text))
