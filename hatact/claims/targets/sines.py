"""Sums of sines on uniform grids, and runs of a row whose spectrum is tracked.

Ten, for a deep network: the target and the network of arXiv 1806.08734, k = 5, 10, …, 50 cycles per
unit length, amplitudes 1, N = 200 on [0, 1), five hidden layers of 256, PyTorch's default
initialisation. And three, for one hidden layer: sin x + sin 3x + sin 5x on [−π, π), 201 points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hatact.analysis.spectrum import SpectrumTracker, bias_exponent
from hatact.analysis.tracked import learning
from hatact.baselines.training import fit
from hatact.claims.engine.runs import TARGET_SEEDS, Advance, Record, Row

FREQUENCIES = tuple(range(5, 51, 5))
POINTS, WIDTH, DEPTH = 200, 256, 6
COST = 6.6e-3
"""Seconds a step and network, batches of five; see `engine.Task.cost`."""
THREE = (1, 3, 5)  # cycles per 2π
THREE_POINTS = 201
SHALLOW_COST = 0.8e-6
"""Seconds a step and hidden unit, networks one at a time."""


def sum_of_sines(
    seed: int, points: int | None = None, frequencies: Sequence[int] = FREQUENCIES
) -> tuple[Tensor, Tensor]:
    """u(x) = Σ_k sin(2πkx + φ_k), φ_k ~ U[0, 2π) by the seed: x (N, 1) and u (N, 1), float32.

    Args:
        points: N, POINTS unless given.
    """
    generator = torch.Generator().manual_seed(TARGET_SEEDS + seed)
    n = POINTS if points is None else points
    x = torch.arange(n, dtype=torch.float64)[:, None] / n
    phases = 2 * math.pi * torch.rand(len(frequencies), dtype=torch.float64, generator=generator)
    k = torch.tensor(frequencies, dtype=torch.float64)
    u = torch.sin(2 * math.pi * k * x + phases).sum(1, keepdim=True)
    return x.float(), u.float()


def three_sines() -> tuple[Tensor, Tensor]:
    """x (N, 1) in [−π, π) and u (N, 1), float32."""
    x = 2 * math.pi * torch.arange(THREE_POINTS, dtype=torch.float64)[:, None] / THREE_POINTS
    u = torch.stack([torch.sin(k * (x - math.pi)) for k in THREE]).sum(0)
    return (x - math.pi).float(), u.float()


def targets(seeds: Sequence[int], device: str) -> tuple[Tensor, Tensor]:
    """x (N, 1), and one target a seed: u (S, N, 1)."""
    pairs = [sum_of_sines(seed) for seed in seeds]
    return pairs[0][0].to(device), torch.stack([u for _, u in pairs]).to(device)


def train(
    row: Row, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train a deep network on ten sines; :func:`record` of every seed."""
    x, u = targets(seeds, device)
    model = row.networks(1, WIDTH, DEPTH, seeds, device)
    return [record(*run) for run in tracked(row, model, x, u, FREQUENCIES, steps, advance)]


def train_shallow(
    row: Row, steps: int, width: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train one hidden layer on three sines; `learning` of every seed.

    The width is an argument: stable rates of gradient descent go as 1/width.
    """
    x, u = (t.to(device) for t in three_sines())
    model = row.networks(1, width, 2, seeds, device)
    runs = tracked(row, model, x, u.expand(len(seeds), -1, -1), THREE, steps, advance)
    return [learning(residuals, losses, power) for residuals, _, losses, power in runs]


def tracked(
    row: Row,
    model: nn.Module,
    x: Tensor,
    u: Tensor,
    frequencies: Sequence[float],
    steps: int,
    advance: Advance,
) -> list[tuple[Tensor, Tensor, Tensor, float]]:
    """Train with the spectrum measured before every update.

    By network its residuals and its spectra by step, its losses, and the power of its target.
    """
    trackers = [SpectrumTracker(target, frequencies) for target in u]

    def after(step: int, out: Tensor) -> None:
        for tracker, output in zip(trackers, out, strict=True):
            tracker.update(step, output)

    losses = fit(model, row.optimiser_of(model), x, u, steps, after, advance)
    powers = u.double().square().mean((-2, -1)).tolist()
    parts = zip(trackers, losses.T, powers, strict=True)
    return [(t.residuals.cpu(), t.spectra.cpu(), loss, power) for t, loss, power in parts]


def record(residuals: Tensor, spectra: Tensor, losses: Tensor, power: float) -> Record:
    """:func:`learning`, with the spectra at its shown steps, the bias exponent and the final loss.

    "lost_again" says by frequency whether it was learnt and later came over 50 % once more.
    """
    kept = learning(residuals, losses, power)
    arrived = kept["steps_to_10_percent"]
    exponent = bias_exponent(FREQUENCIES, arrived, len(losses) - 1)
    shown = spectra[kept["shown_steps"]].clamp(0, 1)
    return {
        **kept,
        "lost_again": [
            s is not None and bool((residuals[s:, k] > 0.5).any()) for k, s in enumerate(arrived)
        ],
        "bias_exponent": exponent.slope,
        "frequencies_not_reached": exponent.censored,
        "final_loss": float(losses[-1]),
        "spectrum": [[round(value, 3) for value in values] for values in shown.tolist()],
    }
