"""The torch.autograd.Function of the op: closed under differentiation, right under transforms.

Not `torch.library.register_autograd`: under it `torch.func.grad` and `jacrev` raise, and
`torch.func.jvp` silently returns zeros (torch 2.13).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from hatact import ops
from hatact._checks import check_numbers
from hatact.spec import PiecewisePolynomial


def _below_autograd(
    x: Tensor,
    g: Tensor | None,
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float,
) -> Tensor:
    with torch._C._AutoDispatchBelowAutograd():
        y: Tensor = torch.ops.hatact.ppoly.default(x, g, knots, coeffs, period)
    return y


class PPoly(torch.autograd.Function):
    """y = g·f(x); VJPs PPoly(x, gy·g, f′) to x and PPoly(x, gy, f) to g: every order follows."""

    @staticmethod
    def forward(x: Tensor, g: Tensor | None, spec: PiecewisePolynomial) -> Tensor:
        return _below_autograd(x, g, *spec.numbers)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, g, ctx.spec = inputs
        ctx.save_for_backward(x, g)
        ctx.save_for_forward(x, g)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, g = ctx.saved_tensors
        gx = gg = None
        if ctx.needs_input_grad[0]:
            gx = ppoly(x, gy if g is None else gy * g, ctx.spec.derivative())
        if ctx.needs_input_grad[1]:
            gg = ppoly(x, gy, ctx.spec)
        return gx, gg, None

    @staticmethod
    def jvp(ctx: Any, tx: Tensor | None, tg: Tensor | None, _: None) -> Tensor:
        x, g = ctx.saved_tensors
        parts = []
        if tx is not None:
            parts.append(ppoly(x, tx if g is None else tx * g, ctx.spec.derivative()))
        if tg is not None:
            parts.append(ppoly(x, tg, ctx.spec))
        return sum(parts[1:], parts[0])

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], x: Tensor, g: Tensor | None, spec: Any
    ) -> tuple[Tensor, int]:
        dx, dg, _ = in_dims
        if g is None:
            return ppoly(x, None, spec), dx  # type: ignore[return-value]
        x = x.movedim(dx, 0) if dx is not None else x.expand(info.batch_size, *x.shape)
        g = g.movedim(dg, 0) if dg is not None else g.expand(info.batch_size, *g.shape)
        return ppoly(x, g, spec), 0


def ppoly(x: Tensor, g: Tensor | None, spec: PiecewisePolynomial) -> Tensor:
    """g·f(x), differentiable to any order in x and g, under every transform of torch.func.

    Shapes: x: (*), g: (*) or None → (*).
    """
    if _differentiates(x, g):
        y: Tensor = PPoly.apply(x, g, spec)  # type: ignore[no-untyped-call]
        return y
    return _below_autograd(x, g, *spec.numbers)


def _differentiates(x: Tensor, g: Tensor | None) -> bool:
    """Whether a derivative or a transform may be watching."""
    if forward_ad._current_level >= 0 or torch._C._are_functorch_transforms_active():
        return True
    return torch.is_grad_enabled() and (x.requires_grad or (g is not None and g.requires_grad))


def _spec(knots: Sequence[float], coeffs: Sequence[float], period: float) -> PiecewisePolynomial:
    width = len(coeffs) // (len(knots) + 1)
    pieces = tuple(tuple(coeffs[i : i + width]) for i in range(0, len(coeffs), width))
    return PiecewisePolynomial(tuple(knots), pieces, period or None)


def _raw_op(
    x: Tensor,
    g: Tensor | None,
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
) -> Tensor:
    """The op under the Autograd key: right gradients on the raw op too, never silently none."""
    if torch._C._are_functorch_transforms_active():
        raise RuntimeError(
            "torch.ops.hatact.ppoly has no rule for torch.func transforms; "
            "use hatact.functional.piecewise, which has"
        )
    if _differentiates(x, g):
        check_numbers(knots, coeffs, period)
        y: Tensor = PPoly.apply(x, g, _spec(knots, coeffs, period))  # type: ignore[no-untyped-call]
        return y
    return _below_autograd(x, g, knots, coeffs, period)


ops.LIBRARY.impl("ppoly", _raw_op, "Autograd")
