"""E[f(u)·f(v)] and E[f′(u)·f′(v)] of normal u, v by quadrature, for f of any degree.

∫ φ(x)·f(s₁x)·h(x) dx, where h(x) = E[f(v) | u = s₁x] is f smoothed with a normal density: in closed
form, or by rules on its pieces where the density is wide beside them. Gauss–Legendre rules of NODES
nodes stand between the knots of f(s₁x), points at a few widths from those of h, and a grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hatact import _polynomial as poly
from hatact.spec import PiecewisePolynomial

NODES = 10
REACH = 10.0
"""Standard deviations that are integrated over: beyond lies 2e-23, times a polynomial."""
GRID = 2.0
WIDTHS = (-7.0, -3.0, 0.0, 3.0, 7.0)
"""Of a smoothed knot: there its distance from the polynomials beside it is below 1e-11 … 0."""
BROAD = 0.5
"""Spread, in widths of the widest piece, from which f is smoothed by a rule on every piece."""
BLOCK = 2**16
"""Numbers of one array."""


_Smooth = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Panels:
    """The moments of one f."""

    def __init__(self, f: PiecewisePolynomial) -> None:
        self._pieces = [_Pieces(f), _Pieces(f.derivative())]
        self._knots = self._pieces[0].knots
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        self._nodes, self._weights = torch.from_numpy(nodes), torch.from_numpy(weights)
        ends = self._knots[:-1], self._knots[1:]
        half = (ends[1] - ends[0]) / 2
        compact = not any(any(piece) for piece in (f.pieces[0], f.pieces[-1]))
        self._broad = BROAD * 2 * float(half.max()) if compact and len(half) else math.inf
        """The least spread of a normal density that the rules on f's pieces resolve."""
        v = ((ends[0] + ends[1]) / 2)[:, None] + half[:, None] * self._nodes
        self._v = v.flatten()
        of = (half[:, None] * self._weights).flatten()
        self._held = [pieces.at(self._v) * of for pieces in self._pieces]

    def rounding(self, s: float) -> float:
        """About what rounding makes of f smoothed, at deviations up to s.

        It is a sum over the knots, whose parts cancel where some are close beside the spread.
        """
        if not s:
            return 0.0
        powers = min(s, self._broad) ** torch.arange(self._pieces[0].width)
        met = torch.exp((self._knots / s).square() / -4)
        size = float((self._pieces[0].changes.abs() * powers * met[:, None]).sum())
        return float(torch.finfo(torch.float64).eps) * size

    def moments(self, s1: Any, s2: Any, angle: Any) -> tuple[Any, Any]:
        """Of u ~ N(0, s1²), v ~ N(0, s2²) with correlation cos(angle); the arrays broadcast."""
        broadcast = np.broadcast_arrays(s1, s2, angle)
        flat = [torch.from_numpy(np.array(a, dtype=float).ravel()) for a in broadcast]
        broad = flat[1] * flat[2].sin() >= self._broad
        out = [torch.empty_like(flat[0]) for _ in range(2)]
        breaks = len(self._knots) * (1 + len(WIDTHS)) + int(2 * REACH / GRID) + 1
        size = max(1, BLOCK // (breaks * NODES))
        for chosen, smooth in ((broad, self._by_pieces), (~broad, self._by_knots)):
            for block in chosen.nonzero()[:, 0].split(size):
                parts = self._of(flat[0][block], flat[1][block], flat[2][block], smooth)
                for whole, part in zip(out, parts, strict=True):
                    whole[block] = part
        shape = broadcast[0].shape
        values, slopes = (whole.numpy().reshape(shape) for whole in out)
        return values, slopes

    def _of(self, s1: Tensor, s2: Tensor, angle: Tensor, smooth: _Smooth) -> tuple[Tensor, Tensor]:
        s1, s2, rho, sine = (a[:, None] for a in (s1, s2, angle.cos(), angle.sin()))
        near = torch.where(rho.abs() > 1e-2, rho, 1e-2)  # else h is wide and needs no panels
        own, theirs = (self._knots / s for s in (s1, s2 * near))
        around = [theirs + width * sine / near for width in WIDTHS]
        grid = torch.arange(-REACH, REACH + GRID / 2, GRID, dtype=s1.dtype, device="cpu")
        breaks = torch.cat([own, *around, grid.expand(len(s1), -1)], 1).nan_to_num(0)
        breaks = breaks.clamp(-REACH, REACH).sort(1)[0]
        middle, half = (breaks[:, 1:] + breaks[:, :-1]) / 2, (breaks[:, 1:] - breaks[:, :-1]) / 2
        x = (middle[..., None] + half[..., None] * self._nodes).flatten(1)
        weight = (half[..., None] * self._weights).flatten(1)
        weight *= torch.exp(x * x / -2) / math.sqrt(2 * math.pi)
        smoothed = smooth(s2 * rho * x, s2 * sine)
        values, slopes = (
            (weight * pieces.at(s1 * x) * h).sum(1)
            for pieces, h in zip(self._pieces, smoothed, strict=True)
        )
        return values, slopes

    def _by_pieces(self, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        """E[f] and E[f′] of N(mean, spread²), of a density that is wide beside every piece of f."""
        out = [torch.zeros_like(mean), torch.zeros_like(mean)]
        for v, *held in zip(self._v.tolist(), *(of.tolist() for of in self._held), strict=True):
            density = torch.exp(((v - mean) / spread).square() / -2)
            for h, weight in zip(out, held, strict=True):
                h += weight * density
        values, slopes = (h / (spread * math.sqrt(2 * math.pi)) for h in out)
        return values, slopes

    def _by_knots(self, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        """E[f] and E[f′] of N(mean, spread²): the piece at the mean, and what the knots change."""
        out = [pieces.of_normal(mean, spread) for pieces in self._pieces]
        for i, knot in enumerate(self._knots.tolist()):
            if not any(pieces.changes[i].any() for pieces in self._pieces):
                continue
            away = knot - mean
            a = torch.where(spread > 0, away.abs() / spread, math.inf)
            before = torch.erfc(a / math.sqrt(2)) / 2
            ridge = torch.exp(a * a / -2) / math.sqrt(2 * math.pi)
            tail = [before, ridge - torch.where(before > 0, a * before, 0)]  # ∫ (z − a)^m φ(z) dz
            while len(tail) < self._pieces[0].width:
                m = len(tail) - 1
                beyond = torch.where(before > 0, a * tail[m], 0)
                tail.append(m * tail[m - 1] - beyond)
            for h, pieces in zip(out, self._pieces, strict=True):
                for m, change in enumerate(pieces.changes[i].tolist()):
                    if change:
                        side = torch.where(away >= 0, 1.0, -((-1.0) ** m))
                        h += change * spread**m * tail[m] * side
        return out[0], out[1]


class _Pieces:
    """A spec's polynomials, lowest power first, each about the point of its interval nearest 0."""

    def __init__(self, f: PiecewisePolynomial) -> None:
        self.width = f.degree + 1
        knots = [Fraction(t) for t in f.knots]
        starts = [knots[0], *knots]
        bases, rows = [], []
        for i, piece in enumerate(f.pieces):
            base = Fraction(0) if i == 0 else max(Fraction(0), knots[i - 1])
            base = base if i == len(knots) else min(base, knots[i])
            bases.append(base)
            rows.append(_padded(poly.shift(piece, base - starts[i]), self.width))
        changes = []
        for i, knot in enumerate(knots):
            before = _padded(poly.shift(f.pieces[i], knot - starts[i]), self.width)
            after = _padded(f.pieces[i + 1], self.width)
            changes.append([b - a for a, b in zip(before, after, strict=True)])
        self.knots, self.bases = _tensor(knots), _tensor(bases)
        self.coefficients, self.changes = _tensor(rows), _tensor(changes)

    def _local(self, x: Tensor) -> tuple[Tensor, Tensor]:
        piece = torch.bucketize(x, self.knots)
        return piece, x - self.bases[piece]

    def at(self, x: Tensor) -> Tensor:
        """f(x)."""
        piece, y = self._local(x)
        total = self.coefficients[piece, -1]
        for m in range(self.width - 2, -1, -1):
            total = total * y + self.coefficients[piece, m]
        return total

    def of_normal(self, mean: Tensor, spread: Tensor) -> Tensor:
        """E[p(v)], v ~ N(mean, spread²), p the polynomial that holds at the mean."""
        piece, y = self._local(mean)
        powers = [torch.ones_like(y), y]
        while len(powers) < self.width:
            m = len(powers) - 1
            powers.append(y * powers[m] + m * spread**2 * powers[m - 1])
        parts = [self.coefficients[piece, m] * powers[m] for m in range(self.width)]
        return torch.stack(parts).sum(0)


def _tensor(numbers: Any) -> Tensor:
    try:
        return torch.tensor(np.vectorize(float, otypes=[float])(numbers), device="cpu")
    except OverflowError:
        raise ValueError(
            "an activation's numbers must be finite in float64 about every knot and about 0; got "
            "some beyond 1.8e308"
        ) from None


def _padded(piece: Any, width: int) -> list[Fraction]:
    rising = [Fraction(c) for c in reversed(piece)]
    return rising + [Fraction(0)] * (width - len(rising))
