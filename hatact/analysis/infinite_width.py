"""The kernels of infinitely wide networks with a piecewise-polynomial activation, NNGP and NTK."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from hatact.analysis._unrolled import jumps
from hatact.spec import PiecewisePolynomial

TILE = 128
"""Points on either side of a block of pairs that goes through all layers at once."""
MOST_PAIRS = 2**28
EQUAL = 4e-15
"""Norms that differ by no more than this share are equal: the points lie on a sphere."""
FEW = 4096
"""Pairs for which no table is made."""
Variances = float | Sequence[float] | None
_Moments = Callable[..., tuple[Any, Any]]


def nngp(
    spec: PiecewisePolynomial,
    depth: int,
    x1: Tensor,
    x2: Tensor | None = None,
    weight_variance: float = 1 / 3,
    bias_variance: Variances = None,
    width: int | None = None,
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
    truncated bivariate normal distribution by Owen's T, with rounding of
    1e-15·(Σ|changes of slope|)²·√(Σ_l(x, x)·Σ_l(x′, x′)); for others a quadrature, to 1e-10 of the
    largest E[f·f]. Between points on a sphere it is a table in the angle, which adds 1e-11 of that.
    A periodic f is unrolled over nine standard deviations.

    Shapes: x1 (n1, d), x2 (n2, d) → (n1, n2); without x2 of x1 with itself, then exactly symmetric.
    dtypes: that of x1, float32 or float64, computed in float64 on the CPU.
    Cost: a pair and hidden layer some 1 µs a pair of knots for degree 1, and 100 µs above; on a
    sphere 0.1 µs. Memory: the result, and blocks of 128 × 128 pairs.
    Source: arXiv 1711.00165; no derivative with respect to x is given.

    Args:
        spec: f, of any degree.
        depth: how many linear layers, at least 1.
        bias_variance: of every layer, or a list of one a layer.
        width: of the hidden layers, for the default of their bias variance.

    Raises:
        ValueError: for a depth or width below 1; variances that are negative or not finite, or a
            list of another length than `depth`; points that are not finite float32 or float64 rows
            of one dimension, or that require a gradient; more than 2²⁸ pairs; a periodic spec with
            more than 64 knots within nine standard deviations.
        ModuleNotFoundError: without SciPy, which `hatact[verify]` brings.
    """
    net = _Network.of(spec, depth, x1, x2, weight_variance, bias_variance, width)
    return net.kernel(x1, x2, net.covariance)


