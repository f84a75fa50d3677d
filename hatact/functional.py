"""Activations as functions: each is `piecewise(x, spec)` with the spec of its name."""

from __future__ import annotations

from functools import lru_cache
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from hatact import autograd, reference, reference_cascade
from hatact.activations import bspline as _bspline
from hatact.activations.bw_relu import BW_RELU
from hatact.activations.hat import HAT
from hatact.reference_cascade import check_cascade
from hatact.spec import Number, PiecewisePolynomial

_BSPLINES = {degree: _bspline.bspline(degree) for degree in range(_bspline.MAX_DEGREE + 1)}


def piecewise(x: Tensor, spec: PiecewisePolynomial, inplace: bool = False) -> Tensor:
    """f(x) for the piecewise polynomial `spec`.

    Shapes: x: (*) → (*), with x's dense strides. dtypes: float16, bfloat16 (computed in
    float32, rounded once), float32, float64. Values at knots, ±inf and NaN: see
    :class:`hatact.PiecewisePolynomial`. Differentiable to any order, in reverse and forward
    mode and under torch.func; the derivative is that of the spec, exact. Under `torch.compile`
    and `torch.export` the plain-torch reference is traced, so that Inductor can fuse it; x is kept
    there, and in place is as good for any degree.

    Training keeps, for a degree of at most 1 and at most eight slopes, one to three bits an
    element (`spec.slopes`), and not x; otherwise x. At a NaN the coded backward gives g times the
    slope of the last piece, where one that keeps x gives NaN. A second derivative that is 0 almost
    everywhere (degree ≤ 1) comes out as zeros: useless to a PINN, which needs
    `bspline(degree >= 2)`.

    Checkpointed without re-entry, a forward and its recomputation must both run inside a transform
    (`torch.func`, forward-mode AD) or both outside: what is kept differs.

    inplace: x is overwritten and returned, as with `torch.nn.functional.relu(x, inplace=True)`.

    Raises:
        ValueError: if x is not a real floating tensor, or spec not a PiecewisePolynomial; in
            place, if the backward would need x (a degree above 1, more than eight slopes), or if
            elements of x share memory. Nothing has been written then.
        RuntimeError: in place, if x is a leaf that requires grad, or a view of one.
    """
    _check_spec(spec)
    return _piecewise(x, spec, 1, inplace)


def hat(x: Tensor, scale: Number = 1.0, inplace: bool = False) -> Tensor:
    """hat(s·x) = relu(s·x) − 2·relu(s·x − 1) + relu(s·x − 2), s = scale > 0.

    Support [0, 2/s], peak 1 at 1/s; slopes 0, ±s. Shapes, dtypes, errors: :func:`piecewise`.
    The scale decides whether spectral bias goes (arXiv 2208.04924; README, "The scale").
    """
    return _piecewise(x, HAT, scale, inplace)


def bspline(x: Tensor, degree: int = 3, scale: Number = 1.0) -> Tensor:
    """N_d(s·x), the cardinal B-spline of degree d = 0 … 5 with knots 0, 1/s, …, (d + 1)/s.

    Shapes, dtypes, errors: :func:`piecewise`; ValueError for another degree.
    """
    known = type(degree) is int and degree in _BSPLINES
    return _piecewise(x, _BSPLINES[degree] if known else _bspline.bspline(degree), scale, False)


def bw_relu(x: Tensor, scale: Number = 1.0, inplace: bool = False) -> Tensor:
    """ψ(s·x), the BW-ReLU wavelet ⅙·Σ_k w_k·relu(s·x − k/2), support [0, 3/s].

    Shapes, dtypes, errors: :func:`piecewise`. Source: arXiv 2406.02529.
    """
    return _piecewise(x, BW_RELU, scale, inplace)


def linear_act(x: Tensor, weight: Tensor, bias: Tensor | None, spec: PiecewisePolynomial) -> Tensor:
    """f(x·Wᵀ + b), see :class:`hatact.nn.LinearAct`.

    Shapes: x: (*, in), weight: (out, in), bias: (out,) or None → (*, out). Under autocast the
    tensors are cast as torch.nn.functional.linear's are.

    Raises:
        ValueError: if spec is not a PiecewisePolynomial, or the result would not be a real
            floating tensor; shapes and dtypes that do not match raise as torch's linear does.
    """
    _check_spec(spec)
    _check_linear(x, weight, bias)
    device = x.device.type
    cast = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    if cast:
        x = _cast(x, torch.get_autocast_dtype(device))
    if not torch.compiler.is_compiling():
        return autograd.linear_act(x, weight, bias, spec, cast)
    if cast:  # Dynamo's partitioner decides what is kept
        weight, bias = (_cast(t, x.dtype) for t in (weight, bias))
    slopes = _slopes(spec)
    traced = slopes is None or not torch.is_grad_enabled()  # Inductor may fuse as it sees fit
    if traced or torch._C._are_functorch_transforms_active():
        y = torch.nn.functional.linear(x, weight, bias)
        return reference.ppoly(y, None, *_scaled_numbers(spec, 1))
    assert slopes is not None
    return autograd.compiled_linear_act(x, weight, bias, _scaled_numbers(spec, 1), slopes)


