"""What the public functions share: checks, casts, the numbers of a spec as Dynamo takes them."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from operator import index
from typing import Any

import torch
from torch import Tensor

from hatact import autograd
from hatact._checks import check_in_place, check_numbers, check_tensors, compute_dtype
from hatact._named import Activation, activation
from hatact._polynomial import read
from hatact._values import check_real
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
        instead = "torch.as_tensor(…) of it"
        if isinstance(x, PiecewisePolynomial):
            instead = "piecewise(x, spec)"
        elif x is None:
            instead = "a tensor, or None in the place of all biases"
        raise ValueError(f"{name} must be a torch.Tensor; got {type(x).__name__}: write {instead}")


def check_refused(x: Tensor, spec: PiecewisePolynomial, inplace: bool = False) -> None:
    """ValueError for what a kernel refused: torch 2.15 makes a RuntimeError of a kernel's own."""
    check_tensors(x, None)
    check_numbers(*spec.numbers, compute_dtype(x))
    if inplace:
        check_in_place(x)


@lru_cache(maxsize=256)
def scaled(spec: PiecewisePolynomial, scale: Number, centered: bool = False) -> PiecewisePolynomial:
    return activation(spec, scale, centered)


def spec_of(of: Activation, scale: Number) -> PiecewisePolynomial:
    """The spec that an argument and its scale mean, where nothing is traced."""
    spec = of if type(of) is PiecewisePolynomial else activation(of)
    if type(scale) in (int, float) and scale == 1:
        return spec
    check_real(scale)
    return scaled(spec, scale)


def traced_text(of: Activation, scale: Number, centered: bool = False) -> str:
    """The text of the spec that they mean, as Dynamo traces it."""
    module: Any = of
    if hasattr(type(module), "as_spec"):
        of = module.as_spec()
    known = isinstance(of, PiecewisePolynomial)
    text = of._text if isinstance(of, PiecewisePolynomial) else of
    if known and scale == 1 and not centered:
        return text  # type: ignore[return-value]
    return _text(text, known, _constant(scale), centered)  # type: ignore[arg-type]


def _constant(scale: Number) -> Number | str:
    """`scale` as a constant to Dynamo, which makes a number that changes symbolic.

    A Fraction it knows by an address, which may be the next one's once the first is gone.
    """
    if isinstance(scale, int | float):
        return float.fromhex(float(scale).hex())
    if isinstance(scale, Fraction):
        return f"{index(scale.numerator):x}/{index(scale.denominator):x}"
    return scale


@autograd.constant
def _text(text: str, known: bool, scale: Number | str, centered: bool) -> str:
    spec = PiecewisePolynomial._of_text(text) if known else activation(text)
    return scaled(spec, read(scale) if isinstance(scale, str) else scale, centered)._text


@autograd.constant
def numbers(text: str) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    return PiecewisePolynomial._of_text(text).numbers


@autograd.constant
def slopes(text: str) -> tuple[float, ...] | None:
    return PiecewisePolynomial._of_text(text).slopes


@autograd.constant
def derivative_coeffs(text: str) -> tuple[float, ...]:
    return autograd.derivative_of(PiecewisePolynomial._of_text(text))
