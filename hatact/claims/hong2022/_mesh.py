"""The numbers of hong2022/gram: conditions, eigenvalues, and gradient descent in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hatact import HAT, RELU, PiecewisePolynomial
from hatact.activations import registry
from hatact.analysis import bias_exponent, condition_number, eigenvalues, gram
from hatact.claims.engine.runs import Advance, Record

MESHES = (10, 20, 40, 80, 160, 320)
SPLINES = ("bspline0", "bspline2", "bspline3", "bspline4", "bspline5", "bw_relu")
NAMES = ("relu", "hat", *SPLINES)
SPECTRA = ("relu", "hat", "bspline3")
CELLS = 64
"""Cells of the mesh on which gradient descent is followed."""
FREQUENCIES = (1, 2, 4, 8, 16, 24)
RATE = 0.1
"""η·λ_max: at 1 Hat takes 1 to 5 steps, and whole numbers hide how they grow."""


def numbers(seeds: Sequence[int], device: str, advance: Advance) -> list[Record]:
    """Everything that the claim reports; on the CPU, the same for every seed and device."""
    specs = registry()
    record: Record = {
        "kappa": {name: [condition_number(specs[name], n) for n in MESHES] for name in NAMES},
        "interior": {
            name: [condition_number(specs[name], n, interior=True) for n in MESHES]
            for name in NAMES[1:]
        },
        "eigenvalues": {
            name: eigenvalues(specs[name], MESHES[-1]).flip(0).tolist() for name in SPECTRA
        },
        "decay_relu_1000": slope(range(5, 101), eigenvalues(RELU, 1000).flip(0)[4:100].tolist()),
        "descent": {"relu": descent(RELU), "hat": descent(HAT)},
    }
    advance(1)
    return [record for _ in seeds]


def descent(spec: PiecewisePolynomial, n: int = CELLS) -> Record:
    """Steps of gradient descent to 10 % of the error, per frequency, and its modes' sign changes.

    ½‖Σ_i a_i φ_i − u‖² in L²(0, 1) from a = 0 with η = RATE/λ_max, u the interpolant of sin(2πkx)
    at the mesh's nodes. ReLU and Hat span the same functions, the continuous piecewise linear ones
    that are 0 at 0: nothing but the basis differs. The error, ⟨u − f, u⟩/⟨u, u⟩, only falls.
    """
    rates, modes, factor = _modes(spec, n)
    nodes = torch.arange(1, n + 1, dtype=torch.float64) / n
    steps = []
    for k in FREQUENCIES:
        share = (modes.T @ (factor.T @ torch.sin(2 * math.pi * k * nodes))).square()
        steps.append(_first_under(0.1, share / share.sum(), RATE * rates))
    functions = torch.linalg.solve_triangular(factor.T, modes, upper=True)
    changes = (functions[1:] * functions[:-1] < 0).sum(0)
    return {
        "steps_to_10_percent": steps,
        "bias_exponent": bias_exponent(FREQUENCIES, steps, max(steps)).slope,
        "sign_changes": changes.tolist(),
    }


def _modes(spec: PiecewisePolynomial, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """λ_j/λ_max, largest first; modes Lᵀv by column, v their values at the nodes; L, LLᵀ Hat's M.

    With V_im = φ_m(node i) gradient descent takes v to v − η·VVᵀLLᵀ(v − u), so the modes are the
    left singular vectors of LᵀV, and M = VᵀLLᵀV.
    """
    factor = torch.linalg.cholesky(gram(HAT, n))
    values = torch.tensor(
        [[float(spec(i + 1 - m)) for m in range(n)] for i in range(n)], dtype=torch.float64
    )
    modes, singular, _ = torch.linalg.svd(factor.T @ values)
    return (singular / singular[0]).square(), modes, factor


def _first_under(limit: float, share: Tensor, rates: Tensor) -> int:
    """The first t with Σ_j share_j·(1 − rates_j)^t < limit, by bisection: the sum falls with t."""

    def left(t: int) -> float:
        return float((share * (1 - rates) ** t).sum())

    high = 1
    while left(high) >= limit:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle) < limit else (middle, high)
    return high


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The least-squares slope of log y against log x."""
    u, v = [math.log(a) for a in x], [math.log(b) for b in y]
    mu, mv = sum(u) / len(u), sum(v) / len(v)
    return sum((a - mu) * (b - mv) for a, b in zip(u, v, strict=True)) / sum(
        (a - mu) ** 2 for a in u
    )


def cantilever(count: int) -> list[float]:
    """β_1 < β_2 < …, the roots of cos β·cosh β = −1: ReLU's λ_j/n → 1/β_j⁴ in relu(x − i/n)."""
    found = []
    for j in range(1, count + 1):
        low, high = (j - 1) * math.pi, j * math.pi
        for _ in range(60):
            middle = (low + high) / 2
            value = math.cos(middle) + 2 * math.exp(-middle) / (1 + math.exp(-2 * middle))
            if (value > 0) == (j % 2 == 1):
                low = middle
            else:
                high = middle
        found.append(low)
    return found
