"""y = F(x) for a triangle cascade: one op each way; keeps x, the peaks and the scales."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hatact import ops
from hatact.autograd._ppoly import below_autograd, transforms
from hatact.autograd._tracing import exporting, jit_traces
from hatact.reference_cascade import triangle_cascade as composed

op = ops.overload("triangle_cascade")
backward_op = ops.overload("triangle_cascade_backward")
Gradients = tuple[Tensor | None, ...]


class Cascade(torch.autograd.Function):
    """The fused op and its backward; for a second derivative the composition in plain torch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
        ctx.save_for_backward(x, peaks, scales)
        with below_autograd():
            y: Tensor = op(x, peaks, scales)
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Gradients:
        saved = ctx.saved_tensors
        if not (torch.is_grad_enabled() or transforms()):
            with below_autograd():
                found = backward_op(gy, *saved)
            return tuple(g if n else None for g, n in zip(found, ctx.needs_input_grad, strict=True))
        with torch.enable_grad():
            # Aliases: a derivative by these ends here; one by the peaks would also follow scales
            # that are made of them.
            aliases = [t.view_as(t) for t in saved]
            wanted = [t for t, n in zip(aliases, ctx.needs_input_grad, strict=True) if n]
            again = torch.autograd.grad(composed(*aliases), wanted, gy, create_graph=True)
        grads = iter(again)
        return tuple(next(grads) if n else None for n in ctx.needs_input_grad)


class CompiledCascade(torch.autograd.Function):
    """Cascade as Dynamo can trace it: ops alone, no second derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
        ctx.save_for_backward(x, peaks, scales)
        y: Tensor = torch.ops.hatact.triangle_cascade(x, peaks, scales)
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> Gradients:
        grads: Gradients = torch.ops.hatact.triangle_cascade_backward(gy, *ctx.saved_tensors)
        return grads


def triangle_cascade(x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
    """F(x), differentiable to any order, under every transform.

    Shapes: x: (*, channels), peaks, scales: (channels, depth) → (*, channels).
    """
    if transforms():
        return composed(x, peaks, scales)
    y: Tensor
    if jit_traces():
        y = op(x, peaks, scales)
        return y
    if torch.is_grad_enabled() and any(t.requires_grad for t in (x, peaks, scales)):
        y = Cascade.apply(x, peaks, scales)  # type: ignore[no-untyped-call]
        return y
    with below_autograd():
        y = op(x, peaks, scales)
    return y


def compiled_triangle_cascade(x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
    """:func:`triangle_cascade` where Dynamo traces: the ops stay whole.

    An exported program holds the op alone, which brings its derivative along.
    """
    y: Tensor
    if exporting():
        y = torch.ops.hatact.triangle_cascade(x, peaks, scales)
        return y
    y = CompiledCascade.apply(x, peaks, scales)  # type: ignore[no-untyped-call]
    return y
