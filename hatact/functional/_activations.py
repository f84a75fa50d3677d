"""Activations as functions: each is `piecewise(x, spec)` with the spec of its name."""

from __future__ import annotations

from torch import Tensor
from torch.compiler import is_compiling

from hatact import autograd, reference
from hatact._named import Activation, activation, check_flag
from hatact._values import check_real
from hatact.activations import bspline as _bspline
from hatact.activations.bw_relu import BW_RELU
from hatact.activations.hat import HAT
from hatact.functional._shared import (
    check_refused,
    check_tensor,
    numbers,
    scaled,
    traced_text,
)
from hatact.spec import Number, PiecewisePolynomial

_BSPLINES = dict(enumerate(_bspline.SPECS.values()))


def piecewise(x: Tensor, spec: Activation, inplace: bool = False, *, scale: Number = 1) -> Tensor:
    """f(s·x) for the piecewise polynomial `spec`, by default f(x).

    spec: a :class:`hatact.PiecewisePolynomial`, a registered name ("hat", "bspline": see
    :func:`hatact.activation`) or an activation module of `hatact.nn`. scale: s > 0, a fixed number.

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
        ValueError: if x is not a real floating tensor, or spec no activation, or the scale no
            positive real number; in place, if the backward would need x (a degree above 1, more
            than eight slopes), or if elements of x share memory. Nothing has been written then.
        TypeError: if inplace is not True or False.
        RuntimeError: in place, if x is a leaf that requires grad, or a view of one.
    """
    return _piecewise(x, spec, scale, inplace)


def hat(x: Tensor, scale: Number = 1.0, inplace: bool = False, *, centered: bool = False) -> Tensor:
    """hat(s·x) = relu(s·x) − 2·relu(s·x − 1) + relu(s·x − 2), s = scale > 0.

    Support [0, 2/s], peak 1 at 1/s; slopes 0, ±s. With `centered`, hat(s·x + 1): support
    [−1/s, 1/s], peak at 0. Shapes, dtypes, errors: :func:`piecewise`.
    The scale decides whether spectral bias goes: see :class:`hatact.nn.Hat`. arXiv 2208.04924.
    """
    return _piecewise(x, HAT, scale, inplace, centered)


def bspline(
    x: Tensor,
    degree: int = 3,
    scale: Number = 1.0,
    inplace: bool = False,
    *,
    centered: bool = False,
) -> Tensor:
    """N_d(s·x), the cardinal B-spline of degree d = 0 … 5 with knots 0, 1/s, …, (d + 1)/s.

    With `centered`, N_d(s·x + (d + 1)/2), which is even. In place where no gradient is needed, or
    d ≤ 1. Shapes, dtypes, errors: :func:`piecewise`; ValueError for another degree.
    """
    known = type(degree) is int and degree in _BSPLINES
    spec = _BSPLINES[degree] if known else _bspline.bspline(degree)
    return _piecewise(x, spec, scale, inplace, centered)


def bw_relu(
    x: Tensor, scale: Number = 1.0, inplace: bool = False, *, centered: bool = False
) -> Tensor:
    """ψ(s·x), the BW-ReLU wavelet ⅙·Σ_k w_k·relu(s·x − k/2), support [0, 3/s].

    With `centered`, ψ(s·x + 3/2), which is even. Shapes, dtypes, errors: :func:`piecewise`.
    Source: arXiv 2406.02529.
    """
    return _piecewise(x, BW_RELU, scale, inplace, centered)


def _piecewise(
    x: Tensor, spec: Activation, scale: Number, inplace: bool, centered: bool = False
) -> Tensor:
    # Each check is a call only where it is needed: at small sizes calls are what takes the time.
    if not isinstance(x, Tensor):
        check_tensor(x)
    if type(scale) not in (int, float):
        check_real(scale)
    if inplace is not False and inplace is not True:
        check_flag("inplace", inplace, "inplace=True, and for a scale scale=8")
    if centered is not False:
        check_flag("centered", centered, "centered=True")
    if is_compiling():
        y = reference.ppoly(x, None, *numbers(traced_text(spec, scale, centered)))
        return x.copy_(y) if inplace else y
    if type(spec) is not PiecewisePolynomial:
        spec = activation(spec)
    if scale != 1 or centered:
        spec = scaled(spec, scale, centered)
    try:
        return autograd.activation(x, spec, inplace)
    except RuntimeError:
        check_refused(x, spec, inplace)
        raise
