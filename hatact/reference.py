"""The definition in plain torch operations: the oracle, and what `torch.compile` traces. Internal.

Every other backend computes what `ppoly` here computes. It runs on any device and dtype that
torch has, is differentiable by torch itself, and needs no compiled part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hatact import _code
from hatact._checks import (
    check_in_place,
    check_numbers,
    check_slopes,
    check_tensors,
    compute_dtype,
)


def _horner(piece: Sequence[float], u: Tensor) -> Tensor:
    """The polynomial at u; a constant stays one, so that 0·inf never arises.

    At ±inf, which a tail alone sees, the limit: also where the coefficient that decides it is too
    small for u's dtype.
    """
    lead = next((k for k, c in enumerate(piece) if c), len(piece) - 1)
    power = len(piece) - 1 - lead
    half = torch.finfo(u.dtype).tiny * torch.finfo(u.dtype).eps / 2  # what is no more becomes 0
    first, *others = (0.0 if abs(c) <= half else c for c in piece[lead:])  # and a zero has no sign
    vanishes = power > 0 and first == 0
    y, near = torch.full_like(u, first), u
    if vanishes:
        near = torch.where(torch.isinf(u), 0.0, u)
    for c in others:
        y = y * near + c
    if vanishes:
        above = math.copysign(math.inf, piece[lead])
        below = above if power % 2 == 0 else -above
        y = torch.where(u == math.inf, above, torch.where(u == -math.inf, below, y))
    return y


def about_zero(slope: float, constant: float, base: float, dtype: torch.dtype) -> float | None:
    """constant − slope·base, where slope·x and it round once in `dtype`; None where not.

    The slope is a power of two, and all numbers are exact and none of them is huge. Only for a base
    left of 0: so hardtanh is exact next to 0, where x − (−1) would be rounded.
    """
    if base >= 0:
        return None
    info = torch.finfo(dtype)
    digits = 53 if dtype == torch.float64 else 24
    moved = slope * base
    total = constant - moved
    exact = constant - total == moved and total + moved == constant and _fits(slope, 1)
    most = min(info.max, 2.0**900)  # so that what _fits multiplies stays in float64's range
    for v in (slope, constant, base, moved, total):
        exact = exact and (v == 0 or (info.tiny <= abs(v) <= most and _fits(v, digits)))
    return total if exact else None


def _fits(v: float, digits: int) -> bool:
    """Whether v has no more binary digits: Veltkamp's splitting leaves it as it is."""
    t = v * (2.0 ** (53 - digits) + 1)
    return t - (t - v) == v


def reduced(z: Tensor, knots: Sequence[float], period: float) -> Tensor:
    """z − (⌈(z − knots[0])/period⌉ − 1)·period, or z itself for period 0."""
    if not period:
        return z
    # A tensor, not a number: on CUDA torch multiplies by a number's rounded inverse.
    turns = torch.ceil((z - knots[0]) / z.new_full((), period)) - 1
    # Right of knots[0] no turn is taken back: the quotient may have underflowed to 0.
    turns = torch.where(z > knots[0], turns.clamp(min=0), turns)
    back = z - turns * period
    inside = back.clamp(knots[0], knots[0] + period)  # rounding leaves it once x is large
    # The clamp is of rounding's making: dz/dx stays 1 there too.
    return torch.where(inside == back, back, inside.detach() + (z - z.detach()))


def ppoly(
    x: Tensor,
    g: Tensor | None,
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
) -> Tensor:
    """g·f(x) for the piecewise polynomial f of `knots`, `coeffs` and `period` (see spec.py).

    Shapes: x: (*), g: (*) or None → (*). Half types compute in float32 and round once; others
    compute in their own dtype. A knot belongs to the piece on its left; ±inf gives the tail's
    limit, or NaN if periodic; NaN gives NaN.

    Raises:
        ValueError: for other dtypes, a g that does not match x, numbers that break a rule.
    """
    check_tensors(x, g)
    check_numbers(knots, coeffs, period, compute_dtype(x))
    z = reduced(x.to(compute_dtype(x)), knots, period)
    first = 1 if period else 0
    width = len(coeffs) // (len(knots) + 1)
    y = torch.zeros_like(z)
    for i in range(first, len(knots) + 1):
        # Each piece sees 0 where it does not hold: its powers stay finite there, and so do the
        # gradients that torch.where sends into the branch not taken.
        inside = torch.ones_like(z, dtype=torch.bool) if i == first else z > knots[i - 1]
        here = inside if i == len(knots) else inside & ~(z > knots[i])
        base, piece = knots[max(i - 1, 0)], coeffs[i * width : (i + 1) * width]
        if width > 1 and piece[-2] and not any(piece[:-2]):
            moved = about_zero(piece[-2], piece[-1], base, z.dtype)
            if moved is not None:
                base, piece = 0.0, (piece[-2], moved)
        u = torch.where(here, z - base if base else z, 0.0)
        y = torch.where(inside, _horner(piece, u), y)
    y = torch.where(torch.isnan(z), z, y)
    if g is not None:
        y = y * g.to(z.dtype)
    return y.to(x.dtype)


