"""Random specs of every kind that kernels treat in their own way, and points to tell them apart."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction

import torch
from torch import Tensor

from hatact import PiecewisePolynomial

Knots = list


def _few_cells(rng: random.Random) -> Knots:
    """Multiples of a power of two from 0 on, some left out, on a grid of at most 8 cells."""
    h = Fraction(2) ** rng.randint(-4, 3)
    return [h * k for k in sorted(rng.sample(range(7), rng.randint(2, 5)))]


def _skipping(rng: random.Random) -> Knots:
    """The same from anywhere on, on a grid of 8 cells, 16, or too many."""
    h = Fraction(2) ** rng.randint(-4, 3)
    most = rng.choice((4, 8, 15, 16, 20))
    count = rng.randint(1, min(most, 9))
    start = rng.choice((0, 0, 1, rng.randint(-8, 8)))
    return [h * (start + k) for k in sorted(rng.sample(range(most), count))]


def _every_cell(rng: random.Random) -> Knots:
    h = Fraction(2) ** rng.choice((0, 0, 1, -1, -2, 20, -19, -22))
    return [h * k for k in range(rng.randint(1, 17))]


def _uneven(rng: random.Random) -> Knots:
    centre, spread = rng.uniform(-4, 4), 10 ** rng.uniform(-2, 2)
    return sorted({centre + spread * rng.uniform(-1, 1) for _ in range(rng.randint(1, 9))})


def _fractions(rng: random.Random) -> Knots:
    bottom = rng.choice((3, 7, 10, 12))
    return [Fraction(k, bottom) for k in sorted(rng.sample(range(-30, 30), rng.randint(1, 8)))]


def _tiny(rng: random.Random) -> Knots:
    """Between them as little as the least subnormal number of float16, bfloat16 or float32."""
    h = 2.0 ** rng.choice((-20, -24, -60, -126, -133, -149))
    return [h * k for k in sorted(rng.sample(range(-6, 7), rng.randint(1, 6)))]


def _huge(rng: random.Random) -> Knots:
    top = 10 ** rng.uniform(8, 37)
    return sorted({top * rng.uniform(-1, 1) for _ in range(rng.randint(1, 6))})


def _collapsing(rng: random.Random) -> Knots:
    """Distinct in float64, alike in a half type, or in float32 too."""
    base, h = rng.choice((1, 3, -5, 1000)), Fraction(2) ** rng.choice((-9, -12, -22, -30))
    return [base + h * k for k in sorted(rng.sample(range(12), rng.randint(2, 6)))]


def _many(rng: random.Random) -> Knots:
    count = rng.choice((14, 15, 16, 17, 31, 40, 70))
    if rng.random() < 0.5:
        return list(range(count))
    return sorted({rng.uniform(-8, 8) for _ in range(count)})


KNOTS: dict[str, Callable[[random.Random], Knots]] = {
    "few cells": _few_cells,
    "skipping": _skipping,
    "every cell": _every_cell,
    "uneven": _uneven,
    "fractions": _fractions,
    "tiny": _tiny,
    "huge": _huge,
    "collapsing": _collapsing,
    "many": _many,
}
_OFTEN = ("few cells", "few cells", "skipping", *KNOTS)


def _coefficient(rng: random.Random, kind: str):
    if kind == "dyadic":
        return Fraction(rng.randint(-32, 32), rng.choice((1, 2, 4, 8)))
    if kind == "float":
        return rng.uniform(-3, 3)
    if kind == "small":  # some below float32's range
        return rng.choice((-1, 1)) * 10 ** rng.uniform(-52, -20)
    return rng.choice((0, 0.0, -0.0, 1, -1, rng.uniform(-2, 2)))


def _pieces(rng: random.Random, count: int, degree: int, compact: bool) -> list[tuple]:
    """Ragged pieces; of degree 1 with few slopes, so that most specs have a slope code."""
    kind = rng.choice(("dyadic", "dyadic", "float", "small", "zeros"))
    pool = [_coefficient(rng, kind) for _ in range(rng.choice((2, 3, 4, 6, 8, 12)))]
    pieces = []
    for i in range(count):
        own = rng.randint(0, degree) if rng.random() < 0.3 else degree
        if i in (0, count - 1) and (compact or rng.random() < 0.3):
            own = 0
        lead = [rng.choice(pool)] if own == 1 else [_coefficient(rng, kind) for _ in range(own)]
        pieces.append((*lead, _coefficient(rng, kind)))
    return pieces


def random_spec(rng: random.Random) -> tuple[str, PiecewisePolynomial]:
    """The kind of its knots, and a spec of degree 0 to 5: with jumps or not, periodic or not."""
    kind = rng.choice(_OFTEN)
    knots = KNOTS[kind](rng)
    degree = rng.choice((0, 1, 1, 1, 1, 1, 2, 3, 4, 5))
    compact, period = rng.random() < 0.5, None
    if kind == "few cells" and rng.random() < 0.7:  # all of this at once, for a look-up by cell
        degree, compact = 1, True
    elif rng.random() < 0.15:
        span = Fraction(knots[-1]) - Fraction(knots[0])
        extra = rng.choice((Fraction(0), span / 4, Fraction(1)))
        period = span + extra if span + extra > 1e-37 else None  # float32 holds no less
    if rng.random() < 0.2 and kind not in ("huge", "tiny"):
        weights = [_coefficient(rng, "dyadic") for _ in knots]
        spec = PiecewisePolynomial.from_truncated_powers(knots, weights, degree)
        return kind, PiecewisePolynomial(spec.knots, spec.pieces, period)
    return kind, PiecewisePolynomial(knots, _pieces(rng, len(knots) + 1, degree, compact), period)


def random_points(
    rng: random.Random, spec: PiecewisePolynomial, dtype: torch.dtype, n: int
) -> Tensor:
    """n points of `dtype`: at knots and next to them, between, about and far from them, and ±0,
    the least and the largest numbers, ±inf and NaN. In no order."""
    info = torch.finfo(dtype)
    knots, _, period = spec.numbers
    ends = [*knots, knots[0] + period] if period else list(knots)
    span = max(ends[-1] - ends[0], abs(ends[0]) * info.eps, 2.0**-140)

    def draw() -> float:
        how = rng.random()
        t = rng.choice(ends)
        if how < 0.45:
            return _step(t, dtype, rng.choice((0, 0, 1, -1, 2, -2)))
        if how < 0.6:
            return t + span * rng.uniform(-1, 1) * 10 ** rng.uniform(-6, 0)
        if how < 0.9:
            return rng.uniform(ends[0] - span / 4, ends[-1] + span / 4)
        if how < 0.95:
            return rng.gauss(0, 10)
        return rng.choice((-1, 1)) * 10 ** rng.uniform(-40, 38)

    least = info.smallest_normal * info.eps
    special = [0.0, -0.0, least, -least, info.max, -info.max, math.inf, -math.inf, math.nan]
    drawn = [draw() for _ in range(max(n - len(special), 0))] + special[:n]
    rng.shuffle(drawn)
    finite = [v if not math.isfinite(v) else min(max(v, -info.max), info.max) for v in drawn]
    return torch.tensor(finite, dtype=torch.float64).to(dtype)


def _step(t: float, dtype: torch.dtype, ulps: int) -> float:
    """The number of `dtype` nearest to t, and so many further."""
    x = torch.tensor(t, dtype=torch.float64).to(dtype)
    towards = torch.tensor(math.copysign(math.inf, ulps), dtype=dtype)
    for _ in range(abs(ulps)):
        x = torch.nextafter(x, towards)
    return float(x)