def _check_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    for t in (x, weight) if bias is None else (x, weight, bias):
        _check_tensor(t)
    if weight.dim() != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        of_bias = None if bias is None else tuple(bias.shape)
        raise ValueError(
            "weight must have shape (out, in) and bias (out,); "
            f"got {tuple(weight.shape)} and {of_bias}"
        )


def triangle_cascade(x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
    """F(x) = Σ_i s_i·W_i(x), W_i = T_{a_i} ∘ … ∘ T_{a_0}: triangles on [0, 1] with peaks a_i.

        T_a(v) = v/a on [0, a],  (1 − v)/(1 − a) on [a, 1],  0 elsewhere

    One fused op each way instead of a pass over memory for every layer; keeps x, the peaks and the
    scales. F has 2^depth linear pieces on [0, 1] (fewer where the slopes of neighbours meet), is 0
    outside it, ±inf included, and NaN at NaN. A
    peak belongs to the piece on its left, and where T is 0 its slope is 0. Second derivatives in x
    are 0 almost everywhere; those that mix x, peaks and scales are right, at the cost of the
    composition in plain torch, which also serves torch.func and forward mode. The kernels sum the
    gradients of peaks and scales in a fixed order: the same bits on any number of threads.

    Shapes: x: (*, channels), peaks, scales: (channels, depth) → (*, channels), with x's dense
    strides. dtypes: float16, bfloat16 (computed in float32, rounded once), float32, float64; peaks
    and scales in x's dtype or the one that computes. `hatact.cascade` has the exact construction.

    Raises:
        ValueError: for shapes, dtypes or devices that do not match, peaks not strictly between 0
            and 1, scales that are not positive and finite. That look at the values waits for the
            device on CUDA, and is left out where there are none (meta and fake tensors) or where
            they are wrapped (torch.func, `torch.compile`). :class:`hatact.nn.TriangleCascade`,
            whose numbers are right by construction, goes without.

    Source: arXiv 2311.18022.
    """
    for name, t in (("x", x), ("peaks", peaks), ("scales", scales)):
        if not isinstance(t, Tensor):
            raise ValueError(f"{name} must be a torch.Tensor; got {type(t).__name__}")
    if not torch.compiler.is_compiling():
        check_cascade(x, peaks, scales)
        if autograd.has_values(peaks) and autograd.has_values(scales):
            cascade_values(peaks, scales)
    return _cascade(x, peaks, scales)


def cascade_values(peaks: Tensor, scales: Tensor) -> None:
    """ValueError unless peaks lie strictly between 0 and 1 and scales are positive and finite."""
    if not bool(((peaks > 0) & (peaks < 1)).all()):
        raise ValueError(f"peaks must lie strictly between 0 and 1; got {peaks.tolist()}")
    if not bool(((scales > 0) & torch.isfinite(scales)).all()):
        raise ValueError(f"scales must be positive and finite; got {scales.tolist()}")


def _cascade(x: Tensor, peaks: Tensor, scales: Tensor) -> Tensor:
    """:func:`triangle_cascade` for numbers that are known to be right."""
    if torch._C._are_functorch_transforms_active():
        return reference_cascade.triangle_cascade(x, peaks, scales)
    if torch.compiler.is_compiling():
        return autograd.compiled_triangle_cascade(x, peaks, scales)
    return autograd.triangle_cascade(x, peaks, scales)


def _cast(t: Any, dtype: torch.dtype) -> Any:
    """As autocast casts: floating tensors but float64."""
    if t is None or not t.is_floating_point() or t.dtype == torch.float64:
        return t
    return t.to(dtype)


def _check_tensor(x: object) -> None:
    if not isinstance(x, Tensor):
        raise ValueError(f"x must be a torch.Tensor; got {type(x).__name__}")


def _check_spec(spec: object) -> None:
    if not isinstance(spec, PiecewisePolynomial):
        raise ValueError(f"spec must be a hatact.PiecewisePolynomial; got {type(spec).__name__}")


def _piecewise(x: Tensor, spec: PiecewisePolynomial, scale: Number, inplace: bool) -> Tensor:
    _check_tensor(x)
    if type(scale) not in (int, float) and not isinstance(scale, Real):
        raise ValueError(
            "the scale must be a real number (for a learnable one multiply x by it); "
            f"got {type(scale).__name__}"
        )
    if torch.compiler.is_compiling():
        if isinstance(scale, int | float):  # Dynamo makes a scale that changes symbolic: undo it
            scale = float.fromhex(float(scale).hex())
        y = reference.ppoly(x, None, *_scaled_numbers(spec, scale))
        return x.copy_(y) if inplace else y
    return autograd.activation(x, spec if scale == 1 else _scaled(spec, scale), inplace)


@lru_cache(maxsize=256)
def _scaled(spec: PiecewisePolynomial, scale: Number) -> PiecewisePolynomial:
    return spec.scaled(scale)


def _scaled_numbers(
    spec: PiecewisePolynomial, scale: Number
) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    return (spec if scale == 1 else _scaled(spec, scale)).numbers


def _slopes(spec: PiecewisePolynomial) -> tuple[float, ...] | None:
    return spec.slopes


# Dynamo cannot trace exact fractions; floats it can. This mark is all that the decorator
# torch.compiler.assume_constant_result sets, and that one imports Dynamo: 1.3 s at import.
_scaled_numbers._dynamo_marked_constant = True  # type: ignore[attr-defined]
_slopes._dynamo_marked_constant = True  # type: ignore[attr-defined]
