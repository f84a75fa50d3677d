"""A linear layer and its activation as one function."""

from __future__ import annotations

import torch
from torch import Tensor

from hatact import autograd, reference
from hatact._checks import check_parameters
from hatact._named import Activation
from hatact.functional._shared import (
    autocasts,
    cast,
    check_refused,
    check_tensor,
    numbers,
    slopes,
    spec_of,
    traced_text,
)
from hatact.spec import Number


def linear_act(
    x: Tensor, weight: Tensor, bias: Tensor | None, spec: Activation, *, scale: Number = 1
) -> Tensor:
    """f(s·(x·Wᵀ + b)), by default f(x·Wᵀ + b), see :class:`hatact.nn.LinearAct`.

    spec, scale: of f, as :func:`piecewise` takes them.

    Shapes: x: (*, in), weight: (out, in), bias: (out,) or None → (*, out). Under autocast the
    tensors are cast as torch.nn.functional.linear's are.

    Raises:
        ValueError: if spec is no activation, the scale no positive real number, or shapes, dtypes
            or devices do not match (under `torch.compile` as torch's linear raises).
    """
    _check_linear(x, weight, bias)
    device = x.device.type
    casts = autocasts(device)
    if casts:
        x = cast(x, torch.get_autocast_dtype(device))
    if not torch.compiler.is_compiling():
        found = spec_of(spec, scale)
        try:
            return autograd.linear_act(x, weight, bias, found, casts)
        except RuntimeError:
            _check_match(x, weight, bias, casts)
            check_refused(x, found)
            raise
    if casts:  # Dynamo's partitioner decides what is kept
        weight, bias = (cast(t, x.dtype) for t in (weight, bias))
    text = traced_text(spec, scale)
    codes = slopes(text)
    # Inductor may fuse as it sees fit; an exported program is to hold nothing but torch's own ops,
    # and to be differentiated wherever it is loaded.
    traced = codes is None or not torch.is_grad_enabled() or autograd.exporting()
    if traced or torch._C._are_functorch_transforms_active():
        y = torch.nn.functional.linear(x, weight, bias)
        return reference.ppoly(y, None, *numbers(text))
    assert codes is not None
    return autograd.compiled_linear_act(x, weight, bias, numbers(text), codes)


def _check_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    check_tensor(x)
    check_tensor(weight, "weight")
    if bias is not None:
        check_tensor(bias, "bias")
    if weight.dim() != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        of_bias = None if bias is None else tuple(bias.shape)
        raise ValueError(
            "weight must have shape (out, in) and bias (out,); "
            f"got {tuple(weight.shape)} and {of_bias}: write linear_act(x, weight, bias, spec)"
        )


def _check_match(x: Tensor, weight: Tensor, bias: Tensor | None, casts: bool) -> None:
    """ValueError unless x fits the parameters; asked when torch has refused them.

    casts: dtypes may differ, as autocast has made them one.
    """
    features = weight.shape[1]
    if x.dim() < 1 or x.shape[-1] != features:
        raise ValueError(
            f"the last dimension of x must be the {features} inputs of weight; got shape "
            f"{tuple(x.shape)}: write an x of shape (…, {features})"
        )
    if not casts:
        check_parameters(x, [("weight", weight), *([] if bias is None else [("bias", bias)])])
