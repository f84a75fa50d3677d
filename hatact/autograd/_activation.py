"""y = f(x) in plain eager autograd: classic Functions, and the slope code where f is linear.

`setup_context` costs three times what the classic `forward(ctx, …)` costs at small sizes, so the
Functions here have no rule for transforms: under those, :class:`PPoly` serves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from hatact import _checks, ops
from hatact.autograd._decode import decode
from hatact.autograd._ppoly import below_autograd, functionalizes, in_functorch, ppoly
from hatact.autograd._ppoly import op as ppoly_op
from hatact.autograd._tracing import jit_traces
from hatact.spec import PiecewisePolynomial

encode_op = ops.overload("_packed_encode")
decode_op = ops.overload("_packed_decode")
encode_list_op = ops.overload("ppoly_encode")
encode_in_place_op = ops.overload("ppoly_encode_")
in_place_op = ops.overload("ppoly_")
grad_enabled = torch.is_grad_enabled
dispatch_modes = torch._C._len_torch_dispatch_stack
_PLAIN = (Tensor, torch.nn.Parameter)


class Coded(torch.autograd.Function):
    """y = f(x), degree ≤ 1; keeps the code of the slopes alone: gx = gy·slopes[code].

    Outputs: y and an edge of no elements. Kept beside the code, the edge ties gx to the graph of
    x: the derivative of the derivative is then zeros, not an error, as torch.relu's is.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, spec: PiecewisePolynomial) -> tuple[Tensor, Tensor]:
        order = None if x.is_contiguous() else _dense_order(x)
        rows = x if order is None else x.permute(order)
        if has_values(x):
            numbers, slopes = _packed(spec)
            y, code, edge = encode_op(rows, numbers)
        else:
            slopes = None
            with below_autograd():
                y, code = encode_list_op(rows, *spec.numbers)
            edge = x.new_empty(0)
        if order is not None:
            y = y.permute(_inverse(order))
        ctx.save_for_backward(code, edge)
        ctx.set_materialize_grads(False)
        ctx.of = spec, slopes, order, x.shape
        return y, edge

    @staticmethod
    def backward(ctx: Any, gy: Tensor | None, of_edge: Any) -> tuple[Tensor | None, None]:
        code, edge = ctx.saved_tensors
        spec, slopes, order, shape = ctx.of
        if gy is None:  # the derivative of the derivative: zeros, in the graph of x
            return None if of_edge is None else edge.sum().expand(shape), None
        if order is None:
            differentiated = grad_enabled() or in_functorch() or forward_ad._current_level >= 0
            if differentiated or slopes is None or not has_values(gy):
                return decode(gy, code, spec.slopes, edge), None
            return decode_op(gy, code, slopes), None
        gx = decode(gy.permute(order), code, spec.slopes, edge)
        return gx.permute(_inverse(order)), None


class CodedInPlace(Coded):
    """x ← f(x), else as Coded."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, spec: PiecewisePolynomial) -> tuple[Tensor, Tensor]:
        order = None if x.is_contiguous() else _dense_order(x)
        with below_autograd():
            code = encode_in_place_op(x if order is None else x.permute(order), *spec.numbers)
        ctx.mark_dirty(x)
        edge = x.new_empty(0)
        ctx.save_for_backward(code, edge)
        ctx.set_materialize_grads(False)
        ctx.of = spec, _packed(spec)[1] if has_values(x) else None, order, x.shape
        return x, edge


def _dense_order(x: Tensor) -> tuple[int, ...]:
    """The dimensions in the order of memory if x is dense, such as channels last; else as is."""
    strides = x.stride()
    order = tuple(sorted(range(x.dim()), key=lambda d: -strides[d]))
    return order if x.permute(order).is_contiguous() else tuple(range(x.dim()))


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order.index(d) for d in range(len(order)))


def has_values(x: Tensor) -> bool:
    """Whether Python may look at values: not at a fake or wrapped tensor, or in a dispatch mode."""
    return type(x) in _PLAIN and not dispatch_modes() and not x.is_meta and not in_functorch()


def _packed(spec: PiecewisePolynomial) -> tuple[Tensor, Tensor]:
    """The numbers and the slopes of a spec as the fast ops take them; the spec holds them."""
    found: tuple[Tensor, Tensor] | None = spec._for_ops
    if found is None:
        assert spec.slopes is not None
        found = ops.packed(*spec.numbers), ops.packed((), spec.slopes)
        object.__setattr__(spec, "_for_ops", found)
    return found


class Kept(torch.autograd.Function):
    """y = f(x), any degree; keeps x: gx = gy·f′(x), itself differentiable to any order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, spec: PiecewisePolynomial) -> Tensor:
        ctx.save_for_backward(x)
        ctx.spec = spec
        with below_autograd():
            y: Tensor = ppoly_op(x, None, *spec.numbers)
        return y

    @staticmethod
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return ppoly(x, gy, ctx.spec.derivative()), None


