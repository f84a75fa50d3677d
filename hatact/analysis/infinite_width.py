"""The kernels of infinitely wide networks with a piecewise-polynomial activation, NNGP and NTK."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hatact._named import Activation, activation
from hatact.analysis._unrolled import jumps
from hatact.spec import Number, PiecewisePolynomial

if TYPE_CHECKING:
    from hatact.analysis._moments import Moments

TILE = 128
"""Points on either side of a block of pairs that goes through all layers at once."""
MOST_PAIRS = 2**28
EQUAL = 4e-15
"""Norms that differ by no more than this share are equal: the points lie on a sphere."""
FEW = 4096
"""Pairs for which no table is made."""
NEAR = 1e-5
"""Below that an angle is followed by distances: either way is then good to some 1e-10."""
Variances = float | Sequence[float] | None
_Moments = Callable[..., tuple[Any, Any]]
_Step = Callable[[Any, Any, Any, float], Any]


def nngp(
    spec: Activation,
    depth: int,
    x1: Tensor,
    x2: Tensor | None = None,
    weight_variance: float = 1 / 3,
    bias_variance: Variances = None,
    width: int | None = None,
    *,
    scale: Number = 1,
) -> Tensor:
    """Σ_1 = (ω/d)·x·x′ + β_1, Σ_{l+1} = ω·E[f(u)·f(v)] + β_{l+1} for (u, v) ~ N(0, Σ_l): Σ_depth.

    It is the covariance of the output of a network of `depth` linear layers with f between them,
    as `hatact.nn.MLP` counts them, whose hidden layers are infinitely wide: weights with variance
    ω/fan_in, biases with variance β_l. The defaults are those of PyTorch's initialisation, ω = 1/3
    and β = 1/(3·fan_in): 1/(3·d) in the first layer and, as it vanishes for wide layers, 0 in the
    others; with `width` it is 1/(3·width) there. First weights and biases are taken to be normal.
    PyTorch's are uniform, so with few inputs pre-activations of the first layer are not: with d = 2
    the kernels of Hat networks drawn so are 7 to 10 % away however wide they are, with d = 16 no
    more than chance.

    E[f·f] is computed in float64. For f of degree at most 1 it is a closed form, of moments of the
    truncated bivariate normal distribution by Owen's T, if rounding takes no more than 1e-11 of
    E[f²]; for others, and for an f so narrow that its terms cancel, a quadrature, to 1e-8 of it
    and as measured 1e-11. Between points on a sphere it is a table in the angle, which adds 1e-11.
    A periodic f is unrolled over nine standard deviations.

    Shapes: x1 (n1, d), x2 (n2, d) → (n1, n2); without x2 of x1 with itself, then exactly symmetric.
    dtypes: that of x1, float32 or float64, computed in float64 on the CPU.
    Cost: a pair and hidden layer some 1 µs a pair of knots for degree 1, and 100 µs above; on a
    sphere, where norms agree to float64's rounding and the table ends, 0.1 µs. Memory: the result,
    blocks of 128 × 128 pairs, and three numbers a point and layer.
    Source: arXiv 1711.00165; no derivative with respect to x is given.

    Args:
        spec: f, of any degree; whatever :func:`hatact.activation` takes, with `scale`.
        depth: how many linear layers, at least 1.
        bias_variance: of every layer, or a list of one a layer.
        width: of the hidden layers, for the default of their bias variance.

    Raises:
        ValueError: for what is no activation, or a scale that is not positive; for a depth or width
            below 1; variances that are negative or not finite, or a
            list of another length than `depth`; points that are not finite float32 or float64 rows
            of one dimension, or that require a gradient; more than 2²⁸ pairs; a periodic spec with
            more than 64 knots within nine standard deviations; a spec so narrow that rounding may
            take more than 1e-8 of E[f²]; a result that is not finite.
        ModuleNotFoundError: without SciPy, which `hatact[verify]` brings.
    """
    f = activation(spec, scale)
    net = _Network.of(f, depth, x1, x2, weight_variance, bias_variance, width)
    return net.kernel(x1, x2, net.covariance)


def ntk(
    spec: Activation,
    depth: int,
    x1: Tensor,
    x2: Tensor | None = None,
    weight_variance: float = 1 / 3,
    bias_variance: Variances = None,
    parameterization: str = "ntk",
    width: int | None = None,
    *,
    scale: Number = 1,
) -> Tensor:
    """Θ_1 = Σ_1, Θ_{l+1} = Σ_{l+1} + Θ_l·ω·E[f′(u)·f′(v)], (u, v) ~ N(0, Σ_l): Θ_depth.

    The neural tangent kernel of the network of :func:`nngp`: what `empirical_ntk` comes to as its
    hidden layers widen. That is of parameters with unit variance, which the network multiplies by
    √(ω/fan_in) and √β_l. With parameterization="standard" it is that of the parameters as PyTorch
    has them, which the step of an optimiser moves, at a width: Θ_1 = x·x′ + 1,
    Θ_{l+1} = width·E[f·f] + 1 + Θ_l·ω·E[f′·f′]; every layer has a bias that is trained, and the
    first layer's share does not grow with the width.

    Shapes, dtypes, cost: as :func:`nngp`. Accuracy: as there, but E[f′·f′] falls in proportion to a
    small angle between pre-activations, and every later layer multiplies an error of that angle by
    √(ω·E[f′·f′]). The angle is good to 1e-10, between points that are nearly equal to 1e-5 of
    itself; on one ray, not nearly equal and without biases, to 1e-8.
    Source: arXiv 1806.07572.

    Args:
        parameterization: "ntk" or "standard".
        width: of the hidden layers; needed for "standard", and see :func:`nngp`.

    Raises:
        ValueError: as :func:`nngp`; for a spec with jumps, whose NTK is infinite; for another
            parameterization, or "standard" without a width.
    """
    f = activation(spec, scale)
    net = _Network.of(f, depth, x1, x2, weight_variance, bias_variance, width)
    if depth > 1 and jumps(f):
        raise ValueError(
            "the NTK needs an activation without jumps: at a jump the derivative is infinite; got "
            f"one with knots {tuple(map(float, f.knots))}"
        )
    if parameterization == "ntk":
        return net.kernel(x1, x2, net.tangent)
    if parameterization != "standard":
        raise ValueError(
            f"the parameterization must be 'ntk' or 'standard'; got {parameterization!r}"
        )
    if width is None:
        raise ValueError("the standard parameterization needs the width of the hidden layers")
    return net.kernel(x1, x2, net.standard)


@dataclass(frozen=True)
class _Layer:
    """What a hidden layer has of each point: u ~ N(0, s²) is its pre-activation."""

    s: Tensor
    slope: Tensor
    """E[f′(u)²]."""
    radial: Tensor
    """E[(u·f′(u))²]."""


@dataclass(frozen=True)
class _Network:
    spec: PiecewisePolynomial
    weight: float
    biases: tuple[float, ...]
    inputs: int
    width: int | None

    @classmethod
    def of(
        cls,
        spec: PiecewisePolynomial,
        depth: int,
        x1: Tensor,
        x2: Tensor | None,
        weight: float,
        bias: Variances,
        width: int | None,
    ) -> _Network:
        _check(x1, x2)
        counts = {"the depth": depth, "the width": 1 if width is None else width}
        for name, n in counts.items():
            if type(n) is not int or n < 1:
                raise ValueError(f"{name} must be an int of at least 1; got {n!r}")
        weight, bias = (_plain(v) for v in (weight, bias))
        if bias is None:
            hidden = 0.0 if width is None else 1 / (3 * width)
            biases = [1 / (3 * x1.shape[1]), *[hidden] * (depth - 1)]
        elif isinstance(bias, Sequence) and not isinstance(bias, str):
            biases = [*bias]
        else:
            biases = [bias] * depth
        if len(biases) != depth:
            raise ValueError(
                f"bias_variance needs one value a layer, {depth} of them; got {len(biases)}"
            )
        named = [("weight_variance", weight), *(("bias_variance", b) for b in biases)]
        for name, v in named:
            number = isinstance(v, Real) and not isinstance(v, bool)
            if not (number and 0 <= float(v) < math.inf):
                raise ValueError(
                    f"a variance must be finite and at least 0; got {v!r} as {name}, which is a "
                    "number" + (", or a list of one a layer" if name[0] == "b" else "")
                )
        return cls(spec, float(weight), tuple(map(float, biases)), x1.shape[1], width)

    def covariance(self, kernel: Any, value: Any, slope: Any, bias: float) -> Any:
        """Σ_{l+1}, from E[f·f]."""
        return self.weight * value + bias

    def tangent(self, kernel: Any, value: Any, slope: Any, bias: float) -> Any:
        """Θ_{l+1} of parameters of unit variance, from Θ_l, E[f·f] and E[f′·f′]."""
        return self.weight * (value + kernel * slope) + bias

    def standard(self, kernel: Any, value: Any, slope: Any, bias: float) -> Any:
        """Θ_{l+1} of parameters as PyTorch has them."""
        return self.width * value + 1 + self.weight * kernel * slope

    def kernel(self, x1: Tensor, x2: Tensor | None, step: _Step) -> Tensor:
        """What `step` makes of every pair, from layer to layer, a block at a time."""
        try:
            from hatact.analysis._moments import Moments
        except ModuleNotFoundError as error:
            needs = (
                "closed-form kernels need NumPy and SciPy; pip install 'hatact[verify]' brings them"
            )
            raise ModuleNotFoundError(needs, name=error.name) from None
        moments, same = Moments(self.spec), x2 is None
        rows = x1.double().cpu()
        columns = rows if x2 is None else x2.double().cpu()
        sphere = _on_sphere(rows, columns)
        left = self._layers(moments, rows, sphere)
        right = left if same else self._layers(moments, columns, sphere)
        serve: list[_Moments] = [moments] * len(left)
        if sphere and len(rows) * len(columns) > FEW:
            serve = [moments.table(float(layer.s[0])) for layer in left]
        directions = [self._directions(points) for points in (rows, columns)]
        out = torch.empty(len(rows), len(columns), dtype=x1.dtype, device="cpu")

        def fill(corner: tuple[int, int]) -> None:
            i, j = (slice(start, start + TILE) for start in corner)
            products = (rows[i] @ columns[j].T).numpy()
            kernel = products * (self.weight / self.inputs) + self.biases[0]
            if step == self.standard:
                kernel = products + 1
            angle = _angles(directions[0][i], directions[1][j])
            for layer, of in enumerate(serve):
                ends = _Ends(left[layer], right[layer], i, j)
                value, slope = of(*ends.s, angle)
                kernel = step(kernel, value, slope, self.biases[layer + 1])
                if layer + 1 < len(serve):
                    after = _Ends(left[layer + 1], right[layer + 1], i, j)
                    covariance = self.weight * value + self.biases[layer + 1]
                    angle = self._next(angle, slope, covariance, ends, after)
            tile = torch.from_numpy(kernel)
            if same and i == j:
                tile = (tile + tile.T) / 2  # rounding need not be symmetric
            out[i, j] = tile.to(out.dtype)
            if same and i != j:
                out[j, i] = out[i, j].T

        starts = range(0, len(rows), TILE), range(0, len(columns), TILE)
        corners = [(i, j) for i in starts[0] for j in starts[1] if not same or i <= j]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(fill, corners))
        if not bool(out.isfinite().all()):
            raise ValueError(
                f"a kernel must be finite in {out.dtype}; got {int((~out.isfinite()).sum())} "
                "entries that are not: points, variances or the activation are too large"
            )
        return out.to(x1.device)

    def _directions(self, x: Tensor) -> Tensor:
        """Vectors of length 1, or 0, between which the angles are those of pre-activations."""
        bias = x.new_full((len(x), 1), math.sqrt(self.biases[0]))
        whole = torch.cat([x * math.sqrt(self.weight / x.shape[1]), bias], 1)
        return nn.functional.normalize(whole, dim=1, eps=torch.finfo(x.dtype).tiny)

    def _layers(self, moments: Moments, x: Tensor, sphere: bool) -> list[_Layer]:
        """Every hidden layer, whose s is √Σ_l(x, x)."""
        squares = x.square().sum(1)[: 1 if sphere else None]
        variance = squares * (self.weight / x.shape[1]) + self.biases[0]
        found = []
        for bias in self.biases[1:]:
            s = variance.sqrt()
            value, slope = map(torch.from_numpy, moments(s.numpy(), s.numpy(), 0.0))
            radial = torch.from_numpy(moments.radial(s.numpy()))
            found.append(_Layer(*(of.expand(len(x)) for of in (s, slope, radial))))
            variance = (self.weight * value + bias).clamp(min=0)
        return found

    def _next(self, angle: Any, slope: Any, covariance: Any, ends: _Ends, after: _Ends) -> Any:
        """The angles between the pre-activations of the next layer, from those of this one.

        Their cosine leaves 1e-8 of a small angle to rounding. Below NEAR, of deviations as near,
        the angle is that of the distance: E[(f(u) − f(v))²] is, to first order in the angle and in
        the difference of deviations, E[(u·f′(u))²]·(s₁ − s₂)²/s² + s₁·s₂·α²·(D(0) + 2·D(α))/3 with
        D = E[f′·f′], which falls in proportion to α.
        """
        import numpy as np

        norms = np.multiply(*after.s)
        cosine = np.divide(covariance, norms, out=0 * norms, where=norms > 0)
        found = np.arccos(cosine.clip(-1, 1))
        (s1, s2), (d1, d2), (r1, r2) = ends.s, ends.slope, ends.radial
        near = (angle < NEAR) & (abs(s1 - s2) < NEAR * s1) & (norms > 0)
        if not near.any() or jumps(self.spec):
            return found
        squares = s1 * s2
        along = np.sqrt(r1 * r2) * (s1 - s2) ** 2 / np.where(squares > 0, squares, 1)
        turned = squares * angle**2 * (np.sqrt(d1 * d2) + 2 * slope) / 3
        apart = self.weight * (along + turned) - np.subtract(*after.s) ** 2
        direct = np.sqrt(np.maximum(apart, 0) / np.where(norms > 0, norms, 1))
        return np.where(near, direct, found)


@dataclass(frozen=True)
class _Ends:
    """A hidden layer at the points of a block: what it has of rows (r, 1) and of columns (1, c)."""

    left: _Layer
    right: _Layer
    rows: slice
    columns: slice

    def _both(self, left: Tensor, right: Tensor) -> tuple[Any, Any]:
        return left[self.rows, None].numpy(), right[None, self.columns].numpy()

    @property
    def s(self) -> tuple[Any, Any]:
        """The standard deviations."""
        return self._both(self.left.s, self.right.s)

    @property
    def slope(self) -> tuple[Any, Any]:
        """E[f′(u)²]."""
        return self._both(self.left.slope, self.right.slope)

    @property
    def radial(self) -> tuple[Any, Any]:
        """E[(u·f′(u))²]."""
        return self._both(self.left.radial, self.right.radial)


def _plain(value: Any) -> Any:
    """Numbers of an array or a tensor as Python's."""
    return value.tolist() if hasattr(value, "tolist") else value


