"""The raw ops under the Autograd key: right gradients there too, or an error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from hatact import ops
from hatact._bounded import BoundedCache
from hatact._checks import check_numbers
from hatact.autograd._activation import bumped, check_in_place
from hatact.autograd._cascade import Cascade
from hatact.autograd._decode import Decode, decode
from hatact.autograd._mlp import Mlp
from hatact.autograd._ppoly import PPoly, below_autograd, differentiates
from hatact.spec import PiecewisePolynomial


def _of_numbers(
    knots: tuple[float, ...], coeffs: tuple[float, ...], period: float
) -> PiecewisePolynomial:
    check_numbers(knots, coeffs, period)
    width = len(coeffs) // (len(knots) + 1)
    pieces = tuple(coeffs[i : i + width] for i in range(0, len(coeffs), width))
    return PiecewisePolynomial(knots, pieces, period or None)


# A spec keeps its derivative, and that its own: as many, and as large.
_of = BoundedCache(_of_numbers, weight=lambda spec: spec.degree + 1)


def _spec(knots: Sequence[float], coeffs: Sequence[float], period: float) -> PiecewisePolynomial:
    return _of(tuple(knots), tuple(coeffs), period)


def _no_transforms(name: str) -> None:
    if torch._C._are_functorch_transforms_active():
        of_name = {"cascade": "triangle_cascade", "mlp": "mlp", "linear_act": "linear_act"}
        instead = next((f for part, f in of_name.items() if part in name), "piecewise")
        raise RuntimeError(
            f"an op has no rule for torch.func transforms; got torch.ops.hatact.{name} under one: "
            f"write hatact.functional.{instead}, which has"
        )


def _below(name: str, *args: Any) -> Any:
    with below_autograd():
        return ops.overload(name)(*args)


def _ppoly(
    x: Tensor,
    g: Tensor | None,
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
) -> Any:
    _no_transforms("ppoly")
    if differentiates(x) or (g is not None and differentiates(g)):
        return PPoly.apply(x, g, _spec(knots, coeffs, period))  # type: ignore[no-untyped-call]
    return _below("ppoly", x, g, knots, coeffs, period)


class RawEncode(torch.autograd.Function):
    """(f(x), code, edge), f(x) in place of x or not; keeps the code and the edge (see Coded)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, spec: PiecewisePolynomial, inplace: bool) -> Any:
        if inplace:
            y, code = x, _below("ppoly_encode_", x, *spec.numbers)
            ctx.mark_dirty(x)
        else:
            y, code = _below("ppoly_encode", x, *spec.numbers)
        ctx.mark_non_differentiable(code)
        edge = x.new_empty(0)
        ctx.save_for_backward(code, edge)
        ctx.set_materialize_grads(False)
        ctx.slopes, ctx.shape = spec.slopes, x.shape
        return y, code, edge

    @staticmethod
    def backward(ctx: Any, gy: Tensor | None, _: Any, of_edge: Any) -> Any:
        code, edge = ctx.saved_tensors
        if gy is None:
            return None if of_edge is None else edge.sum().expand(ctx.shape), None, None
        return decode(gy, code, ctx.slopes, edge), None, None


def _ppoly_encode(
    x: Tensor, knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0
) -> Any:
    _no_transforms("ppoly_encode")
    spec = _codable(x, knots, coeffs, period)
    if spec is None:
        return _below("ppoly_encode", x, knots, coeffs, period)
    return RawEncode.apply(x, spec, False)[:2]  # type: ignore[no-untyped-call]


def _ppoly_encode_(
    x: Tensor, knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0
) -> Any:
    _no_transforms("ppoly_encode_")
    spec = _codable(x, knots, coeffs, period)
    if spec is None:
        code = _below("ppoly_encode_", x, knots, coeffs, period)
        bumped(x)
        return code
    check_in_place(x, spec)
    if x._is_view():
        raise RuntimeError(
            "torch.ops.hatact.ppoly_encode_ cannot write into a view that requires grad: use "
            "hatact.functional.piecewise(x, spec, inplace=True); got a view of shape "
            f"{tuple(x.shape)}"
        )
    return RawEncode.apply(x, spec, True)[1]  # type: ignore[no-untyped-call]


