"""Shared by claims: three sines on one period, a network with one hidden layer, tracked runs.

u(x) = sin x + sin 3x + sin 5x on [−π, π), 201 points. The network's width W is an argument:
stable rates of gradient descent go as 1/W.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from hatact.analysis import SpectrumTracker, steps_to
from hatact.claims.engine.runs import Advance, Record, Row, fit, late, spread_steps, trained_at

FREQUENCIES = (1, 3, 5)  # cycles per 2π
POINTS = 201
THRESHOLD = 0.1
HOLD = 10  # steps that a residual must stay under it
LOSS = (0.1, 0.01)  # shares of the target's variance at which a network counts as trained
COST = 0.9e-6
"""Seconds a step and hidden unit, networks one at a time; see `lab.Task.cost`."""


def target(device: str) -> tuple[Tensor, Tensor]:
    """x (N, 1) in [−π, π) and u (N, 1), float32."""
    x = 2 * math.pi * torch.arange(POINTS, dtype=torch.float64)[:, None] / POINTS - math.pi
    u = sum(torch.sin(k * x) for k in FREQUENCIES)
    assert isinstance(u, Tensor)
    return x.float().to(device), u.float().to(device)


def train(
    row: Row, steps: int, width: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train a row with one hidden layer, its residual measured before every update.

    A record holds, by frequency, the first step from which the residual stays under THRESHOLD for
    HOLD steps, and the residual at some 70 steps; the steps of arrival at each of LOSS times the
    target's variance; the late loss.
    """
    x, u = target(device)
    trackers = [SpectrumTracker(u, FREQUENCIES) for _ in seeds]

    def after(step: int, out: Tensor) -> None:
        for tracker, of in zip(trackers, out, strict=True):
            tracker.update(step, of)

    losses = fit(row.networks(1, width, 2, seeds, device), x, u, steps, advance, after)
    power = float(u.double().square().mean())
    shown = spread_steps(steps)
    records = []
    for tracker, of in zip(trackers, losses.T, strict=True):
        residuals = tracker.residuals.cpu()
        records.append(
            {
                "steps_to_10_percent": steps_to(range(steps + 1), residuals, THRESHOLD, HOLD),
                "final_residual": residuals[-1].tolist(),
                "shown_steps": shown,
                "residuals": [[float(v) for v in residuals[s]] for s in shown],
                "relative_loss": [float(of[s]) / power for s in shown],
                "trained_at": trained_at(of / power, LOSS, HOLD),
                "late_loss": late(of),
            }
        )
    return records
