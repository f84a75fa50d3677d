"""Activation modules: no parameters, no buffers, picklable.

With `inplace=True` x is overwritten and returned, as with `torch.nn.ReLU(inplace=True)`: for a
degree of at most 1, or where no gradient is needed. See :func:`hatact.functional.piecewise`.
"""

from __future__ import annotations

from torch import Tensor, nn

from hatact import functional
from hatact.activations.bspline import bspline
from hatact.activations.bw_relu import BW_RELU
from hatact.activations.hat import HAT
from hatact.activations.periodic_relu import PERIODIC_RELU
from hatact.activations.relu import RELU
from hatact.activations.triangle_wave import TRIANGLE_WAVE
from hatact.spec import Number, PiecewisePolynomial


class Piecewise(nn.Module):
    """y = f(x) for a piecewise polynomial f.

    Shapes: (*) → (*), strides kept. dtypes, derivatives, values at knots, ±inf and NaN:
    :func:`hatact.functional.piecewise`.

    Args:
        spec: the knots and pieces of f.
        inplace: overwrite x.

    Raises:
        ValueError: if spec is not a :class:`hatact.PiecewisePolynomial`.
    """

    spec: PiecewisePolynomial
    inplace: bool

    def __init__(self, spec: PiecewisePolynomial, inplace: bool = False) -> None:
        super().__init__()
        if not isinstance(spec, PiecewisePolynomial):
            raise ValueError(
                f"spec must be a hatact.PiecewisePolynomial; got {type(spec).__name__}"
            )
        self.spec = spec
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        return functional.piecewise(x, self.spec, self.inplace)

    def _shown(self) -> list[str]:
        """What `extra_repr` says beside `inplace`."""
        return [f"knots={len(self.spec.knots)}", f"degree={self.spec.degree}"]

    def extra_repr(self) -> str:
        return ", ".join([*self._shown(), *(["inplace=True"] if self.inplace else [])])


class _Scaled(Piecewise):
    """A named spec with a fixed scale folded into its numbers."""

    def __init__(self, spec: PiecewisePolynomial, scale: Number, inplace: bool = False) -> None:
        super().__init__(spec.scaled(scale), inplace)
        self.scale = scale

    def _shown(self) -> list[str]:
        return [f"scale={self.scale}"]


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

    Training keeps two bits an element; x is free to go.
    """

    def __init__(self, scale: Number = 1.0, inplace: bool = False) -> None:
        super().__init__(HAT, scale, inplace)


class BSpline(_Scaled):
    """y = N_d(s·x), the cardinal B-spline of degree d on [0, (d + 1)/s].

    Degree ≥ 2 has a second derivative that a PINN can use; degree 3 is C². Schoenberg (1946).

    Args:
        degree: d, from 0 to 5.
        scale: s > 0, fixed.
    """

    def __init__(self, degree: int = 3, scale: Number = 1.0) -> None:
        super().__init__(bspline(degree), scale)
        self.degree = degree

    def _shown(self) -> list[str]:
        return [f"degree={self.degree}", f"scale={self.scale}"]


class BWReLU(_Scaled):
    """y = ψ(s·x), the constrained-ReLU wavelet on [0, 3/s]; the paper writes c for s.

    Its value outside the support is exactly 0, which the sum of seven ReLUs is not.
    Source: arXiv 2406.02529, whose experiments take s from 1 to 9.

    Args:
        scale: s > 0, fixed.
        inplace: overwrite x.

    Training keeps three bits an element.
    """

    def __init__(self, scale: Number = 1.0, inplace: bool = False) -> None:
        super().__init__(BW_RELU, scale, inplace)


class ReLU(Piecewise):
    """y = max(x, 0), through the same kernels as every other spec."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(RELU, inplace)

    def _shown(self) -> list[str]:
        return []


class TriangleWave(Piecewise):
    """y = π/(2√2)·Δ(x), the triangle wave of period 2π. Source: arXiv 2110.13572.

    With PyTorch's default initialisation a deep network of these barely trains.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(TRIANGLE_WAVE, inplace)

    def _shown(self) -> list[str]:
        return []


class PeriodicReLU(Piecewise):
    """y = π/4·(Δ(x) + Δ(x + π/2)), period 2π. Source: arXiv 2110.13572."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(PERIODIC_RELU, inplace)

    def _shown(self) -> list[str]:
        return []
