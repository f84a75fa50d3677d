"""hatact::ppoly, differentiable to any order under every transform: it keeps x."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from hatact import ops, reference
from hatact.spec import PiecewisePolynomial

op = ops.overload("ppoly")
below_autograd = torch._C._AutoDispatchBelowAutograd
in_functorch = torch._C._are_functorch_transforms_active


class PPoly(torch.autograd.Function):
    """y = g·f(x); VJPs PPoly(x, gy·g, f′) to x and PPoly(x, gy, f) to g: every order follows."""

    @staticmethod
    def forward(x: Tensor, g: Tensor | None, spec: PiecewisePolynomial) -> Tensor:
        with below_autograd():
            y: Tensor = op(x, g, *spec.numbers)
        return y

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
    if functionalizes():
        return reference.ppoly(x, g, *spec.numbers)
    if differentiates(x) or (g is not None and differentiates(g)):
        y: Tensor = PPoly.apply(x, g, spec)  # type: ignore[no-untyped-call]
        return y
    with below_autograd():
        y = op(x, g, *spec.numbers)
    return y


def transforms() -> bool:
    """Whether torch.func or forward-mode AD is at work."""
    return in_functorch() or forward_ad._current_level >= 0


def functionalizes() -> bool:
    """Whether torch.func.functionalize is among the transforms at work.

    It has no rule for a Function of ours, nor a place to give one: torch's own ops serve there.
    """
    if not in_functorch():
        return False
    key = torch._C._functorch.TransformType.Functionalize
    stack = torch._C._functorch.get_interpreter_stack() or ()
    return any(interpreter.key() == key for interpreter in stack)


def without_autocast(device: str) -> Any:
    """Autocast off, where a device type has it."""
    available = torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if available else nullcontext()


def differentiates(x: Tensor) -> bool:
    """Whether a derivative or a transform may be watching."""
    return (x.requires_grad and torch.is_grad_enabled()) or transforms()