def _angles(a: Tensor, b: Tensor) -> Any:
    """Between vectors of length 1, good to rounding at every angle; π/2 with one of length 0."""
    exact = "donot_use_mm_for_euclid_dist"
    apart, across = (torch.cdist(a, side, compute_mode=exact) for side in (b, -b))
    return 2 * torch.atan2(apart, across).numpy()


def _on_sphere(x1: Tensor, x2: Tensor) -> bool:
    lengths = torch.cat([x1.norm(dim=1), x2.norm(dim=1)])
    return bool(lengths.max() - lengths.min() <= EQUAL * lengths.max())


def _check(x1: Tensor, x2: Tensor | None) -> None:
    """The rules on points."""
    for x in (x1, x2):
        if x is not None and not isinstance(x, Tensor):
            raise ValueError(f"points must be a tensor; got {type(x).__name__}")
    others = x1 if x2 is None else x2
    shapes = f"{tuple(x1.shape)} and {tuple(others.shape)}"
    if x1.dim() != 2 or others.dim() != 2 or x1.shape[1] != others.shape[1] or not x1.shape[1]:
        raise ValueError(f"points must be rows of one dimension, at least 1; got shapes {shapes}")
    if not len(x1) or not len(others):
        raise ValueError(f"the kernel needs at least one point on either side; got shapes {shapes}")
    if (pairs := len(x1) * len(others)) > MOST_PAIRS:
        raise ValueError(
            f"a kernel must have at most 2^28 entries a call; got {pairs}: pass x1 in parts"
        )
    for x in (x1, others):
        if x.dtype not in (torch.float32, torch.float64):
            raise ValueError(f"points must be float32 or float64; got {x.dtype}")
        if x.is_meta:
            raise ValueError("points must hold values; got a tensor on the device meta")
        if x.requires_grad:
            raise ValueError(
                "the kernel has no derivative with respect to the points: pass x.detach(); got "
                "points that require a gradient"
            )
        if not bool(x.isfinite().all()):
            raise ValueError(
                f"points must be finite; got {int((~x.isfinite()).sum())} that are not"
            )
        if not bool(x.double().square().sum(1).isfinite().all()):
            raise ValueError(
                "points must have squares that float64 holds; got a number of "
                f"{float(x.abs().max()):.2g}"
            )
