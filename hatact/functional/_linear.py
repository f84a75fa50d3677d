"""A linear layer and its activation as one function."""

from __future__ import annotations

import torch
from torch import Tensor

from hatact import autograd, reference
from hatact.functional._shared import (
    autocasts,
    cast,
    check_refused,
    check_spec,
    check_tensor,
    scaled_numbers,
    slopes,
)
from hatact.spec import PiecewisePolynomial


def linear_act(x: Tensor, weight: Tensor, bias: Tensor | None, spec: PiecewisePolynomial) -> Tensor:
    """f(x·Wᵀ + b), see :class:`hatact.nn.LinearAct`.

    Shapes: x: (*, in), weight: (out, in), bias: (out,) or None → (*, out). Under autocast the
    tensors are cast as torch.nn.functional.linear's are.

    Raises:
        ValueError: if spec is not a PiecewisePolynomial, or the result would not be a real
            floating tensor; shapes and dtypes that do not match raise as torch's linear does.
    """
    check_spec(spec)
    _check_linear(x, weight, bias)
    device = x.device.type
    casts = autocasts(device)
    if casts:
        x = cast(x, torch.get_autocast_dtype(device))
    if not torch.compiler.is_compiling():
        try:
            return autograd.linear_act(x, weight, bias, spec, casts)
        except RuntimeError:
            if x.dtype == weight.dtype:
                check_refused(x, spec)
            raise
    if casts:  # Dynamo's partitioner decides what is kept
        weight, bias = (cast(t, x.dtype) for t in (weight, bias))
    found = slopes(spec._text)
    # Inductor may fuse as it sees fit; an exported program is to hold nothing but torch's own ops,
    # and to be differentiated wherever it is loaded.
    traced = found is None or not torch.is_grad_enabled() or autograd.exporting()
    if traced or torch._C._are_functorch_transforms_active():
        y = torch.nn.functional.linear(x, weight, bias)
        return reference.ppoly(y, None, *scaled_numbers(spec._text, 1))
    assert found is not None
    return autograd.compiled_linear_act(x, weight, bias, scaled_numbers(spec._text, 1), found)


def _check_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    for t in (x, weight) if bias is None else (x, weight, bias):
        check_tensor(t)
    if weight.dim() != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        of_bias = None if bias is None else tuple(bias.shape)
        raise ValueError(
            "weight must have shape (out, in) and bias (out,); "
            f"got {tuple(weight.shape)} and {of_bias}"
        )
