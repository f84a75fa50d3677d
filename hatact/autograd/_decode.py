"""g·slopes[code], differentiable: linear in g, and flat in the x that the code is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from hatact import _code, ops, reference
from hatact.autograd._ppoly import below_autograd, differentiates, functionalizes, transforms

op = ops.overload("ppoly_decode")


class Decode(torch.autograd.Function):
    """gx = g·slopes[code]; VJP to g Decode(gy), JVP Decode(tg).

    `edge` has no elements. It ties the result to the graph of x, in which it is flat: its VJP
    has no elements either, and becomes zeros for x further up.
    """

    @staticmethod
    def forward(g: Tensor, code: Tensor, slopes: Sequence[float], edge: Tensor | None) -> Tensor:
        with below_autograd():
            gx: Tensor = op(g, code, slopes)
        return gx

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, code, ctx.slopes, edge = inputs
        ctx.save_for_backward(code, edge)
        ctx.save_for_forward(code, edge)

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, None, None, Tensor | None]:
        code, edge = ctx.saved_tensors
        gg = decode(gy, code, ctx.slopes, edge) if ctx.needs_input_grad[0] else None
        return gg, None, None, edge.new_zeros(0) if ctx.needs_input_grad[3] else None

    @staticmethod
    def jvp(ctx: Any, tg: Tensor | None, *_: None) -> Tensor | None:
        code, edge = ctx.saved_tensors
        return None if tg is None else decode(tg, code, ctx.slopes, edge)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        g: Tensor,
        code: Tensor,
        slopes: Sequence[float],
        edge: Tensor | None,
    ) -> tuple[Tensor, int]:
        dg, dcode, _, _ = in_dims
        if dcode is not None or dg is None:
            raise RuntimeError(
                "a slope code has no batch dimension: it belongs to the whole of one tensor; "
                f"got in_dims {in_dims}"
            )
        rows = g.movedim(dg, 0).flatten(1) if g.dim() > 1 else g.movedim(dg, 0)[:, None]
        n = rows.shape[1]
        # Each row starts at a group of the code.
        rows = torch.nn.functional.pad(rows, (0, -n % _code.GROUP))
        gx = decode(rows, code.repeat(len(rows)), slopes, edge)
        return gx[:, :n].reshape(g.movedim(dg, 0).shape), 0


def decode(g: Tensor, code: Tensor, slopes: Sequence[float], edge: Tensor | None) -> Tensor:
    """g·slopes[code], differentiable in g to any order, zero beyond; under every transform.

    Shapes: g: (*), code: (bytes,) → (*), row-major.
    """
    if functionalizes():
        gx: Tensor = reference.ppoly_decode(g, code, slopes)
        return gx if edge is None else gx + edge.sum()
    if differentiates(g) or (edge is not None and differentiates(edge)) or transforms():
        gx = Decode.apply(g, code, slopes, edge)  # type: ignore[no-untyped-call]
        return gx
    with below_autograd():
        gx = op(g, code, slopes)
    return gx
