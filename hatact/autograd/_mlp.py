"""A network of linear layers and one activation: one op each way where kernels fuse it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from hatact import ops
from hatact.autograd._ppoly import below_autograd, ppoly, transforms, without_autocast
from hatact.autograd._tracing import exporting, jit_traces
from hatact.spec import PiecewisePolynomial

op = ops.overload("mlp_forward")
backward_op = ops.overload("mlp_backward")
is_batched = torch._C._functorch.is_legacy_batchedtensor
Parameters = Sequence[Tensor]  # the weights, then the biases or none


def composed(
    x: Tensor, weights: Parameters, biases: Parameters, spec: PiecewisePolynomial
) -> Tensor:
    """Layer by layer, keeping what any derivative of any order needs."""
    for layer, w in enumerate(weights):
        x = linear(x, w, biases[layer] if biases else None)
        if layer + 1 < len(weights):
            x = ppoly(x, None, spec)
    return x


class Mlp(torch.autograd.Function):
    """The fused op and its backward; keeps x, the parameters and hidden pre-activations, or none.

    For a second derivative the layers are composed again, of differentiable parts.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, depth: int, spec: PiecewisePolynomial, keep: bool, *parameters: Tensor
    ) -> Tensor:
        y: Tensor
        with below_autograd():
            weights, biases = list(parameters[:depth]), list(parameters[depth:])
            y, kept = op(x, weights, biases, *spec.numbers, keep)
        ctx.save_for_backward(x, kept, *parameters)
        ctx.depth, ctx.spec = depth, spec
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, kept, *parameters = ctx.saved_tensors
        weights, biases = parameters[: ctx.depth], parameters[ctx.depth :]
        of_input, _, _, _, *of_each = ctx.needs_input_grad
        # is_grads_batched=True batches gy by another mechanism than torch.func's.
        if torch.is_grad_enabled() or transforms() or is_batched(gy):
            with torch.enable_grad(), without_autocast(x.device.type):
                # Aliases: a derivative by these ends here; one by a tensor that is saved twice, or
                # that another saved one depends on, would follow that one's history too.
                x, *parameters = (t.view_as(t) for t in (x, *parameters))
                y = composed(x, parameters[: ctx.depth], parameters[ctx.depth :], ctx.spec)
                tensors = zip((x, *parameters), (of_input, *of_each), strict=True)
                wanted = [t for t, n in tensors if n]
                found = iter(torch.autograd.grad(y, wanted, gy, create_graph=True))
            gx, *of_parameters = (next(found) if n else None for n in (of_input, *of_each))
            return gx, None, None, None, *of_parameters
        knots, coeffs, period = ctx.spec.numbers
        with below_autograd():
            gx, gweights, gbiases = backward_op(
                gy,
                x,
                weights,
                biases,
                kept,
                knots,
                coeffs,
                derivative_of(ctx.spec),
                period,
                of_input,
                any(of_each),
            )
        grads = (*gweights, *gbiases) if any(of_each) else (None,) * len(of_each)
        of_parameters = [g if n else None for g, n in zip(grads, of_each, strict=True)]
        return gx if of_input else None, None, None, None, *of_parameters


class CompiledMlp(torch.autograd.Function):
    """Mlp as Dynamo can trace it: ops alone, no second derivative."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        depth: int,
        numbers: tuple[tuple[float, ...], tuple[float, ...], float],
        derivative: tuple[float, ...],
        keep: bool,
        asked: tuple[bool, bool],
        *parameters: Tensor,
    ) -> Tensor:
        weights, biases = list(parameters[:depth]), list(parameters[depth:])
        y: Tensor
        y, kept = torch.ops.hatact.mlp_forward(x, weights, biases, *numbers, keep)
        ctx.save_for_backward(x, kept, *parameters)
        ctx.depth, ctx.numbers, ctx.derivative, ctx.asked = depth, numbers, derivative, asked
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, kept, *parameters = ctx.saved_tensors
        weights, biases = parameters[: ctx.depth], parameters[ctx.depth :]
        knots, coeffs, period = ctx.numbers
        of_input, of_parameters = ctx.asked
        gx, gweights, gbiases = torch.ops.hatact.mlp_backward(
            gy, x, weights, biases, kept, knots, coeffs, ctx.derivative, period, *ctx.asked
        )
        grads = (*gweights, *gbiases) if of_parameters else (None,) * len(parameters)
        return gx if of_input else None, None, None, None, None, None, *grads


def derivative_of(spec: PiecewisePolynomial) -> tuple[float, ...]:
    """The coefficients of f′, on the knots of f."""
    return spec.derivative().numbers[1]


def fused_mlp(
    x: Tensor, weights: Parameters, biases: Parameters, spec: PiecewisePolynomial, checkpoint: bool
) -> Tensor:
    """The network through the fused op, outside transforms.

    Shapes: see :func:`hatact.reference_mlp.mlp_forward`.
    """
    y: Tensor
    if jit_traces():
        y, _ = op(x, list(weights), list(biases), *spec.numbers, not checkpoint)
        return y
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, *weights, *biases)):
        y = Mlp.apply(x, len(weights), spec, not checkpoint, *weights, *biases)  # type: ignore[no-untyped-call]
        return y
    with below_autograd():
        y, _ = op(x, weights, biases, *spec.numbers, False)
    return y


def compiled_mlp(
    x: Tensor,
    weights: Parameters,
    biases: Parameters,
    numbers: tuple[tuple[float, ...], tuple[float, ...], float],
    derivative: tuple[float, ...],
    checkpoint: bool,
) -> Tensor:
    """:func:`fused_mlp` where Dynamo traces: the ops stay whole.

    An exported program holds the op alone, which brings its derivative along (RawMlp).
    """
    y: Tensor
    if exporting():
        keep = torch.is_grad_enabled() and not checkpoint
        y, _ = torch.ops.hatact.mlp_forward(x, list(weights), list(biases), *numbers, keep)
        return y
    asked = x.requires_grad, any(t.requires_grad for t in (*weights, *biases))
    if torch.is_grad_enabled() and any(asked):
        y = CompiledMlp.apply(  # type: ignore[no-untyped-call]
            x, len(weights), numbers, derivative, not checkpoint, asked, *weights, *biases
        )
        return y
    y, _ = torch.ops.hatact.mlp_forward(x, list(weights), list(biases), *numbers, False)
    return y
