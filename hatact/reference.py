"""The definition in plain torch operations: the oracle, and what `torch.compile` traces.

Every other backend computes what `ppoly` here computes. It runs on any device and dtype that
torch has, is differentiable by torch itself, and needs no compiled part.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hatact._checks import check_numbers, check_tensors, compute_dtype


def _horner(piece: Sequence[float], u: Tensor) -> Tensor:
    """The polynomial at u; a constant stays one, so that 0·inf never arises."""
    lead = next((k for k, c in enumerate(piece) if c), len(piece) - 1)
    y = torch.full_like(u, piece[lead])
    for c in piece[lead + 1 :]:
        y = y * u + c
    return y


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
    z = x.to(compute_dtype(x))
    if period:
        # A tensor, not a number: on CUDA torch multiplies by a number's rounded inverse.
        turns = torch.ceil((z - knots[0]) / z.new_full((), period)) - 1
        reduced = z - turns * period
        inside = reduced.clamp(knots[0], knots[0] + period)  # rounding leaves it once x is large
        # The clamp is of rounding's making: dz/dx stays 1 there too.
        z = torch.where(inside == reduced, reduced, inside.detach() + (z - z.detach()))
    first = 1 if period else 0
    width = len(coeffs) // (len(knots) + 1)
    y = torch.zeros_like(z)
    for i in range(first, len(knots) + 1):
        # Each piece sees 0 where it does not hold: its powers stay finite there, and so do the
        # gradients that torch.where sends into the branch not taken.
        inside = torch.ones_like(z, dtype=torch.bool) if i == first else z > knots[i - 1]
        here = inside if i == len(knots) else inside & ~(z > knots[i])
        u = torch.where(here, z - knots[max(i - 1, 0)], 0.0)
        y = torch.where(inside, _horner(coeffs[i * width : (i + 1) * width], u), y)
    y = torch.where(torch.isnan(z), z, y)
    if g is not None:
        y = y * g.to(z.dtype)
    return y.to(x.dtype)
