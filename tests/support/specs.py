"""The specs that the suite is parametrised over, by name."""

from __future__ import annotations

import random
from fractions import Fraction

from hatact import HAT, PiecewisePolynomial
from hatact.activations import registry

ACTIVATIONS = registry()


def _random_pieces(seed: int, knots: int) -> PiecewisePolynomial:
    """Ragged pieces of degree 0 to 3 on multiples of 1/4, constant tails, jumps everywhere."""
    rng = random.Random(seed)
    ts = tuple(Fraction(k, 4) for k in sorted(rng.sample(range(-2 * knots, 2 * knots), knots)))
    inner = [
        tuple(Fraction(rng.randint(-16, 16), 8) for _ in range(rng.randint(1, 4)))
        for _ in range(knots - 1)
    ]
    return PiecewisePolynomial(ts, ((rng.randint(-3, 3),), *inner, (rng.randint(-3, 3),)))


_EXTRA = {
    "linear_tails": PiecewisePolynomial(
        (-1, Fraction(1, 2), 2),
        ((Fraction(1, 2), -1), (1, -2, 0, -1), (-1, 0, 1, Fraction(-17, 8)), (3, -4)),
    ),
    "cubic_tails": PiecewisePolynomial((0, 1), ((1, 0, 0, 0), (2, 0), (-2, 0, 1, 2))),
    "relu_squared": PiecewisePolynomial.from_truncated_powers((0,), (1,), 2),
    "inexact_knots": PiecewisePolynomial.from_truncated_powers(
        (0.1, Fraction(1, 3), 0.7), (1, -2.5, 1.5), 1
    ),
    "wide": PiecewisePolynomial((-1e30, 0, 1e30), ((0,), (1e-30, 0), (-1e-30, 1), (0,))),
    "long": _random_pieces(7, 41),
    "ragged": _random_pieces(11, 5),
    "sawtooth": PiecewisePolynomial(
        (Fraction(1, 4), Fraction(1, 2)), ((5,), (1, 0), (-2, 1)), period=1
    ),
    "zero": PiecewisePolynomial((0,), ((0,), (0,))),
}


def _with_derivatives(specs: dict[str, PiecewisePolynomial]) -> dict[str, PiecewisePolynomial]:
    """Each spec with its first and second derivative, less those that vanish."""
    found = {}
    for name, spec in specs.items():
        for order in range(3):
            if order == 0 or any(any(p) for p in spec.pieces):
                found[name if order == 0 else f"{name}_d{order}"] = spec
            spec = spec.derivative()
    return found


# What no registered activation is: knots that leave out cells of a dyadic grid, uneven and shifted
# ones, many orders of magnitude, numbers that a narrower dtype cannot tell apart or hold.
_UNUSUAL = {
    "half_hat": HAT.scaled(Fraction(1, 2)),
    "trapezoid": PiecewisePolynomial.from_truncated_powers((0, 1, 3, 4), (1, -1, -1, 1), 1),
    "clip": PiecewisePolynomial((1, 5), ((1,), (1, 1), (5,))),
    "far_hat": HAT.scaled(2, -25),
    "sixteen_cells": PiecewisePolynomial((0, 5, 13), ((0,), (2, -1), (-1, 3), (0,))),
    "skipping_steps": PiecewisePolynomial((0, 2, 3, 6), ((1,), (-2,), (3,), (0.5,), (1,))),
    "uneven": PiecewisePolynomial((-1.3, 0.2, 0.9, 4.7), ((2,), (1, 2), (-3, 1), (1, 0), (7,))),
    "collapsing": PiecewisePolynomial(
        (1, 1 + Fraction(1, 2**12), 1 + Fraction(1, 2**9)), ((0,), (1, 0), (-1, 2), (1, -1))
    ),
    "tiny": PiecewisePolynomial((-(2.0**-133), 2.0**-134), ((-1,), (2.0**100, 0), (0, 3))),
    "huge": PiecewisePolynomial((-1e37, 2e37), ((1e-30, 0), (2e-37, -1), (-1e-37, 3))),
    "quintic_tails": PiecewisePolynomial((-1, 2), ((1, 0, 0, 0, -1, 0), (1, 2), (-1, 0, 0, 1, 0))),
    "uneven_wave": PiecewisePolynomial(
        (-0.7, 0.1, 1.9), ((0,), (1, 0), (-2, 1), (0.5, 3)), period=3.3
    ),
}
SPECS = _with_derivatives(ACTIVATIONS) | _with_derivatives(_EXTRA) | _UNUSUAL


def _slopes(count: int, negative_zero: bool = False) -> PiecewisePolynomial:
    """One piece a slope, 0 among them from two slopes on; jumps on the way."""
    slopes = [Fraction(i, 2) - 1 if i < 6 else i for i in range(count)]
    pieces = [(-0.0 if negative_zero and s == 0 else s, i % 3) for i, s in enumerate(slopes)]
    return PiecewisePolynomial(range(max(count - 1, 1)), (*pieces, (-1, 3))[: max(count, 2)])


_ZIGZAG = PiecewisePolynomial.from_truncated_powers(
    range(40), (1, *(-2, 2) * 19, -1), 1
)  # up, down, …, up, between tails of 0: 40 knots, three slopes
# Specs that have a slope code: every way to have few slopes.
_NAMES = "relu leaky_relu hardtanh hat bw_relu triangle_wave periodic_relu sawtooth sawtooth_d1"
_NAMES += " bspline0 bspline2_d1 inexact_knots wide zero"
CODED = {name: SPECS[name] for name in _NAMES.split()} | {
    "zigzag": _ZIGZAG,
    **{f"{n}_slopes": _slopes(n) for n in (1, 2, 3, 4, 5, 8)},
    "negative_zero": _slopes(4, negative_zero=True),
    **{name: spec for name, spec in _UNUSUAL.items() if spec.slopes is not None},
}
UNCODED = {"9_slopes": _slopes(9), "bspline3": SPECS["bspline3"], "ragged": SPECS["ragged"]}
