"""The slope code: what a piecewise-linear activation keeps for its backward instead of x.

The slopes of f are its distinct ones, in the order in which its pieces first have them, left to
right; an element's code is the index of its slope there. Layout, the same on every backend:

    element i (row-major order) is bit i mod 8 of bytes (i // 8)·b … (i // 8)·b + b − 1,
    byte p of which holds bit p of its code;

b = 1, 2 or 3 bits an element for up to 2, 4 or 8 slopes. The code is a dense uint8 vector of
⌈n/8⌉·b bytes; the bits of the last group that belong to no element are 0. Pure Python.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

GROUP = 8  # elements whose codes share `bits` bytes
MOST_SLOPES = 8


def piece_slopes(coeffs: Sequence[float], pieces: int, period: float) -> tuple[float, ...]:
    """The slope on each piece of f, for coefficients of degree ≤ 1; piece 0 is piece 1 if periodic.

    A periodic f has one piece more, right of all others, whose slope is NaN: f has no value at
    ±inf. (Otherwise a NaN counts as right of all knots, and has the last piece's slope.)

    Raises:
        ValueError: for a degree above 1.
    """
    width = len(coeffs) // pieces
    if width > 2:
        raise ValueError(f"a slope code needs a degree of at most 1; got degree {width - 1}")
    # + 0.0 makes −0 a 0, as the derivative of a spec has it.
    slopes = [coeffs[i * width] + 0.0 if width == 2 else 0.0 for i in range(pieces)]
    return (slopes[1], *slopes[1:], math.nan) if period else tuple(slopes)


def distinct(slopes: Sequence[float]) -> tuple[float, ...]:
    """Each slope once, in order of first appearance (a NaN, if any, comes last)."""
    return tuple(dict.fromkeys(slopes))


def check_count(slopes: Sequence[float]) -> None:
    """ValueError for more slopes than three bits can tell apart."""
    if not 1 <= len(slopes) <= MOST_SLOPES:
        raise ValueError(f"a slope code needs 1 to {MOST_SLOPES} slopes; got {len(slopes)}")


def bits_of(slopes: int) -> int:
    """Bits an element for a number of slopes."""
    return 1 if slopes <= 2 else 2 if slopes <= 4 else 3


def code_bytes(elements: int, bits: int) -> int:
    """Length of the code of a number of elements."""
    return -(-elements // GROUP) * bits


def table(
    coeffs: Sequence[float], pieces: int, period: float
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """The slopes, and for each piece (one more if periodic) the index of its own.

    Raises:
        ValueError: for a degree above 1, or more than eight slopes.
    """
    each = piece_slopes(coeffs, pieces, period)
    slopes = distinct(each)
    check_count(slopes)
    index = {s: i for i, s in enumerate(slopes)}
    return slopes, tuple(index[s] for s in each)
