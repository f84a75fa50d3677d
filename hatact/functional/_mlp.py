"""A network of linear layers and one activation as one function."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint as checkpointed

from hatact import autograd, ops
from hatact._named import Activation, check_flag
from hatact.functional._linear import linear_act
from hatact.functional._shared import (
    autocasts,
    cast,
    check_refused,
    check_tensor,
    derivative_coeffs,
    numbers,
    spec_of,
    traced_text,
)
from hatact.reference_mlp import check_mlp
from hatact.spec import Number, PiecewisePolynomial

_log = logging.getLogger("hatact")


def mlp(
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor] | None,
    spec: Activation,
    checkpoint: bool = False,
    *,
    scale: Number = 1,
) -> Tensor:
    """W_d·f(… f(W_1·x + b_1) …) + b_d, see :class:`hatact.nn.MLP`.

    spec, scale: of f, as :func:`piecewise` takes them.

    Shapes: x: (*, in), weights: (hidden, in), (hidden, hidden) …, (out, hidden), biases: (hidden,)
    …, (out,), or none → (*, out). A single weight (out, in) is a linear layer. Under autocast the
    tensors are cast as torch.nn.functional.linear's are.

    checkpoint: keep nothing but x and the parameters (under autocast, as cast); the backward
    computes the rest again.

    Raises:
        ValueError: if spec is no activation, the scale no positive real number, or shapes, dtypes
            or devices do not match.
        TypeError: if checkpoint is not True or False.
    """
    if checkpoint is not False:
        check_flag("checkpoint", checkpoint, "checkpoint=True")
    weights, biases = _listed("weights", weights), _listed("biases", biases or ())
    for name, tensors in (("x", (x,)), ("a weight", weights), ("a bias", biases)):
        for t in tensors:
            check_tensor(t, name)
    device = x.device.type
    if autocasts(device):
        dtype = torch.get_autocast_dtype(device)
        x, weights, biases = cast(x, dtype), _cast(weights, dtype), _cast(biases, dtype)
    shape = check_mlp(x, weights, biases, least=1)
    traced = torch.compiler.is_compiling()
    if not traced:
        spec, scale = spec_of(spec, scale), 1
    if shape.depth == 1:
        return torch.nn.functional.linear(x, *weights, *biases)
    if traced:
        in_func = torch._C._are_functorch_transforms_active()
        if not in_func and not ops.mlp_unfused(device, shape.hidden, x.dtype, forced=False):
            text = traced_text(spec, scale)
            of_f, of_derivative = numbers(text), derivative_coeffs(text)
            return autograd.compiled_mlp(x, weights, biases, of_f, of_derivative, checkpoint)
    elif not autograd.transforms() and _fused(device, shape.hidden, x.dtype):
        assert isinstance(spec, PiecewisePolynomial)
        try:
            return autograd.fused_mlp(x, weights, biases, spec, checkpoint)
        except RuntimeError:
            check_refused(x, spec)
            raise
    return _layered(x, weights, biases, spec, checkpoint, scale)


def _listed(name: str, tensors: Sequence[Tensor]) -> list[Tensor]:
    try:
        return list(tensors)
    except TypeError:
        raise ValueError(
            f"{name} must be a list of tensors; got {type(tensors).__name__}: write "
            "mlp(x, weights, biases, spec)"
        ) from None


def _cast(tensors: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
    return [cast(t, dtype) for t in tensors]


def _fused(device: str, hidden: int, dtype: torch.dtype) -> bool:
    why = ops.mlp_unfused(device, hidden, dtype)
    if why:
        _say_once(device, hidden, dtype, why)
    return why is None


@lru_cache(maxsize=256)
def _say_once(device: str, hidden: int, dtype: torch.dtype, why: str) -> None:
    _log.debug("an MLP of width %d in %s runs layer by layer on %s: %s", hidden, dtype, device, why)


def _layered(
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    spec: Activation,
    checkpoint: bool,
    scale: Number = 1,
) -> Tensor:
    # An exported program runs what it holds once: there is no second pass to compute again in. Nor
    # in one of torch.jit.trace, whose check of itself a checkpoint fails in torch 2.11.
    once = autograd.exporting() if torch.compiler.is_compiling() else autograd.jit_traces()
    if checkpoint and torch.is_grad_enabled() and not once and not autograd.transforms():
        layers = x, weights, biases, spec, False, scale
        y: Tensor = checkpointed(_layered, *layers, use_reentrant=False, preserve_rng_state=False)
        return y
    for layer, w in enumerate(weights[:-1]):
        x = linear_act(x, w, biases[layer] if biases else None, spec, scale=scale)
    return torch.nn.functional.linear(x, weights[-1], biases[-1] if biases else None)
