"""Moments of a piecewise polynomial of two normal variables, by brute force."""

from __future__ import annotations

import random
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from hatact import PiecewisePolynomial

Array = Any


def random_pieces(rng: random.Random, degree: int) -> PiecewisePolynomial:
    """Knots of either sign, jumps and tails that are not 0."""
    knots = sorted(rng.uniform(-3, 3) for _ in range(rng.randint(1, 5)))
    pieces = [[rng.uniform(-2, 2) for _ in range(degree + 1)] for _ in range(len(knots) + 1)]
    return PiecewisePolynomial(knots, pieces)


def random_lines(rng: random.Random) -> PiecewisePolynomial:
    """A continuous one of degree 1 with knots of either sign and slopes on either side."""
    knots = sorted(rng.choice((1, 3)) * rng.uniform(-1, 1) for _ in range(rng.randint(1, 6)))
    slopes = [rng.uniform(-2, 2) for _ in range(len(knots) + 1)]
    value = rng.uniform(-1, 1)
    pieces = [(slopes[0], value), (slopes[1], value)]
    for (left, right), before, slope in zip(pairwise(knots), slopes[1:-1], slopes[2:], strict=True):
        value += before * (right - left)
        pieces.append((slope, value))
    return PiecewisePolynomial(knots, pieces)


@cache
def normals(n: int) -> tuple[Array, Array]:
    """n independent pairs, always the same."""
    rng = np.random.default_rng(0)
    return rng.standard_normal(n), rng.standard_normal(n)


def sampled(f: PiecewisePolynomial, cases: list[tuple[float, float, float]], n: int) -> Array:
    """E[f(u)·f(v)] of cases (s1, s2, angle) from n pairs, and its standard errors: (2, cases)."""
    evaluate = f.to_scipy()
    first, second = normals(n)
    known: dict[float, Array] = {}
    found = []
    for s1, s2, angle in cases:
        if s1 not in known:
            known[s1] = evaluate(s1 * first)
        product = known[s1] * evaluate(s2 * (np.cos(angle) * first + np.sin(angle) * second))
        found.append((product.mean(), product.std() / n**0.5))
    return np.array(found).T


def integrated(f: PiecewisePolynomial, s1: float, s2: float, angle: float) -> float:
    """E[f(u)·f(v)] of a spec without a period: a rule over v inside a rule over u, 0.05 < angle.

    Both of Gauss and Legendre, with breaks where f has a knot; nothing is known of normal moments.
    """
    knots = np.array([float(t) for t in f.knots])
    grid = np.arange(-12, 12.01, 0.125)
    x, weight = _rule(np.concatenate([knots / s1, grid])[None])
    x, weight = x[0], weight[0]
    cos, sin = np.cos(angle), np.sin(angle)
    at = (knots / s2 - cos * x[:, None]) / sin
    grid = np.broadcast_to(np.arange(-12, 12.01, 2.0), (len(x), 13))
    z, inner = _rule(np.concatenate([at, grid], 1))
    smoothed = (inner * _values(f, s2 * (cos * x[:, None] + sin * z))).sum(1)
    return float((weight * _values(f, s1 * x) * smoothed).sum())


def mean(f: PiecewisePolynomial, s: float, power: int = 1) -> float:
    """E[f(u)^power] of a spec without a period."""
    knots = np.array([float(t) for t in f.knots])
    x, weight = _rule(np.concatenate([knots / s, np.arange(-12, 12.01, 0.125)])[None])
    return float((weight * _values(f, s * x) ** power).sum())


def root_mean_square(f: PiecewisePolynomial, s: float) -> float:
    """√E[f(u)²] of a spec without a period."""
    return mean(f, s, 2) ** 0.5


def _rule(breaks: Array) -> tuple[Array, Array]:
    """Nodes, and weights with the normal density in them, of rows of breaks."""
    nodes, weights = np.polynomial.legendre.leggauss(16)
    breaks = np.sort(breaks.clip(-12, 12), 1)
    middle, half = (breaks[:, 1:] + breaks[:, :-1]) / 2, np.diff(breaks) / 2
    x = (middle[..., None] + half[..., None] * nodes).reshape(len(breaks), -1)
    weight = (half[..., None] * weights).reshape(len(breaks), -1)
    return x, weight * np.exp(x * x / -2) / np.sqrt(2 * np.pi)


def _values(f: PiecewisePolynomial, x: Array) -> Array:
    """f(x) by the definition of a spec."""
    knots = np.array([float(t) for t in f.knots])
    piece = np.searchsorted(knots, x)
    y = x - knots[np.maximum(piece - 1, 0)]
    width = max(len(p) for p in f.pieces)
    rows = np.array([[0.0] * (width - len(p)) + [float(c) for c in p] for p in f.pieces])
    total = np.zeros_like(x)
    for k in range(width):
        total = total * y + rows[piece, k]
    return total
