"""The activations as papers write them: sums of powers of ReLUs, in plain torch."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import comb, factorial

import torch
from torch import Tensor

from hatact.spec import Number

Function = Callable[[Tensor], Tensor]
_TERMS: dict[str, tuple[list[Fraction], list[Fraction], int]] = {
    "hat": ([Fraction(k) for k in range(3)], [Fraction(w) for w in (1, -2, 1)], 1),
    "bw_relu": (
        [Fraction(k, 2) for k in range(7)],
        [Fraction(w, 6) for w in (1, -8, 23, -32, 23, -8, 1)],
        1,
    ),
    "bspline3": (
        [Fraction(k) for k in range(5)],
        [Fraction((-1) ** k * comb(4, k), factorial(3)) for k in range(5)],
        3,
    ),
}


def sum_formula(activation: str) -> Function | None:
    """Σ_j w_j·relu(x − t_j)^d; None where no such formula is known."""
    return _sum(activation, float) if activation in _TERMS else None


def sum_of_terms(activation: str) -> Function:
    """Σ_j |w_j|·relu(x − t_j)^d: the size of what the formula adds up, hence of its roundings."""
    return _sum(activation, lambda w: abs(float(w)))


def of_scaled(function: Function, scale: Number) -> Function:
    """function(scale·x): how one who has only `function` gets the scaled one."""
    factor = float(scale)
    return function if scale == 1 else lambda x: function(factor * x)


def _sum(activation: str, weight: Callable[[Fraction], float]) -> Function:
    knots, weights, degree = _TERMS[activation]
    terms = [(float(t), weight(w)) for t, w in zip(knots, weights, strict=True)]

    def formula(x: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for t, w in terms:
            power = torch.relu(x - t)
            total = total + w * (power if degree == 1 else power**degree)
        return total

    return formula