def _codable(x: Tensor, *numbers: Any) -> PiecewisePolynomial | None:
    """The spec, where x needs a gradient and the Function can give it."""
    if forward_ad._current_level >= 0:
        raise RuntimeError(
            "a slope code has no tangent: under forward-mode AD use hatact.functional.piecewise"
        )
    if not differentiates(x):
        return None
    spec = _spec(*numbers)
    return spec if spec.slopes is not None else None  # the op itself says what is wrong


def _ppoly_(
    x: Tensor, knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0
) -> None:
    _no_transforms("ppoly_")
    if differentiates(x):
        raise RuntimeError(
            "torch.ops.hatact.ppoly_ keeps nothing for a derivative; got an x that requires grad, "
            "or forward-mode AD at work: use hatact.functional.piecewise(x, spec, inplace=True)"
        )
    _below("ppoly_", x, knots, coeffs, period)
    bumped(x)


def _ppoly_decode(g: Tensor, code: Tensor, slopes: Sequence[float]) -> Any:
    _no_transforms("ppoly_decode")
    if differentiates(g):
        return Decode.apply(g, code, slopes, None)  # type: ignore[no-untyped-call]
    return _below("ppoly_decode", g, code, slopes)


def _triangle_cascade(x: Tensor, peaks: Tensor, scales: Tensor) -> Any:
    _no_transforms("triangle_cascade")
    if any(map(differentiates, (x, peaks, scales))):
        return Cascade.apply(x, peaks, scales)  # type: ignore[no-untyped-call]
    return _below("triangle_cascade", x, peaks, scales)


def _triangle_cascade_backward(g: Tensor, x: Tensor, peaks: Tensor, scales: Tensor) -> Any:
    _no_transforms("triangle_cascade_backward")
    if any(map(differentiates, (g, x, peaks, scales))):
        raise RuntimeError(
            "torch.ops.hatact.triangle_cascade_backward has no derivative of its own; got a tensor "
            "that requires grad: use hatact.functional.triangle_cascade and create_graph=True"
        )
    return _below("triangle_cascade_backward", g, x, peaks, scales)


class RawMlp(torch.autograd.Function):
    """(y, what is kept): as Mlp, with both outputs of the op."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        x, depth, spec, keep, *parameters = args
        weights, biases = parameters[:depth], parameters[depth:]
        y, kept = _below("mlp_forward", x, weights, biases, *spec.numbers, keep)
        ctx.mark_non_differentiable(kept)
        ctx.save_for_backward(x, kept, *parameters)
        ctx.depth, ctx.spec = depth, spec
        return y, kept

    @staticmethod
    def backward(ctx: Any, gy: Any, _: Any) -> Any:
        return Mlp.backward(ctx, gy)


def _mlp_forward(
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
    keep: bool = True,
) -> Any:
    _no_transforms("mlp_forward")
    if any(map(differentiates, (x, *weights, *biases))):
        spec = _spec(knots, coeffs, period)
        return RawMlp.apply(x, len(weights), spec, keep, *weights, *biases)  # type: ignore[no-untyped-call]
    return _below("mlp_forward", x, weights, biases, knots, coeffs, period, keep)


def _refusing(name: str, instead: str) -> Callable[..., Any]:
    """An op that keeps nothing for a derivative: it refuses tensors that ask for one."""

    def kernel(*args: Any) -> Any:
        _no_transforms(name)
        tensors = [t for a in args for t in (a if isinstance(a, list | tuple) else [a])]
        if any(differentiates(t) for t in tensors if isinstance(t, Tensor)):
            raise RuntimeError(
                f"torch.ops.hatact.{name} keeps nothing for a derivative; got a tensor that "
                f"requires grad, or forward-mode AD at work: use {instead}"
            )
        return _below(name, *args)

    return kernel


KERNELS: dict[str, Callable[..., Any]] = {
    "ppoly": _ppoly,
    "ppoly_": _ppoly_,
    "ppoly_encode": _ppoly_encode,
    "ppoly_encode_": _ppoly_encode_,
    "ppoly_decode": _ppoly_decode,
    "linear_act": _refusing("linear_act", "hatact.nn.LinearAct"),
    "mlp_forward": _mlp_forward,
    "mlp_backward": _refusing("mlp_backward", "hatact.nn.MLP and create_graph=True"),
    "triangle_cascade": _triangle_cascade,
    "triangle_cascade_backward": _triangle_cascade_backward,
}


def register() -> None:
    """Gives each op its kernel under the Autograd key."""
    for name, kernel in KERNELS.items():
        ops.LIBRARY.impl(name, kernel, "Autograd")