def ntk(
    spec: PiecewisePolynomial,
    depth: int,
    x1: Tensor,
    x2: Tensor | None = None,
    weight_variance: float = 1 / 3,
    bias_variance: Variances = None,
    parameterization: str = "ntk",
    width: int | None = None,
) -> Tensor:
    """Θ_1 = Σ_1, Θ_{l+1} = Σ_{l+1} + Θ_l·ω·E[f′(u)·f′(v)], (u, v) ~ N(0, Σ_l): Θ_depth.

    The neural tangent kernel of the network of :func:`nngp`: what `empirical_ntk` comes to as its
    hidden layers widen. That is of parameters with unit variance, which the network multiplies by
    √(ω/fan_in) and √β_l. With parameterization="standard" it is that of the parameters as PyTorch
    has them, which the step of an optimiser moves, at a width: Θ_1 = x·x′ + 1,
    Θ_{l+1} = width·E[f·f] + 1 + Θ_l·ω·E[f′·f′]; every layer has a bias that is trained, and the
    first layer's share does not grow with the width.

    Shapes, dtypes, cost: as :func:`nngp`. Accuracy: as there, but near coinciding points E[f′·f′]
    falls as the angle between the pre-activations: where that is α in some layer it is good to
    1e-16/α there, 1e-8 at worst, and to rounding again between points that are equal.
    Source: arXiv 1806.07572.

    Args:
        parameterization: "ntk" or "standard".
        width: of the hidden layers; needed for "standard", and see :func:`nngp`.

    Raises:
        ValueError: as :func:`nngp`; for a spec with jumps, whose NTK is infinite; for another
            parameterization, or "standard" without a width.
    """
    net = _Network.of(spec, depth, x1, x2, weight_variance, bias_variance, width)
    if jumps(spec):
        raise ValueError(
            "the NTK needs an activation without jumps: at a jump the derivative is infinite; got "
            f"one with knots {tuple(map(float, spec.knots))}"
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
class _Block:
    """What the layers of a network give a block of pairs, as arrays."""

    products: Any
    """x·x′."""
    first: Any
    """Σ_1."""
    values: list[Any]
    """E[f·f] of every hidden layer."""
    slopes: list[Any]
    """E[f′·f′] of every hidden layer."""


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
        if not isinstance(spec, PiecewisePolynomial):
            raise ValueError(
                "the activation must be a hatact.PiecewisePolynomial, such as hatact.HAT; "
                f"got {type(spec).__name__}"
            )
        counts = {"the depth": depth, "the width": 1 if width is None else width}
        for name, n in counts.items():
            if type(n) is not int or n < 1:
                raise ValueError(f"{name} must be an int of at least 1; got {n!r}")
        if bias is None:
            hidden = 0.0 if width is None else 1 / (3 * width)
            biases = [1 / (3 * x1.shape[1]), *[hidden] * (depth - 1)]
        elif isinstance(bias, Sequence):
            biases = [*bias]
        else:
            biases = [bias] * depth
        if len(biases) != depth:
            raise ValueError(
                f"bias_variance needs one value a layer, {depth} of them; got {len(biases)}"
            )
        for variance in (weight, *biases):
            if not (isinstance(variance, Real) and 0 <= float(variance) < math.inf):
                raise ValueError(f"a variance must be finite and at least 0; got {variance!r}")
        return cls(spec, float(weight), tuple(map(float, biases)), x1.shape[1], width)

    def covariance(self, block: _Block) -> Any:
        """Σ_depth."""
        if not block.values:
            return block.first
        return self.weight * block.values[-1] + self.biases[-1]

    def tangent(self, block: _Block) -> Any:
        """Θ_depth of parameters of unit variance."""
        kernel = block.first
        for bias, value, slope in zip(self.biases[1:], block.values, block.slopes, strict=True):
            kernel = self.weight * (value + kernel * slope) + bias
        return kernel

    def standard(self, block: _Block) -> Any:
        """Θ_depth of parameters as PyTorch has them."""
        kernel = block.products + 1
        for value, slope in zip(block.values, block.slopes, strict=True):
            kernel = self.width * value + 1 + self.weight * kernel * slope
        return kernel

    def kernel(self, x1: Tensor, x2: Tensor | None, of: Callable[[_Block], Any]) -> Tensor:
        """What `of` makes of every pair, a block at a time."""
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
        left = self._deviations(moments, rows, sphere)
        right = left if same else self._deviations(moments, columns, sphere)
        serve: list[_Moments] = [moments] * len(left)
        if sphere and len(rows) * len(columns) > FEW:
            serve = [moments.table(float(s[0])) for s in left]
        angles = _Angles(self._directions(rows), self._directions(columns))
        out = torch.empty(len(rows), len(columns), dtype=x1.dtype)

        def fill(corner: tuple[int, int]) -> None:
            i, j = (slice(start, start + TILE) for start in corner)
            ends = [
                (u[i, None].numpy(), v[None, j].numpy()) for u, v in zip(left, right, strict=True)
            ]
            products = (rows[i] @ columns[j].T).numpy()
            block = self._block(products, angles.between(i, j), ends, serve)
            tile = torch.from_numpy(of(block))
            if same and i == j:
                tile = (tile + tile.T) / 2  # rounding need not be symmetric
            out[i, j] = tile.to(out.dtype)
            if same and i != j:
                out[j, i] = out[i, j].T

        starts = range(0, len(rows), TILE), range(0, len(columns), TILE)
        corners = [(i, j) for i in starts[0] for j in starts[1] if not same or i <= j]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            list(pool.map(fill, corners))
        return out.to(x1.device)

    def _directions(self, x: Tensor) -> Tensor:
        """Vectors of length 1, or 0, between which the angles are those of pre-activations."""
        bias = torch.full((len(x), 1), math.sqrt(self.biases[0]), dtype=x.dtype)
        whole = torch.cat([x * math.sqrt(self.weight / x.shape[1]), bias], 1)
        return nn.functional.normalize(whole, dim=1, eps=torch.finfo(x.dtype).tiny)

    def _deviations(self, moments: _Moments, x: Tensor, sphere: bool) -> list[Tensor]:
        """√Σ_l(x, x) of every hidden layer."""
        squares = x.square().sum(1)[: 1 if sphere else None]
        variance = squares * (self.weight / x.shape[1]) + self.biases[0]
        found = []
        for bias in self.biases[1:]:
            s = variance.sqrt()
            found.append(s.expand(len(x)))
            square = torch.from_numpy(moments(s.numpy(), s.numpy(), 0.0)[0])
            variance = (self.weight * square + bias).clamp(min=0)
        return found

    def _block(
        self, products: Any, angle: Any, ends: list[tuple[Any, Any]], serve: list[_Moments]
    ) -> _Block:
        import numpy as np

        first = products * (self.weight / self.inputs) + self.biases[0]
        values, slopes = [], []
        for layer, (s1, s2) in enumerate(ends):
            value, slope = serve[layer](s1, s2, angle)
            values.append(value)
            slopes.append(slope)
            if layer + 1 < len(ends):
                norms = np.multiply(*ends[layer + 1])
                covariance = self.weight * value + self.biases[layer + 1]
                cosine = np.divide(covariance, norms, out=0 * norms, where=norms > 0)
                one = (angle == 0) & (s1 == s2)
                angle = np.where(one, 0, np.arccos(cosine.clip(-1, 1)))
        return _Block(products, first, values, slopes)


@dataclass(frozen=True)
class _Angles:
    """Between vectors of length 1; good to rounding at every angle, as arccos would not be."""

    left: Tensor
    right: Tensor

    def between(self, i: slice, j: slice) -> Any:
        """The angles of a block, in [0, π]; π/2 with a vector of length 0."""
        a, b = self.left[i], self.right[j]
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
