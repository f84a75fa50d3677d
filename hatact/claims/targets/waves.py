"""Regression on a sum of waves of known frequencies in d dimensions, and tracked runs of a row.

u(x) = Σ_m sin(2πm·e_m·x + φ_m) on points x ~ U[0, 1]^d, unit vectors e_m and phases φ_m drawn from
the seed. The network has three hidden layers of 128 and PyTorch's default initialisation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hatact.analysis.scattered import ScatteredSpectrum
from hatact.analysis.spectrum import bias_exponent
from hatact.analysis.tracked import learning
from hatact.baselines.training import fit
from hatact.claims.engine.runs import TARGET_SEEDS, Advance, Record, Row

WIDTH, DEPTH = 128, 4
FREQUENCIES = {2: (1.0, 2.0, 4.0, 8.0), 5: (0.5, 1.0, 2.0, 4.0)}
"""Cycles per unit length, by dimension: what the points can tell apart."""
POINTS = {2: 1024, 5: 2048}
COST = {2: 5e-3, 5: 1e-2}
"""Seconds a step and network, batches of five; see `engine.Task.cost`."""


@dataclass(frozen=True)
class Problem:
    """One seed's points, target and waves; as many points again are held out."""

    x: Tensor  # (N, d)
    u: Tensor  # (N,)
    other_x: Tensor
    other_u: Tensor
    waves: Tensor  # (K, d)


def problem(dimension: int, seed: int) -> Problem:
    """float32 on the CPU."""
    generator = torch.Generator().manual_seed(TARGET_SEEDS + seed)
    m = torch.tensor(FREQUENCIES[dimension], dtype=torch.float64)
    e = torch.randn(len(m), dimension, dtype=torch.float64, generator=generator)
    waves = m[:, None] * e / e.norm(dim=1, keepdim=True)
    phases = 2 * math.pi * torch.rand(len(m), dtype=torch.float64, generator=generator)
    n = POINTS[dimension]
    x = torch.rand(2 * n, dimension, dtype=torch.float64, generator=generator)
    u = torch.sin(2 * math.pi * x @ waves.T + phases).sum(1)
    return Problem(x[:n].float(), u[:n].float(), x[n:].float(), u[n:].float(), waves)


def train(
    row: Row, dimension: int, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train a row, the residual of every wave measured before every update.

    Every network has its own points and target. A record is that of `learning`, with the bias
    exponent, the final residual on the held-out points, and the final relative loss on either set.
    """
    problems = [problem(dimension, seed) for seed in seeds]
    spectra = [ScatteredSpectrum(p.x, p.waves) for p in problems]
    x = torch.stack([p.x for p in problems]).to(device)
    u = torch.stack([p.u for p in problems])[..., None].to(device)
    residuals = torch.empty(len(seeds), steps + 1, len(problems[0].waves), dtype=torch.float64)

    def after(step: int, out: Tensor) -> None:
        for kept, spectrum, p, output in zip(residuals, spectra, problems, out.cpu(), strict=True):
            kept[step] = spectrum.residual(output[:, 0], p.u)

    model = row.networks(dimension, WIDTH, DEPTH, seeds, device)
    losses = fit(model, row.optimiser_of(model), x, u, steps, after, advance)
    with torch.no_grad():
        other = model(torch.stack([p.other_x for p in problems]).to(device)).cpu()[..., 0]
    parts = zip(problems, residuals, losses.T, other, strict=True)
    return [_record(*of_seed) for of_seed in parts]


def _record(p: Problem, residuals: Tensor, losses: Tensor, other: Tensor) -> Record:
    kept = learning(residuals, losses, float(p.u.double().square().mean()))
    frequencies = FREQUENCIES[p.x.shape[1]]
    exponent = bias_exponent(frequencies, kept["steps_to_10_percent"], len(losses) - 1)
    held_out = ScatteredSpectrum(p.other_x, p.waves).residual(other, p.other_u)
    errors = (other - p.other_u).double().square().mean() / p.other_u.double().square().mean()
    return {
        **kept,
        "relative_loss": kept["relative_loss"][-1],
        "bias_exponent": exponent.slope,
        "held_out_residual": held_out.tolist(),
        "held_out_relative_loss": float(errors),
    }
