"""Random specs, their points, and what may come out there by exact fractions (exact.py)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from hatact import PiecewisePolynomial
from tests.support import exact
from tests.support.random_specs import random_points, random_spec

DRAWN: dict[tuple[torch.dtype, int, int], int] = {}
"""Points judged, by dtype, seed and number of specs: the suite prints it at its end."""


@dataclass(frozen=True)
class Judged:
    """A spec, points, cotangents, and what may come out there: (n, options) each."""

    label: str
    spec: PiecewisePolynomial
    x: Tensor
    g: Tensor
    f: Tensor
    f_bound: Tensor
    d: Tensor
    d_bound: Tensor
    traced_bound: Tensor
    code: Tensor
    slopes: list[float] | None  # distinct, in order of first appearance; None: no code

    def wrong_values(
        self, y: Tensor, g: Tensor | float = 1.0, only: Tensor | None = None
    ) -> Tensor:
        return self._wrong(y, self.f, self.f_bound, g, only)

    def wrong_slopes(
        self, y: Tensor, g: Tensor | float = 1.0, only: Tensor | None = None
    ) -> Tensor:
        return self._wrong(y, self.d, self.d_bound, g, only)

    def wrong_traced(self, y: Tensor, g: Tensor) -> Tensor:
        """As wrong_slopes, of a derived formula: a number where f is NaN, NaN beyond the range."""
        promised = ~self.f[:, 0].isnan() & self.traced_bound.isfinite().all(1)
        # What underflows in g times a power of x − t is no smaller for a small g.
        bound = self.traced_bound / g.double().abs().clamp(1e-30, 1.0)[:, None]
        return self._wrong(y, self.d, bound, g, promised)

    def _wrong(self, y, wanted, bound, g, only) -> Tensor:
        g = g.double() if isinstance(g, Tensor) else torch.full((len(self.x),), g).double()
        bad = ~exact.within(y.detach(), wanted, bound, g)
        return bad if only is None else bad & only

    @property
    def coded(self) -> Tensor:
        """g·slope as a coded backward gives it: a NaN has the last piece's slope."""
        compute = exact.computing(self.x.dtype)
        table = torch.tensor(self.slopes, dtype=torch.float64).to(compute)
        return (self.g.to(compute)[:, None] * table[self.code.clamp(min=0)]).to(self.x.dtype)


def judged(label: str, spec: PiecewisePolynomial, x: Tensor, g: Tensor) -> Judged:
    """All options at the points."""
    knots, coeffs, period = spec.numbers
    width = len(coeffs) // (len(knots) + 1)
    derivative = []
    for piece in spec.pieces:
        d = len(piece) - 1
        own = [float(c * (d - k)) + 0.0 for k, c in enumerate(piece[:-1])]
        derivative += [0.0] * (width - len(own)) + own
    f = exact.Exact(knots, coeffs, derivative, period, exact.computing(x.dtype))
    options = [f.at(v) for v in x.double().tolist()]
    most = max(map(len, options))
    options = [[*o, *[o[0]] * (most - len(o))] for o in options]

    def column(name: str, dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.tensor([[getattr(o, name) for o in each] for each in options], dtype=dtype)

    slopes, of_piece = _slopes(spec)
    pieces = column("piece", torch.int64)
    code = torch.tensor([*of_piece, -1])[pieces] if slopes else pieces
    names = ("f", "f_bound", "d", "d_bound", "traced_bound")
    return Judged(label, spec, x, g, *map(column, names), code, slopes)


def _slopes(spec: PiecewisePolynomial) -> tuple[list[float] | None, list[int]]:
    knots, coeffs, period = spec.numbers
    width = len(coeffs) // (len(knots) + 1)
    if width > 2:
        return None, []
    of_piece = [c + 0.0 for c in coeffs[::2]] if width == 2 else [0.0] * len(coeffs)
    if period:
        of_piece[0] = of_piece[1]
    distinct = list(dict.fromkeys(of_piece))
    index = [distinct.index(s) for s in of_piece]
    if period:
        index.append(len(distinct))
        distinct.append(float("nan"))
    return (distinct if len(distinct) <= 8 else None), index


@cache
def sample(dtype: torch.dtype, seed: int, specs: int, points: int) -> list[Judged]:
    """The specs of a seed, each with a size of its own, up to `points`."""
    found = []
    for i in range(specs):
        label = f"{seed}:{i}"
        rng = random.Random(label)
        kind, spec = random_spec(rng)
        n = rng.choice((points, points, rng.randint(1, points)))
        x = random_points(rng, spec, dtype, n)
        g = torch.tensor([rng.choice((1.0, rng.gauss(0, 1))) for _ in range(n)]).to(dtype)
        found.append(judged(f"{label}, {kind}", spec, x, g))
    DRAWN[dtype, seed, specs] = sum(len(c.x) for c in found)
    return found
