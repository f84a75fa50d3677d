"""On which piece of a spec a number lies, and where its knots are, periods counted."""

from __future__ import annotations

import torch
from torch import Tensor

from hatact._checks import compute_dtype
from hatact.reference import reduced
from hatact.spec import PiecewisePolynomial

EPS = torch.finfo(torch.float64).eps
MOST_TURNS = 2.0**48
"""Periods away from the first knot that are still counted."""


def piece_index(z: Tensor, spec: PiecewisePolynomial) -> Tensor:
    """The index of the piece that kernels use at every number, int64; (*) → (*).

    Of a periodic spec the pieces are numbered on from period to period: n more in each, n being how
    many knots there are, and 1 … n in the first. z is compared, and periods taken off, as kernels
    do it: in its own dtype, or in float32 where that is narrower.

    Raises:
        ValueError: for a z of a periodic spec that is too many periods away to be counted.
    """
    knots, _, period = spec.numbers
    z = z.detach().to(compute_dtype(z)).contiguous()
    at = reduced(z, knots, period)
    index = torch.searchsorted(z.new_tensor(knots), at)
    if not period:
        return index
    turns = ((z - at) / period).round()
    return _counted(turns, z, period) * len(knots) + index.clamp(min=1)


def _counted(turns: Tensor, z: Tensor, period: float) -> Tensor:
    """Turns as int64; ValueError where they are too many, or NaN, as of an infinite z."""
    if not bool((turns.abs() <= MOST_TURNS).all()):
        raise ValueError(
            f"a periodic activation counts at most 2^48 of its periods, of {period:g} each; got a "
            f"pre-activation of {float(z.abs().max()):g}"
        )
    return turns.long()


def silent(index: Tensor, spec: PiecewisePolynomial) -> Tensor:
    """Whether f is 0 on the whole of each piece, given :func:`piece_index`; (*) → (*) bool."""
    zero = torch.tensor([not any(piece) for piece in spec.pieces], device=index.device)
    return zero[index if spec.period is None else (index - 1) % len(spec.knots) + 1]


class Knots:
    """The knots of a spec on the whole line, numbered 0, 1, … from its first, in float64.

    Of a periodic spec they go on in both directions. A knot that ends the period, where the next
    one starts, is left out.
    """

    def __init__(self, spec: PiecewisePolynomial, device: torch.device) -> None:
        knots, coeffs, self.period = spec.numbers
        at = torch.tensor(knots, dtype=torch.float64, device=device)
        pieces = at.new_tensor(coeffs).reshape(len(knots) + 1, -1)
        self.degree = pieces.shape[1] - 1
        if self.period:
            keep = at < at[0] + self.period
            at, pieces = at[keep], pieces[1:][keep]
        self.at, self._pieces = at, pieces
        self._bases = at if self.period else torch.cat([at[:1], at])
        self._ends = self._joined()

    def _joined(self) -> Tensor:
        """f at the right end of every piece: where it does not jump, as the next piece has it."""
        following = self._pieces[:, -1].roll(-1)
        if self.period:
            right = torch.cat([self.at[1:], self.at[:1] + self.period])
        else:
            right = torch.cat([self.at, self.at[-1:]])
        u = right - self._bases
        end, size = (self._horner(of, u) for of in (self._pieces, self._pieces.abs()))
        return torch.where((end - following).abs() <= 8 * EPS * size, following, end)

    @staticmethod
    def _horner(pieces: Tensor, u: Tensor) -> Tensor:
        y = pieces[:, 0]
        for column in pieces.T[1:]:
            y = y * u + column
        return y

    def snapped(self, z: Tensor, within: Tensor) -> Tensor:
        """z, but the knot where one is so near; (*), (*) → (*)."""
        right = self.below(z)
        left = right - 1
        if not self.period:
            left, right = left.clamp(min=0), right.clamp(max=len(self.at) - 1)
        for knot in (self.position(left), self.position(right)):
            z = torch.where((z - knot).abs() <= within, knot, z)
        return z

    def below(self, z: Tensor, equal: bool = False) -> Tensor:
        """How many knots lie below z, counted from the first one on, int64; (*) → (*).

        Args:
            equal: whether a knot at z counts.

        Raises:
            ValueError: as :func:`piece_index`.
        """
        if not self.period:
            return torch.searchsorted(self.at, z.contiguous(), right=equal)
        turns = ((z - self.at[0]) / self.period).floor()
        offset = (z - turns * self.period).contiguous()
        counted = _counted(turns, z, self.period)
        return counted * len(self.at) + torch.searchsorted(self.at, offset, right=equal)

    def position(self, number: Tensor) -> Tensor:
        """Where the knots of these numbers are, float64."""
        if not self.period:
            return self.at[number]
        count = len(self.at)
        turns = number.div(count, rounding_mode="floor").to(self.at)
        return self.at[number % count] + turns * self.period

    def value(self, z: Tensor, below: Tensor | None = None) -> Tensor:
        """f(z), by the piece with so many knots below it, if given; (*) → (*).

        At a knot where f does not jump, pieces on both sides give the same bits.
        """
        if below is None:
            below = self.below(z)
        piece, base = below, self._bases
        if self.period:
            piece = (below - 1) % len(self.at)
            u = z - self.position(below - 1)
        else:
            u = z - base[below]
        y = self._pieces[:, 0][piece]
        for column in self._pieces.T[1:]:
            y = y * u + column[piece]
        if self.period:
            ends = z == self.position(below)
        else:
            last = len(self.at)
            ends = (z == self.at[below.clamp(max=last - 1)]) & (below < last)
        return torch.where(ends, self._ends[piece], y)

    def nearest(self, z: Tensor) -> Tensor:
        """|z − t| of the knot t that is nearest, float64; (*) → (*)."""
        right = self.below(z)
        left = right - 1
        if not self.period:
            left, right = left.clamp(min=0), right.clamp(max=len(self.at) - 1)
        return torch.minimum((z - self.position(left)).abs(), (z - self.position(right)).abs())
