"""Shared by papers: ten sines on a uniform grid, the deep network, tracked runs of a row.

The target and the network of arXiv 1806.08734: k = 5, 10, …, 50 cycles per unit length,
amplitudes 1, N = 200 on [0, 1), five hidden layers of 256, PyTorch's default initialisation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hatact.analysis import SpectrumTracker, bias_exponent, steps_to
from hatact.claims.engine.runs import (
    TARGETS,
    Advance,
    Record,
    Row,
    fit,
    late,
    spread_steps,
    trained_at,
)

FREQUENCIES = tuple(range(5, 51, 5))
POINTS, WIDTH, DEPTH = 200, 256, 6
HOLD = 10
"""Steps that a residual must stay under a threshold: relu(8x), which diverges, sweeps through
|f̂ − û| < 0.1·|û| at k = 50 for one step by chance."""
LOSS = (0.1, 0.01)
"""Shares of the target's variance at which a network counts as trained."""
COST = 6.6e-3
"""Seconds a step and network, batches of five; see `lab.Task.cost`."""


def sum_of_sines(seed: int) -> tuple[Tensor, Tensor]:
    """u(x) = Σ_k sin(2πkx + φ_k), φ_k ~ U[0, 2π) by the seed: x (N, 1) and u (N, 1), float32."""
    generator = torch.Generator().manual_seed(TARGETS + seed)
    x = torch.arange(POINTS, dtype=torch.float64)[:, None] / POINTS
    phases = 2 * math.pi * torch.rand(len(FREQUENCIES), dtype=torch.float64, generator=generator)
    k = torch.tensor(FREQUENCIES, dtype=torch.float64)
    u = torch.sin(2 * math.pi * k * x + phases).sum(1, keepdim=True)
    return x.float(), u.float()


def targets(seeds: Sequence[int], device: str) -> tuple[Tensor, Tensor]:
    """x (N, 1), and one target a seed: u (S, N, 1)."""
    pairs = [sum_of_sines(seed) for seed in seeds]
    return pairs[0][0].to(device), torch.stack([u for _, u in pairs]).to(device)


def train(
    row: Row, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train a row, its spectrum measured before every update.

    A record holds, by frequency, the first step from which the residual stays under 10 % and under
    50 % for HOLD steps, the final residual, whether it is lost again after it was learnt, the
    spectrum and the loss at some 70 steps, and the late loss.
    """
    x, u = targets(seeds, device)
    trackers = [SpectrumTracker(of, FREQUENCIES) for of in u]

    def after(step: int, out: Tensor) -> None:
        for tracker, of in zip(trackers, out, strict=True):
            tracker.update(step, of)

    losses = fit(row.networks(1, WIDTH, DEPTH, seeds, device), x, u, steps, advance, after)
    power = u.double().square().mean((-2, -1)).cpu()
    return [
        record(tracker.residuals.cpu(), tracker.spectra.cpu(), of, float(p))
        for tracker, of, p in zip(trackers, losses.T, power, strict=True)
    ]


def record(residuals: Tensor, spectra: Tensor, losses: Tensor, power: float) -> Record:
    """What is kept of one network: residuals and spectra (T, K), losses (T) at steps 0 … T − 1.

    `power` is the mean square of its target.
    """
    steps = len(losses) - 1
    arrived = steps_to(range(steps + 1), residuals, 0.1, HOLD)
    exponent = bias_exponent(FREQUENCIES, arrived, steps)
    shown = spread_steps(steps)
    return {
        "steps_to_10_percent": arrived,
        "steps_to_50_percent": steps_to(range(steps + 1), residuals, 0.5, HOLD),
        "lost_again": [
            s is not None and bool((residuals[s:, k] > 0.5).any()) for k, s in enumerate(arrived)
        ],
        "bias_exponent": exponent.slope,
        "frequencies_not_reached": exponent.censored,
        "final_residual": residuals[-1].tolist(),
        "final_loss": float(losses[-1]),
        "late_loss": late(losses),
        "trained_at": trained_at(losses / power, LOSS, HOLD),
        "shown_steps": shown,
        "spectrum": [[round(float(v), 3) for v in spectra[s].clamp(0, 1)] for s in shown],
        "relative_loss": [float(losses[s]) / power for s in shown],
    }
