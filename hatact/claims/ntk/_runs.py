"""Runs of ntk's claims: kernels in closed form, on spheres and on an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from hatact.activations import registry
from hatact.analysis.eigenpairs import decomposed
from hatact.analysis.eigenvalue_decay import eigenvalue_decay
from hatact.analysis.infinite_width import ntk
from hatact.claims.engine.runs import Advance, Record
from hatact.claims.targets import sines
from hatact.spec import PiecewisePolynomial


@dataclass(frozen=True)
class Theory:
    """A network of infinite width: f(scale·z) between `depth` linear layers.

    Args:
        biased: whether there are biases, with the variance of PyTorch's initialisation.
        dimension: of the space around the sphere.
    """

    activation: str
    scale: float = 1
    depth: int = 6
    biased: bool = True
    dimension: int = 2

    def __str__(self) -> str:
        name = f"{self.activation}({'' if self.scale == 1 else f'{self.scale:g}'}x)"
        where = f", d = {self.dimension}" if self.dimension > 2 else ""
        return f"{name}, {self.depth} layers{where}{'' if self.biased else ', no bias'}"

    def spec(self) -> PiecewisePolynomial:
        """The activation, scaled."""
        return registry()[self.activation].scaled(self.scale)


def spectrum(
    theory: Theory, first: int, last: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """λ_0 … λ_last on the sphere, their errors, the exponent over first … last, and of how many."""
    bias = None if theory.biased else 0.0
    kernel = partial(ntk, theory.spec(), theory.depth, bias_variance=bias)
    decay = eigenvalue_decay(kernel, first, last, theory.dimension)
    advance(1)
    known = math.isfinite(decay.exponent)
    record = {
        "values": decay.values.tolist(),
        "errors": decay.errors.tolist(),
        "exponent": decay.exponent if known else None,
        "interval": list(decay.interval) if known else None,
        "fitted": len(decay.fitted),
    }
    return [record for _ in seeds]


def on_interval(
    theory: Theory, frequencies: Sequence[int], seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """How fast the kernel of the network of `targets.sines` learns waves of its 200 points.

    "rates": vᵀKv, the mean over a sine and a cosine of norm 1, by frequency; "largest" λ of K.
    """
    x = torch.arange(sines.POINTS, dtype=torch.float64)[:, None] / sines.POINTS
    kernel = ntk(theory.spec(), theory.depth, x, parameterization="standard", width=sines.WIDTH)
    waves = 2 * math.pi * x * torch.tensor(frequencies, dtype=torch.float64)
    rates = (_along(kernel, waves.sin()) + _along(kernel, waves.cos())) / 2
    advance(1)
    record = {"rates": rates.tolist(), "largest": float(decomposed(kernel)[0][0])}
    return [record for _ in seeds]


def _along(kernel: Tensor, waves: Tensor) -> Tensor:
    unit = waves / waves.norm(dim=0)
    rates: Tensor = (unit * (kernel @ unit)).sum(0)
    return rates
