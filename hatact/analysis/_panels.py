"""E[f(u)·f(v)] and E[f′(u)·f′(v)] of normal u, v by quadrature, for f of any degree.

∫ φ(x)·f(s₁x)·h(x) dx, where h(x) = E[f(v) | u = s₁x] is known in closed form: f smoothed with a
normal density. Gauss–Legendre rules of NODES nodes stand between the knots of f(s₁x), points at a
few widths from those of h, and a grid.
"""

from __future__ import annotations

import math
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
BLOCK = 2**16
"""Numbers of one array."""


class Panels:
    """The moments of one f."""

    def __init__(self, f: PiecewisePolynomial) -> None:
        self._pieces = [_Pieces(f), _Pieces(f.derivative())]
        self._knots = self._pieces[0].knots
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        self._nodes, self._weights = torch.from_numpy(nodes), torch.from_numpy(weights)

    def moments(self, s1: Any, s2: Any, angle: Any) -> tuple[Any, Any]:
        """Of u ~ N(0, s1²), v ~ N(0, s2²) with correlation cos(angle); the arrays broadcast."""
        broadcast = np.broadcast_arrays(s1, s2, angle)
        flat = [torch.from_numpy(np.ascontiguousarray(a, dtype=float).ravel()) for a in broadcast]
        breaks = len(self._knots) * (1 + len(WIDTHS)) + int(2 * REACH / GRID) + 1
        size = max(1, BLOCK // (breaks * NODES))
        parts = [self._of(*block) for block in zip(*(a.split(size) for a in flat), strict=True)]
        shape = broadcast[0].shape
        values, slopes = (torch.cat(of).numpy().reshape(shape) for of in zip(*parts, strict=True))
        return values, slopes

    def _of(self, s1: Tensor, s2: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
        s1, s2, rho, sine = (a[:, None] for a in (s1, s2, angle.cos(), angle.sin()))
        near = torch.where(rho.abs() > 1e-2, rho, 1e-2)  # else h is wide and needs no panels
        own, theirs = (self._knots / s for s in (s1, s2 * near))
        around = [theirs + width * sine / near for width in WIDTHS]
        grid = torch.arange(-REACH, REACH + GRID / 2, GRID, dtype=s1.dtype).expand(len(s1), -1)
        breaks = torch.cat([own, *around, grid], 1).nan_to_num(0).clamp(-REACH, REACH).sort(1)[0]
        middle, half = (breaks[:, 1:] + breaks[:, :-1]) / 2, (breaks[:, 1:] - breaks[:, :-1]) / 2
        x = (middle[..., None] + half[..., None] * self._nodes).flatten(1)
        weight = (half[..., None] * self._weights).flatten(1)
        weight *= torch.exp(x * x / -2) / math.sqrt(2 * math.pi)
        smoothed = self._smoothed(s2 * rho * x, s2 * sine)
        values, slopes = (
            (weight * pieces.at(s1 * x) * h).sum(1)
            for pieces, h in zip(self._pieces, smoothed, strict=True)
        )
        return values, slopes

    def _smoothed(self, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
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
    """A spec's polynomials about the knots on their left, lowest power first, as tensors."""

    def __init__(self, f: PiecewisePolynomial) -> None:
        self.width = f.degree + 1
        self.knots = torch.tensor([float(t) for t in f.knots], dtype=torch.float64)
        self.bases = torch.cat([self.knots[:1], self.knots])
        rows = [_padded(piece, self.width) for piece in f.pieces]
        self.coefficients = torch.tensor(
            [[float(c) for c in row] for row in rows], dtype=torch.float64
        )
        starts = [f.knots[0], *f.knots]
        changes = []
        for i, knot in enumerate(f.knots):
            moved = poly.shift(f.pieces[i], Fraction(knot) - Fraction(starts[i]))
            left, right = _padded(moved, self.width), rows[i + 1]
            changes.append([float(r - le) for r, le in zip(right, left, strict=True)])
        self.changes = torch.tensor(changes, dtype=torch.float64)

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


def _padded(piece: Any, width: int) -> list[Fraction]:
    rising = [Fraction(c) for c in reversed(piece)]
    return rising + [Fraction(0)] * (width - len(rising))
