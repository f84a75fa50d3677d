"""Shared by claims: coordinate regression on a sum of waves of known frequencies, in d dimensions.

u(x) = Σ_m sin(2πm·e_m·x + φ_m) on points x ~ U[0, 1]^d, unit vectors e_m and phases φ_m drawn from
the seed. The network has three hidden layers of 128 and PyTorch's default initialisation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hatact.analysis import ScatteredSpectrum, bias_exponent, steps_to
from hatact.claims.engine.runs import TARGETS, Advance, Record, Row, fit, late, spread_steps

WIDTH, DEPTH = 128, 4
HOLD = 10  # steps that a residual must stay under a threshold
FREQUENCIES = {2: (1.0, 2.0, 4.0, 8.0), 5: (0.5, 1.0, 2.0, 4.0)}
"""Cycles per unit length, by dimension: what the points can tell apart."""
POINTS = {2: 1024, 5: 2048}
COST = {2: 2.5e-3, 5: 5e-3}
"""Seconds a step and network, batches of five; see `lab.Task.cost`."""


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
    generator = torch.Generator().manual_seed(TARGETS + seed)
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

    Every network has its own points and target.
    A record holds, by frequency, the first step from which the residual stays under 10 % and 50 %
    for HOLD steps, the final residual on the points seen and on the held-out ones, the residual at
    some 70 steps, the relative loss on either set, and the late loss.
    """
    problems = [problem(dimension, seed) for seed in seeds]
    spectra = [ScatteredSpectrum(p.x, p.waves) for p in problems]
    x = torch.stack([p.x for p in problems]).to(device)
    u = torch.stack([p.u for p in problems])[..., None].to(device)
    seen = torch.empty(len(seeds), steps + 1, len(problems[0].waves), dtype=torch.float64)

    def after(step: int, out: Tensor) -> None:
        for held, spectrum, p, of in zip(seen, spectra, problems, out.cpu(), strict=True):
            held[step] = spectrum.residual(of[:, 0], p.u)

    model = row.networks(dimension, WIDTH, DEPTH, seeds, device)
    losses = fit(model, x, u, steps, advance, after)
    with torch.no_grad():
        other = model(torch.stack([p.other_x for p in problems]).to(device)).cpu()[..., 0]
    return [
        _record(p, held, of, f, dimension, steps)
        for p, held, of, f in zip(problems, seen, losses.T, other, strict=True)
    ]


def _record(
    p: Problem, residuals: Tensor, losses: Tensor, other: Tensor, dimension: int, steps: int
) -> Record:
    arrived = steps_to(range(steps + 1), residuals, 0.1, HOLD)
    shown = spread_steps(steps)
    return {
        "steps_to_10_percent": arrived,
        "steps_to_50_percent": steps_to(range(steps + 1), residuals, 0.5, HOLD),
        "bias_exponent": bias_exponent(FREQUENCIES[dimension], arrived, steps).slope,
        "final_residual": residuals[-1].tolist(),
        "held_out_residual": ScatteredSpectrum(p.other_x, p.waves)
        .residual(other, p.other_u)
        .tolist(),
        "relative_loss": float(losses[-1] / p.u.double().square().mean()),
        "held_out_relative_loss": float(
            (other - p.other_u).double().square().mean() / p.other_u.double().square().mean()
        ),
        "late_loss": late(losses),
        "shown_steps": shown,
        "residuals": [[float(v) for v in residuals[s]] for s in shown],
    }
