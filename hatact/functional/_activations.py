"""Activations as functions: each is `piecewise(x, spec)` with the spec of its name."""

from __future__ import annotations

from fractions import Fraction
from numbers import Real
from operator import index

import torch
from torch import Tensor

from hatact import autograd, reference
from hatact.activations import bspline as _bspline
from hatact.activations.bw_relu import BW_RELU
from hatact.activations.hat import HAT
from hatact.functional._shared import (
    check_refused,
    check_spec,
    check_tensor,
    scaled,
    scaled_numbers,
)
from hatact.spec import Number, PiecewisePolynomial

_BSPLINES = {degree: _bspline.bspline(degree) for degree in range(_bspline.MAX_DEGREE + 1)}


def piecewise(x: Tensor, spec: PiecewisePolynomial, inplace: bool = False) -> Tensor:
    """f(x) for the piecewise polynomial `spec`.

    Shapes: x: (*) → (*), with x's dense strides. dtypes: float16, bfloat16 (computed in
    float32, rounded once), float32, float64. Values at knots, ±inf and NaN: see
    :class:`hatact.PiecewisePolynomial`. Differentiable to any order, in reverse and forward
    mode and under torch.func; the derivative is that of the spec, exact. Under `torch.compile`,
    `torch.export` and `torch.func.functionalize` the plain-torch reference is traced, so that
    Inductor can fuse it; x is kept there, and in place is as good for any degree (the gradient at
    an x where f is NaN is then g times some number).

    Error, with knots and coefficients rounded to the dtype that computes, of unit ε, and a piece of
    degree d: at most (3d + 4)·ε/2·Σ|c_k|·|x − t|^k, and one rounding to x's dtype. The former is 0
    where d = 0, and one rounding where d = 1, the slope is a power of two, t < 0 and t and the
    piece's constants, about t and about 0, need no rounding (hardtanh). The piece is the exact one,
    for a periodic spec in the base period. Beyond the range of x − t, or of the sum, there is no
    promise but a number.

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
    check_spec(spec)
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


def _piecewise(x: Tensor, spec: PiecewisePolynomial, scale: Number, inplace: bool) -> Tensor:
    check_tensor(x)
    if type(scale) not in (int, float) and not isinstance(scale, Real):
        raise ValueError(
            "the scale must be a real number (for a learnable one multiply x by it); "
            f"got {type(scale).__name__}"
        )
    if torch.compiler.is_compiling():
        y = reference.ppoly(x, None, *scaled_numbers(spec._text, _constant(scale)))
        return x.copy_(y) if inplace else y
    if scale != 1:
        spec = scaled(spec, scale)
    try:
        return autograd.activation(x, spec, inplace)
    except RuntimeError:
        check_refused(x, spec, inplace)
        raise


def _constant(scale: Number) -> Number | str:
    """`scale` as a constant to Dynamo, which makes a number that changes symbolic.

    A Fraction it knows by an address, which may be the next one's once the first is gone.
    """
    if isinstance(scale, int | float):
        return float.fromhex(float(scale).hex())
    if isinstance(scale, Fraction):
        return f"{index(scale.numerator):x}/{index(scale.denominator):x}"
    return scale
