"""Activation modules: no parameters, no buffers, picklable.

With `inplace=True` x is overwritten and returned, as with `torch.nn.ReLU(inplace=True)`: for a
degree of at most 1, or where no gradient is needed. See :func:`hatact.functional.piecewise`.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from hatact import functional
from hatact._named import Activation, activation
from hatact.activations.bspline import bspline
from hatact.activations.bw_relu import BW_RELU
from hatact.activations.hat import HAT
from hatact.activations.periodic_relu import PERIODIC_RELU
from hatact.activations.relu import RELU
from hatact.activations.triangle_wave import TRIANGLE_WAVE
from hatact.autograd._tracing import jit_traces
from hatact.nn._arguments import check_flags
from hatact.nn._hooks import has_hooks
from hatact.nn._shown import shown
from hatact.nn._state import KeepsItsActivation
from hatact.spec import Number, PiecewisePolynomial


class Piecewise(KeepsItsActivation):
    """y = f(s·x) for a piecewise polynomial f, by default f(x).

    Shapes: (*) → (*), strides kept. dtypes, derivatives, values at knots, ±inf and NaN:
    :func:`hatact.functional.piecewise`. A `state_dict` has no keys; its metadata says f, and
    loading it where f is another warns (docs/saving.md).

    Args:
        spec: f, as a :class:`hatact.PiecewisePolynomial`, by a registered name ("hardtanh": see
            :func:`hatact.activation`) or as an activation module.
        inplace: overwrite x.
        scale: s > 0, fixed; it multiplies the scale that the spec has.

    Attributes:
        spec: f(s·x) as a :class:`hatact.PiecewisePolynomial`.

    Raises:
        ValueError: if spec is no activation, or the scale no positive real number.
        TypeError: if inplace is not True or False.
    """

    spec: PiecewisePolynomial
    inplace: bool
    _gives_way: ClassVar[bool] = False  # where the backward needs x, instead of raising
    _call: ClassVar[str] = "Piecewise(spec, inplace=True), and for a scale Piecewise(spec, scale=8)"

    def __init__(self, spec: Activation, inplace: bool = False, *, scale: Number = 1) -> None:
        super().__init__()
        check_flags(self._call, inplace=inplace)
        self.spec = activation(spec, scale)
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        inplace = self.inplace
        if inplace and self._gives_way and _may_be_needed(x) and self.spec.slopes is None:
            inplace = False
        return functional.piecewise(x, self.spec, inplace)

    def as_spec(self) -> PiecewisePolynomial:
        """The spec, where calling the module does nothing else: then it stands for its spec.

        Raises:
            ValueError: for a module with hooks or a `forward` of its own.
        """
        of = type(self)
        own = of.forward is not Piecewise.forward or of.__call__ is not Piecewise.__call__
        if own or has_hooks(self):
            raise ValueError(
                "a module that stands for an activation must have no hooks and no forward of its "
                f"own, which would not be called; got such a {of.__name__}: write its .spec"
            )
        return self.spec

    def _stated_activation(self) -> PiecewisePolynomial:
        return self.spec

    def _shown(self) -> list[str]:
        """What `extra_repr` says beside `inplace`."""
        return [shown(self.spec)]

    def extra_repr(self) -> str:
        return ", ".join([*self._shown(), *(["inplace=True"] if self.inplace else [])])


def _may_be_needed(x: Tensor) -> bool:
    """Whether a backward may need x, now or in a second pass.

    A checkpoint's first pass runs without gradients and must leave x as it is, and so must both
    passes of torch.jit.trace, of which one runs without.
    """
    return x.requires_grad or (not torch.compiler.is_compiling() and jit_traces())


class _Scaled(Piecewise):
    """A named spec with a fixed scale folded into its numbers."""

    centered: bool = False  # of a module that was pickled before there was any such

    def __init__(
        self, spec: PiecewisePolynomial, scale: Number, inplace: bool, centered: bool
    ) -> None:
        super().__init__(activation(spec, scale, centered), inplace)
        self.scale, self.centered = scale, centered

    def _shown(self) -> list[str]:
        return [f"scale={self.scale}", *(["centered=True"] if self.centered else [])]


class Hat(_Scaled):
    """y = hat(s·x): s·x on [0, 1/s], 2 − s·x on [1/s, 2/s], 0 elsewhere; slopes 0, +s, −s.

    **Scale 1 with PyTorch's default initialisation does not remove spectral bias.** The scale
    of the pre-activations decides: measured on a deep network of width 256 and ten sines, the
    bias is gone at s = 8 to 12, still there at 1 to 6, and the network does not train at 16. On
    an image, s = 8 memorises and 4 generalises better. `hatact verify hong2022 --full` prints
    the whole map. Source: arXiv 2208.04924.

    Args:
        scale: s > 0, fixed. For a learnable scale, multiply x by a parameter instead.
        inplace: overwrite x.
        centered: hat(s·x + 1) instead: the support is [−1/s, 1/s], the peak at 0.

    Training keeps two bits an element; x is free to go.

    Raises:
        ValueError: for a scale that is not a positive real number.
        TypeError: if inplace or centered is not True or False.
    """

    _call = "Hat(inplace=True), and for a scale Hat(scale=8)"

    def __init__(
        self, scale: Number = 1.0, inplace: bool = False, *, centered: bool = False
    ) -> None:
        super().__init__(HAT, scale, inplace, centered)


class BSpline(_Scaled):
    """y = N_d(s·x), the cardinal B-spline of degree d on [0, (d + 1)/s].

    Degree ≥ 2 has a second derivative that a PINN can use; degree 3 is C². Schoenberg (1946).

    Args:
        degree: d, from 0 to 5.
        scale: s > 0, fixed.
        inplace: overwrite x where no backward can need it: for d ≤ 1, and for any d an x that does
            not require a gradient. Elsewhere y is another tensor and x stays as it is, so that code
            which builds every activation with `inplace=True`, as timm's does, can train this one.
            :class:`Piecewise` and the functions raise there.
        centered: N_d(s·x + (d + 1)/2) instead, which is even.

    Raises:
        ValueError: for another degree, or a scale that is not a positive real number.
        TypeError: if inplace or centered is not True or False.
    """

    _gives_way = True
    _call = "BSpline(degree, inplace=True), and for a scale BSpline(degree, scale=8)"

    def __init__(
        self,
        degree: int = 3,
        scale: Number = 1.0,
        inplace: bool = False,
        *,
        centered: bool = False,
    ) -> None:
        super().__init__(bspline(degree), scale, inplace, centered)
        self.degree = degree

    def _shown(self) -> list[str]:
        return [f"degree={self.degree}", *super()._shown()]


class BWReLU(_Scaled):
    """y = ψ(s·x), the constrained-ReLU wavelet on [0, 3/s]; the paper writes c for s.

    Its value outside the support is exactly 0, which the sum of seven ReLUs is not.
    Source: arXiv 2406.02529, whose experiments take s from 1 to 9.

    Args:
        scale: s > 0, fixed.
        inplace: overwrite x.
        centered: ψ(s·x + 3/2) instead, which is even.

    Training keeps three bits an element.

    Raises:
        ValueError: for a scale that is not a positive real number.
        TypeError: if inplace or centered is not True or False.
    """

    _call = "BWReLU(inplace=True), and for a scale BWReLU(scale=8)"

    def __init__(
        self, scale: Number = 1.0, inplace: bool = False, *, centered: bool = False
    ) -> None:
        super().__init__(BW_RELU, scale, inplace, centered)


class ReLU(Piecewise):
    """y = max(x, 0), through the same kernels as every other spec."""

    _call = 'ReLU(inplace=True), and for a scale Piecewise("relu", scale=8)'

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(RELU, inplace)

    def _shown(self) -> list[str]:
        return []


class TriangleWave(Piecewise):
    """y = π/(2√2)·Δ(x), the triangle wave of period 2π. Source: arXiv 2110.13572.

    With PyTorch's default initialisation a deep network of these barely trains.
    """

    _call = 'TriangleWave(inplace=True), and for a scale Piecewise("triangle_wave", scale=8)'

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(TRIANGLE_WAVE, inplace)

    def _shown(self) -> list[str]:
        return []


class PeriodicReLU(Piecewise):
    """y = π/4·(Δ(x) + Δ(x + π/2)), period 2π. Source: arXiv 2110.13572."""

    _call = 'PeriodicReLU(inplace=True), and for a scale Piecewise("periodic_relu", scale=8)'

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(PERIODIC_RELU, inplace)

    def _shown(self) -> list[str]:
        return []