# `Function.apply` first asks whether a transform is active and whether there is a setup_context.
# Both are known here; asking cost 2.3 us of 24.
_coded = super(torch.autograd.Function, Coded).apply
_coded_in_place = super(torch.autograd.Function, CodedInPlace).apply
_kept = super(torch.autograd.Function, Kept).apply


def activation(x: Tensor, spec: PiecewisePolynomial, inplace: bool = False) -> Tensor:
    """f(x), differentiable to any order, under every transform; written into x if `inplace`.

    Shapes: x: (*) → (*), with x's dense strides.

    Raises:
        ValueError: in place, for an f whose backward needs x, or an x that shares its memory.
        RuntimeError: in place, for a leaf that requires grad, or a view of one, and for an
            inference tensor outside inference mode.
    """
    if inplace:
        check_writable(x)
    if in_functorch() or forward_ad._current_level >= 0:
        return _under_transforms(x, spec, inplace)
    if x.requires_grad and grad_enabled() and not jit_traces():
        y: Tensor
        if inplace:
            check_in_place(x, spec)
            if (
                x._is_view() or x.is_neg()
            ):  # a Function of two outputs cannot write into a view; copy_ can
                _checks.check_in_place(x)
                return x.copy_(_coded(x, spec)[0])  # type: ignore[no-untyped-call]
            y = _coded_in_place(x, spec)[0]  # type: ignore[no-untyped-call]
        elif spec._slopes is None:
            y = _kept(x, spec)  # type: ignore[no-untyped-call]
        else:
            y = _coded(x, spec)[0]  # type: ignore[no-untyped-call]
        return y
    with below_autograd():
        if not inplace:
            y = ppoly_op(x, None, *spec.numbers)
            return y
        if jit_traces():  # what it records may be run where a gradient is asked for
            return x.copy_(ppoly_op(x.clone(), None, *spec.numbers))
        if x.is_neg():  # its memory holds −x: no kernel of ours knows that
            return x.copy_(ppoly_op(x.resolve_neg(), None, *spec.numbers))
        in_place_op(x, *spec.numbers)
    return bumped(x)


def check_in_place(x: Tensor, spec: PiecewisePolynomial) -> None:
    """Raises, before anything is written, what autograd would raise after, or not at all."""
    if spec.slopes is None:
        raise ValueError(
            "inplace=True needs a spec of degree at most 1 with at most eight slopes, whose "
            "backward does not need x, or an x that needs no gradient; got a spec of degree "
            f"{spec.degree} with {len(spec.knots)} knots: write inplace=False"
        )
    for of, what in ((x, "a leaf"), (x._base, "a view of a leaf")):
        if of is not None and of.is_leaf and of.requires_grad:
            raise RuntimeError(
                "inplace=True needs an x that is no leaf that requires grad: its value would be "
                f"lost; got {what} of shape {tuple(x.shape)}: write inplace=False"
            )


def check_writable(x: Tensor) -> None:
    """RuntimeError for an inference tensor outside inference mode, as torch's own ops raise."""
    if x.is_inference() and not torch.is_inference_mode_enabled():
        raise RuntimeError(
            "an inference tensor may be overwritten in inference mode alone; got one of shape "
            f"{tuple(x.shape)} outside it"
        )


def bumped(x: Tensor) -> Tensor:
    """x, its version counter raised: a backward that needs the old values then raises."""
    if not x.is_inference():
        torch.autograd.graph.increment_version(x)
    return x


def _under_transforms(x: Tensor, spec: PiecewisePolynomial, inplace: bool) -> Tensor:
    if not inplace:
        return ppoly(x, None, spec)
    if x.requires_grad and torch.is_grad_enabled():
        check_in_place(x, spec)
    _checks.check_in_place(x)
    y = ppoly(x.clone(), None, spec)
    if functionalizes():  # which makes of copy_ what has no derivative, and no rule for vmap
        return x.masked_fill_(torch.ones_like(x, dtype=torch.bool), 0.0).add_(y)
    return x.copy_(y)
