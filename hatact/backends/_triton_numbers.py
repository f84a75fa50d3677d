"""What the Triton kernels are compiled with: a spec's numbers as tuples of constants. Pure Python.

Triton is not imported here, nor in any file of this backend before its first launch.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import torch

from hatact import _code
from hatact._bounded import BoundedCache
from hatact._checks import check_numbers
from hatact.reference import about_zero

MAX_PIECES = 64  # beyond either, compile time grows and the select chain is no kernel to want
MAX_DEGREE = 16


def _rounded(value: float, dtype: torch.dtype) -> float:
    """In `dtype`, where −0 is 0: what is too small for it comes out with either sign."""
    if dtype == torch.float64:
        return float(value) + 0.0
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded + 0.0


Constants = tuple[tuple[float, ...], tuple[tuple[float, ...], ...], tuple[float, ...]]


@BoundedCache
def constants(
    knots: tuple[float, ...], coeffs: tuple[float, ...], period: float, dtype: torch.dtype
) -> Constants | None:
    """The kernel's (KNOTS, PIECES, PERIOD) in a compute dtype.

    A piece is its base and its coefficients, with no leading zeros; PERIOD is (period,
    knots[0] + period), or empty.
    None for a spec that is left to the reference: more than MAX_PIECES pieces, a degree above
    MAX_DEGREE, or a tail whose limit a coefficient decides that is 0 in `dtype`.

    Raises:
        ValueError: for numbers that break a rule of the op.
    """
    check_numbers(knots, coeffs, period, dtype)
    width = len(coeffs) // (len(knots) + 1)
    if len(knots) + 1 > MAX_PIECES or width - 1 > MAX_DEGREE:
        return None
    ts = tuple(_rounded(t, dtype) for t in knots)
    cs = [_rounded(c, dtype) for c in coeffs]
    end = min(knots[0] + period, torch.finfo(dtype).max)
    wrap = (_rounded(period, dtype), _rounded(end, dtype)) if period else ()
    rows = [slice(start, start + width) for start in range(0, len(cs), width)]
    if not period and any(_lead(coeffs[row]) < _lead(cs[row]) for row in (rows[0], rows[-1])):
        return None
    bases = (ts[0], *ts)
    pieces = []
    for i, row in enumerate(rows):
        base, piece = bases[i], cs[row][_lead(cs[row]) :]
        slope, constant = coeffs[row][-2:] if width > 1 else (0.0, 0.0)
        if slope and not any(coeffs[row][:-2]):
            moved = about_zero(slope, constant, knots[max(i - 1, 0)], dtype)
            if moved is not None:
                base, piece = 0.0, [slope, _rounded(moved, dtype)]
        pieces.append((base, *piece))
    return ts, tuple(pieces), wrap


def _lead(piece: Sequence[float]) -> int:
    """Where the first coefficient is that is not 0; the constant's place if all are."""
    return next((k for k, c in enumerate(piece) if c), len(piece) - 1)


@BoundedCache
def piece_codes(
    coeffs: tuple[float, ...], pieces: int, period: float
) -> tuple[tuple[int, ...], int]:
    """The kernel's CODES and BITS: bit p of a piece's code at bit 8·p, and the bits an element.

    The sum of eight elements' CODES, each shifted by its place, has plane p of the group as its
    byte p. CODES has one entry per piece, and one more, of the NaN slope, if periodic.

    Raises:
        ValueError: for a degree above 1, or more than eight slopes.
    """
    slopes, index = _code.table(coeffs, pieces, period)
    bits = _code.bits_of(len(slopes))
    return tuple(sum((i >> p & 1) << 8 * p for p in range(bits)) for i in index), bits


@BoundedCache
def finite_slopes(slopes: tuple[float, ...], dtype: torch.dtype) -> tuple[float, ...]:
    """The kernel's SLOPES in a compute dtype: a code beyond them means NaN, as the last may."""
    return tuple(_rounded(s, dtype) for s in slopes if not math.isnan(s))
