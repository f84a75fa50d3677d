"""E[f(u)·f(v)] and E[f′(u)·f′(v)] of normal u, v in closed form, for f of degree at most 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy.special import ndtr, owens_t

from hatact import _polynomial as poly
from hatact.spec import PiecewisePolynomial

Array = Any
FAR = 38.0
"""Standard deviations beyond which a normal variable does not come in float64."""


@dataclass(frozen=True)
class Kink:
    """f changes by jump·1(side·x > t) + slope·(side·x − t)₊ beyond a knot, away from 0; t ≥ 0."""

    side: int
    t: float
    jump: float
    slope: float


@dataclass(frozen=True)
class Kinks:
    """f(x) = a + b·x + what its kinks add, seen from 0: no two terms cancel for small x."""

    a: float
    b: float
    kinks: tuple[Kink, ...]

    @classmethod
    def of(cls, f: PiecewisePolynomial) -> Kinks:
        """The kinks of an f of degree at most 1, without a period."""
        lines = []  # value and slope of each piece, as a line through (0, value)
        bases = [f.knots[0], *f.knots]
        for piece, base in zip(f.pieces, bases, strict=True):
            slope, value = (Fraction(0), *(Fraction(c) for c in piece))[-2:]
            lines.append((value - slope * Fraction(base), slope))
        home = sum(t < 0 for t in f.knots)
        kinks = []
        for i, t in enumerate(Fraction(t) for t in f.knots):
            side = 1 if i >= home else -1
            inner, outer = (lines[i], lines[i + 1])[::side]
            slope = outer[1] - inner[1]
            jump = outer[0] - inner[0] + slope * t
            if jump or slope:
                kinks.append(Kink(side, float(abs(t)), float(jump), float(side * slope)))
        a, b = lines[home]
        return cls(float(poly.tidy(a)), float(b), tuple(kinks))

    def rounding(self, s: float) -> float:
        """About what rounding makes of E[f·f] at deviations up to s."""
        size = (
            sum(
                (abs(k.jump) + abs(k.slope) * s) * math.exp(-((k.t / s) ** 2) / 4)
                for k in self.kinks
            )
            if s
            else 0.0
        )
        return float(np.finfo(float).eps) * size**2

    def moments(self, s1: Array, s2: Array, angle: Array) -> tuple[Array, Array]:
        """Of u ~ N(0, s1²), v ~ N(0, s2²) with correlation cos(angle); the arrays broadcast."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self._moments(*map(np.asarray, (s1, s2, angle)))

    def _moments(self, s1: Array, s2: Array, angle: Array) -> tuple[Array, Array]:
        a, b, rho = self.a, self.b, np.cos(angle)
        left, right = ([_Tail.of(k, s) for k in self.kinks] for s in (s1, s2))
        # E[g], E[Z·g], E[g′] of what the kinks add, g, on either side
        (g1, z1, d1), (g2, z2, d2) = (
            [sum(of) for of in zip(_NONE, *_once(tails), strict=True)] for tails in (left, right)
        )
        values = a * a + b * b * s1 * s2 * rho + a * (g1 + g2) + b * rho * (s1 * z2 + s2 * z1)
        slopes = b * b + b * (d1 + d2) + 0 * (s1 + s2 + angle)
        half = {1: angle / 2, -1: (np.pi - angle) / 2}
        for p in left:
            for q in right:
                same = p.kink.side * q.kink.side
                value, both = p.with_(q, half[same])
                values = values + value
                slopes = slopes + same * p.kink.slope * q.kink.slope * both
        return values, slopes


_NONE = (0.0, 0.0, 0.0)


def _once(tails: list[_Tail]) -> list[tuple[Array, Array, Array]]:
    return [tail.alone() for tail in tails]


@dataclass(frozen=True)
class _Tail:
    """A kink before a normal variable of standard deviation s: where it is in units of s."""

    kink: Kink
    s: Array
    h: Array
    density: Array
    beyond: Array

    @classmethod
    def of(cls, kink: Kink, s: Array) -> _Tail:
        h = np.where(s > 0, np.minimum(kink.t / s, FAR), FAR)
        far = h >= FAR
        density = np.where(far, 0, np.exp(-h * h / 2) / np.sqrt(2 * np.pi))
        return cls(kink, s, h, density, np.where(far, 0, ndtr(-h)))

    def alone(self) -> tuple[Array, Array, Array]:
        """E[g], E[Z·g] and E[g′], g what the kink adds to f(s·Z)."""
        k, s = self.kink, self.s
        value = k.jump * self.beyond + k.slope * s * (self.density - self.h * self.beyond)
        rising = k.side * (k.jump * self.density + k.slope * s * self.beyond)
        return value, rising, k.side * k.slope * self.beyond

    def with_(self, other: _Tail, half: Array) -> tuple[Array, Array]:
        """E[g₁·g₂], and P(both are beyond their kinks), at an angle of 2·half between the two.

        By moments of the bivariate normal distribution truncated at (h, k), from Owen's T.
        """
        h, k, p, q = self.h, other.h, self.kink, other.kink
        rho, sine = np.cos(2 * half), np.sin(2 * half)
        apart = 2 * np.sin(half) ** 2  # 1 − ρ
        right, up = (k - h) + h * apart, (h - k) + k * apart  # k − ρh and h − ρk
        c_h, c_k = (np.where(n == 0, 0, n / sine) for n in (right, up))
        corner = (h == 0) & (k == 0)
        at_h, at_k = (
            np.where(corner, np.tan(half), np.where(c == 0, 0, c / t))
            for c, t in ((c_h, h), (c_k, k))
        )
        both = (self.beyond + other.beyond) / 2 - owens_t(h, at_h) - owens_t(k, at_k)
        both = np.where((h >= FAR) | (k >= FAR), 0, np.maximum(both, 0))
        along_h, along_k = self.density * ndtr(-c_h), other.density * ndtr(-c_k)
        value = p.jump * q.jump * both
        if p.slope and q.jump:
            value = value + p.slope * q.jump * self.s * (along_h + rho * along_k - h * both)
        if p.jump and q.slope:
            value = value + p.jump * q.slope * other.s * (along_k + rho * along_h - k * both)
        if p.slope and q.slope:
            ridge = self.density * sine * np.exp(-c_h * c_h / 2) / np.sqrt(2 * np.pi)
            product = (rho + h * k) * both - k * along_h - h * along_k + ridge
            value = value + p.slope * q.slope * self.s * other.s * product
        return value, both
