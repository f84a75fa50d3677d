"""y = f(x·Wᵀ + b): a linear layer that its activation overwrites; only y and the code live on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from hatact import ops
from hatact.autograd._activation import activation, in_place_op
from hatact.autograd._decode import decode
from hatact.autograd._ppoly import below_autograd, ppoly, transforms, without_autocast
from hatact.autograd._ppoly import op as ppoly_op
from hatact.autograd._tracing import jit_traces
from hatact.spec import PiecewisePolynomial

op = ops.overload("linear_act")
Gradients = tuple[Tensor | None, Tensor | None, Tensor | None]


def _as(t: Tensor | None, x: Tensor, cast: bool) -> Any:
    """W or b as the layer uses it: under autocast in x's dtype. What is kept is the parameter."""
    return t.to(x.dtype) if cast and t is not None and t.dtype != torch.float64 else t


def _through_linear(ctx: Any, gz: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    """The gradients of x, W and b for gz, that of z = x·Wᵀ + b."""
    gx = gz @ _as(weight, x, ctx.cast) if ctx.needs_input_grad[0] else None
    n = x.shape[:-1].numel()  # not −1, which nothing says where there are no features
    rows, inputs = gz.reshape(n, weight.shape[0]), x.reshape(n, weight.shape[1])
    gw = (rows.T @ inputs).to(weight.dtype) if ctx.needs_input_grad[1] else None
    return gx, gw, rows.sum(0).to(ctx.of_bias) if ctx.needs_input_grad[2] else None


class CodedLinear(torch.autograd.Function):
    """y = f(x·Wᵀ + b), degree ≤ 1; keeps x, W, the code and an edge (see Coded)."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        spec: PiecewisePolynomial,
        cast: bool,
    ) -> tuple[Tensor, Tensor]:
        ctx.cast, ctx.of_bias = cast, None if bias is None else bias.dtype
        with below_autograd():
            y, code = op(x, _as(weight, x, cast), _as(bias, x, cast), *spec.numbers)
        edge = x.new_empty(0)
        ctx.save_for_backward(x, weight, code, edge)
        ctx.set_materialize_grads(False)
        ctx.slopes = spec.slopes
        return y, edge

    @staticmethod
    def backward(ctx: Any, gy: Tensor | None, of_edge: Any) -> tuple[Tensor | None, ...]:
        x, weight, code, edge = ctx.saved_tensors
        if gy is None and of_edge is None:
            return (None,) * 5
        if gy is None:  # the derivative of the derivative of f: zeros, in the graph of x, W and b
            zero, shapes = edge.sum(), (x.shape, weight.shape, weight.shape[:1])
            needs = ctx.needs_input_grad[:3]
            return (
                *(zero.expand(s) if n else None for s, n in zip(shapes, needs, strict=True)),
                None,
                None,
            )
        return *_through_linear(ctx, decode(gy, code, ctx.slopes, edge), x, weight), None, None


class RecomputedLinear(torch.autograd.Function):
    """y = f(x·Wᵀ + b), any f; keeps x, W and b, and computes x·Wᵀ + b again for the backward."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        spec: PiecewisePolynomial,
        cast: bool,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, bias)
        ctx.spec = spec
        ctx.cast, ctx.of_bias = cast, None if bias is None else bias.dtype
        with below_autograd():
            y = linear(x, _as(weight, x, cast), _as(bias, x, cast))
            in_place_op(y, *spec.numbers)
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias = ctx.saved_tensors
        with without_autocast(x.device.type):  # the forward's own dtypes are known
            z = linear(x, _as(weight, x, ctx.cast), _as(bias, x, ctx.cast))
            gz = ppoly(z, gy, ctx.spec.derivative())
            return *_through_linear(ctx, gz, x, weight), None, None


class CompiledLinear(torch.autograd.Function):
    """CodedLinear as Dynamo can trace it: ops alone, no edge."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        numbers: tuple[tuple[float, ...], tuple[float, ...], float],
        slopes: tuple[float, ...],
    ) -> Tensor:
        y: Tensor
        y, code = torch.ops.hatact.linear_act(x, weight, bias, *numbers)
        ctx.save_for_backward(x, weight, code)
        ctx.slopes, ctx.cast = slopes, False
        ctx.of_bias = None if bias is None else bias.dtype
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, code = ctx.saved_tensors
        gz = torch.ops.hatact.ppoly_decode(gy, code, ctx.slopes)
        return *_through_linear(ctx, gz, x, weight), None, None


def linear_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    spec: PiecewisePolynomial,
    cast: bool = False,
) -> Tensor:
    """f(x·Wᵀ + b), differentiable to any order, under every transform.

    cast: the layer uses W and b in x's dtype, as autocast has it, but keeps the parameters.

    Shapes: x: (*, in), weight: (out, in), bias: (out,) or None → (*, out).
    """
    if transforms():
        return ppoly(linear(x, _as(weight, x, cast), _as(bias, x, cast)), None, spec)
    y: Tensor
    if jit_traces():
        y = ppoly_op(linear(x, _as(weight, x, cast), _as(bias, x, cast)), None, *spec.numbers)
        return y
    tensors = (x, weight) if bias is None else (x, weight, bias)
    if torch.is_grad_enabled() and any(t.requires_grad for t in tensors):
        if spec.slopes is None:
            y = RecomputedLinear.apply(x, weight, bias, spec, cast)  # type: ignore[no-untyped-call]
        else:
            y = CodedLinear.apply(x, weight, bias, spec, cast)[0]  # type: ignore[no-untyped-call]
        return y
    return activation(linear(x, _as(weight, x, cast), _as(bias, x, cast)), spec, inplace=True)


def compiled_linear_act(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    numbers: tuple[tuple[float, ...], tuple[float, ...], float],
    slopes: tuple[float, ...],
) -> Tensor:
    """:func:`linear_act` under torch.compile: the op stays whole, and so does its memory."""
    y: Tensor = CompiledLinear.apply(x, weight, bias, numbers, slopes)  # type: ignore[no-untyped-call]
    return y
