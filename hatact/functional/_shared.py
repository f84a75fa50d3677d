"""What the public functions share: checks, casts, the numbers of a spec as Dynamo takes them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from hatact.spec import Number, PiecewisePolynomial


def cast(t: Any, dtype: torch.dtype) -> Any:
    """As autocast casts: floating tensors but float64."""
    if t is None or not t.is_floating_point() or t.dtype == torch.float64:
        return t
    return t.to(dtype)


def autocasts(device: str) -> bool:
    """Whether autocast is at work on a device type."""
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def check_tensor(x: object, name: str = "x") -> None:
    """ValueError unless x is a tensor."""
    if not isinstance(x, Tensor):
        raise ValueError(f"{name} must be a torch.Tensor; got {type(x).__name__}")


def check_spec(spec: object) -> None:
    """ValueError unless spec is a spec."""
    if not isinstance(spec, PiecewisePolynomial):
        raise ValueError(f"spec must be a hatact.PiecewisePolynomial; got {type(spec).__name__}")


@lru_cache(maxsize=256)
def scaled(spec: PiecewisePolynomial, scale: Number) -> PiecewisePolynomial:
    return spec.scaled(scale)


def scaled_numbers(
    spec: PiecewisePolynomial, scale: Number
) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    return (spec if scale == 1 else scaled(spec, scale)).numbers


def slopes(spec: PiecewisePolynomial) -> tuple[float, ...] | None:
    return spec.slopes


# Dynamo cannot trace exact fractions; floats it can. This mark is all that the decorator
# torch.compiler.assume_constant_result sets, and that one imports Dynamo: 1.3 s at import.
scaled_numbers._dynamo_marked_constant = True  # type: ignore[attr-defined]
slopes._dynamo_marked_constant = True  # type: ignore[attr-defined]