def ppoly_(x: Tensor, knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0) -> None:
    """x ← f(x). ValueError, before anything is written, also for an x that overlaps itself."""
    y = ppoly(x, None, knots, coeffs, period)
    check_in_place(x)
    x.copy_(y)


def ppoly_encode(
    x: Tensor, knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0
) -> tuple[Tensor, Tensor]:
    """(f(x), the code of f's slope at each element), for f of degree ≤ 1 (see _code.py).

    Shapes: x: (*) → (*), (⌈n/8⌉·bits,) uint8. A NaN has the code of the last piece's slope, or,
    if f is periodic, as ±inf, that of a NaN slope.

    Raises:
        ValueError: as :func:`ppoly`; for a degree above 1; for more than eight distinct slopes.
    """
    y = ppoly(x, None, knots, coeffs, period)
    slopes, index = _code.table(coeffs, len(knots) + 1, period)
    z = reduced(x.to(compute_dtype(x)), knots, period)
    code = torch.full_like(z, index[0], dtype=torch.uint8)
    for t, i in zip((*knots, math.inf) if period else knots, index[1:], strict=True):
        code = torch.where(z <= t, code, i)  # not z > t: a NaN is right of all knots
    bits = _code.bits_of(len(slopes))
    code = torch.nn.functional.pad(code.flatten(), (0, -x.numel() % _code.GROUP))
    groups = code.view(-1, 1, _code.GROUP)
    planes = torch.arange(bits, dtype=torch.uint8, device=x.device).view(bits, 1)
    places = torch.arange(_code.GROUP, dtype=torch.uint8, device=x.device)
    bytes_ = (((groups >> planes) & 1) << places).sum(-1, dtype=torch.uint8)
    return y, bytes_.flatten()


def ppoly_encode_(
    x: Tensor, knots: Sequence[float], coeffs: Sequence[float], period: float = 0.0
) -> Tensor:
    """x ← f(x); its code. ValueErrors come before anything is written."""
    y, code = ppoly_encode(x, knots, coeffs, period)
    check_in_place(x)
    x.copy_(y)
    return code


def ppoly_decode(g: Tensor, code: Tensor, slopes: Sequence[float]) -> Tensor:
    """g·slopes[code], row by row: the backward of the f that :func:`ppoly_encode` evaluated.

    Shapes: g: (*), code: (⌈n/8⌉·bits,) uint8 → (*), contiguous; bits by the number of slopes. Half
    types compute in float32 and round once. A code beyond the slopes gives NaN.

    Raises:
        ValueError: for other dtypes, a code of another length, dtype, device or layout, slopes
            that are not 1 to 8 numbers (finite but for a NaN at the end).
    """
    check_slopes(g, code, slopes)
    bits = _code.bits_of(len(slopes))
    planes = torch.arange(bits, dtype=torch.uint8, device=g.device).view(bits, 1)
    places = torch.arange(_code.GROUP, dtype=torch.uint8, device=g.device)
    each = (code.view(-1, bits, 1) >> places) & 1
    index = (each << planes).sum(1).flatten()[: g.numel()]
    padded = [*slopes, *[math.nan] * (_code.MOST_SLOPES - len(slopes))]
    # + 0.0: a zero has no sign, whatever rounding to the dtype made of it.
    table = torch.tensor(padded, dtype=compute_dtype(g), device=g.device) + 0.0
    return (g.to(table.dtype) * table[index].view(g.shape)).to(g.dtype).contiguous()
