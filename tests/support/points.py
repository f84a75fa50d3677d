"""Points to evaluate a spec at: clear of its knots, or where something can go wrong."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hatact import PiecewisePolynomial, reference
from tests.support.oracle import sample, settled
from tests.support.specs import ACTIVATIONS, SPECS

NAMES = [*ACTIVATIONS, "linear_tails", "cubic_tails", "inexact_knots", "ragged", "sawtooth"]


def smooth_points(name: str, n: int = 9, seed: int = 0) -> torch.Tensor:
    """n float64 points on and about the support, at least 1/100 from every knot."""
    spec = SPECS[name]
    knots, _, period = spec.numbers
    hi = knots[0] + period if period else knots[-1]
    x = torch.rand(40 * n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x = knots[0] - 1 + (hi - knots[0] + 2) * x
    t = torch.tensor(knots, dtype=torch.float64)
    distance = x[:, None] - t
    if period:
        distance = distance - period * torch.round(distance / period)
    return x[(distance.abs() > 0.01).all(1)][:n].clone()


def spare_the_interpreter(place, name: str) -> None:
    """Skip where thousands of calls, at 10 ms and more each, would add nothing."""
    if place.interpreted and name not in ("hat", "bspline3"):
        pytest.skip("too many calls for Triton's interpreter")


def plain(x, name, g=None):
    """The reference, which torch differentiates by itself."""
    return reference.ppoly(x, g, *SPECS[name].numbers)


def points(spec: PiecewisePolynomial, dtype: torch.dtype, n: int = 500) -> Tensor:
    """n points of a spec, then its knots ± two ulps, ±0, subnormals, the largest, ±inf, ±NaN."""
    knots, _, period = spec.numbers
    t = torch.tensor([*knots, knots[0] + period], dtype=torch.float64).to(dtype)
    up, down = (torch.full_like(t, s * torch.inf) for s in (1, -1))
    steps = [t, torch.nextafter(t, up), torch.nextafter(t, down)]
    steps += [torch.nextafter(steps[1], up), torch.nextafter(steps[2], down)]
    info = torch.finfo(dtype)
    least = info.smallest_normal * info.eps
    special = [0.0, least, 3 * least, info.smallest_normal / 2, info.smallest_normal, info.max]
    special = torch.tensor([*special, torch.inf, torch.nan], dtype=torch.float64).to(dtype)
    return torch.cat([sample(spec, dtype, n), *steps, special, -special])


def certain(spec: PiecewisePolynomial, x: Tensor) -> Tensor:
    """Where rounding in the reduction by a period cannot change the slope."""
    if spec.period is None:
        return torch.ones_like(x, dtype=torch.bool)
    knots, _, period = spec.numbers
    base = (x.double() > knots[0]) & (x.double() <= knots[0] + period)
    clear = settled(spec.derivative(), x) & (x.abs() < 1e4)
    t = torch.tensor([*knots, knots[0] + period], dtype=torch.float64)
    # A base period has no reduction to round, but the knots themselves are rounded.
    near = torch.finfo(x.dtype).eps * t.abs() * 2
    return ~x.isfinite() | clear | (base & ((x.double()[:, None] - t).abs() > near).all(1))


def cotangent(x: Tensor) -> Tensor:
    """A g for x that holds ±0, ±inf and NaN too."""
    g = torch.randn(x.numel(), generator=torch.Generator().manual_seed(3)).to(x.dtype)
    special = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 1.0], dtype=x.dtype)
    g[::5] = special.repeat(len(g))[: len(g[::5])]
    return g.view(x.shape).to(x.device)


def clear_points(spec, n: int = 9):
    """n float64 points of a spec clear of its knots."""
    knots, _, period = spec.numbers
    x = sample(spec, torch.float64, 4000)
    t = torch.tensor([*knots, knots[0] + period], dtype=torch.float64)
    distance = x[:, None] - t
    if period:
        distance = distance - period * torch.round(distance / period)
    wide = x.abs() < max(abs(v) for v in (*knots, 10)) + 10
    return x[(distance.abs() > 1e-3).all(1) & wide][:n].clone()
