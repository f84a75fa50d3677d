"""Shared by papers: ten sines on a uniform grid, the deep network, one tracked run of a row.

The target and the network of arXiv 1806.08734: k = 5, 10, …, 50 cycles per unit length,
amplitudes 1, N = 200 on [0, 1), five hidden layers of 256, PyTorch's default initialisation.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hatact.analysis import SpectrumTracker, bias_exponent, steps_to
from hatact.claims._engine import median
from hatact.claims._pool import Advance
from hatact.claims._training import Row, fit

FREQUENCIES = tuple(range(5, 51, 5))
POINTS, WIDTH, DEPTH = 200, 256, 6
HOLD = 10
"""Steps that a residual must stay under a threshold: relu(8x), which diverges, sweeps through
|f̂ − û| < 0.1·|û| at k = 50 for one step by chance."""


def sum_of_sines(seed: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """u(x) = Σ_k sin(2πkx + φ_k), φ_k ~ U[0, 2π) from `seed`: x (N, 1) and u (N, 1), float32."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.arange(POINTS, dtype=torch.float64)[:, None] / POINTS
    phases = 2 * math.pi * torch.rand(len(FREQUENCIES), dtype=torch.float64, generator=generator)
    k = torch.tensor(FREQUENCIES, dtype=torch.float64)
    u = torch.sin(2 * math.pi * k * x + phases).sum(1, keepdim=True)
    return x.float().to(device), u.float().to(device)


@dataclass
class Run:
    """One row and one seed: the residual (T, K) and spectrum (T, K) at steps 0 … T − 1."""

    row: Row
    seed: int
    residuals: Tensor
    spectra: Tensor
    losses: list[float]

    @property
    def horizon(self) -> int:
        """Updates done."""
        return len(self.losses) - 1

    def steps_to(self, threshold: float = 0.1) -> list[int | None]:
        """First step from which the residual stays under the threshold for HOLD steps, by k."""
        return steps_to(range(len(self.residuals)), self.residuals, threshold, HOLD)

    def values(self) -> dict[str, Any]:
        """What results.json keeps of the run."""
        arrived = self.steps_to()
        exponent = bias_exponent(FREQUENCIES, arrived, self.horizon)
        return {
            "row": str(self.row),
            "seed": self.seed,
            "steps_to_10_percent": arrived,
            "bias_exponent": exponent.slope,
            "frequencies_not_reached": exponent.censored,
            "final_residual": self.residuals[-1].tolist(),
            "final_loss": self.losses[-1],
        }


def train(row: Row, seed: int, steps: int, device: str, advance: Advance) -> Run:
    """Train one row from one seed, its spectrum measured before every update."""
    x, u = sum_of_sines(seed, device)
    tracker = SpectrumTracker(u, FREQUENCIES)

    def after(step: int, out: Tensor) -> None:
        tracker.update(step, out)
        advance(1)

    losses = fit(row.network(1, WIDTH, DEPTH, seed, device), x, u, steps, row.lr, after)
    return Run(row, seed, tracker.residuals.cpu(), tracker.spectra.cpu(), losses)


def heat_map(runs: Sequence[Run], name: str, title: str) -> dict[str, Any]:
    """The normalised spectrum over training, one panel a run, as data for the pictures."""
    panels = []
    for run in runs:
        steps = _spread(run.horizon)
        panels.append(
            {
                "title": str(run.row),
                "x": list(FREQUENCIES),
                "y": steps,
                "z": [[round(float(v), 3) for v in run.spectra[s].clamp(0, 1)] for s in steps],
            }
        )
    return {
        "kind": "heat_maps",
        "name": name,
        "title": title,
        "x_label": "frequency k (cycles per unit length)",
        "y_label": "training step",
        "z_label": "normalised spectrum (1: learnt)",
        "panels": panels,
    }


def _spread(last: int, count: int = 72) -> list[int]:
    """Steps 1 … last, evenly spread on a logarithmic axis, each once."""
    return sorted({round(last ** (i / (count - 1))) for i in range(count)})


def arrivals(by_row: dict[str, list[Run]], name: str, title: str) -> dict[str, Any]:
    """Steps to 10 % residual against frequency, every seed, as data for the pictures."""
    return {
        "kind": "arrivals",
        "name": name,
        "title": title,
        "x": list(FREQUENCIES),
        "horizon": max(run.horizon for runs in by_row.values() for run in runs),
        "x_label": "frequency k (cycles per unit length)",
        "y_label": "steps to 10 % residual",
        "series": [
            {"label": label, "seeds": [run.steps_to() for run in runs]}
            for label, runs in by_row.items()
        ],
    }


def table(by_row: dict[str, list[Run]]) -> dict[str, Any]:
    """Medians over seeds: steps to 10 % by frequency, the bias exponent, the final loss."""
    lines = []
    for name, runs in by_row.items():
        arrived = [run.steps_to() for run in runs]
        middle = [median([seed[i] for seed in arrived]) for i in range(len(FREQUENCIES))]
        exponents = [bias_exponent(FREQUENCIES, a, runs[0].horizon) for a in arrived]
        slopes = [e.slope for e in exponents if e.slope is not None]
        mark = "*" if any(e.censored for e in exponents) else ""
        lines.append(
            [
                name,
                *("–" if math.isinf(m) else f"{m:g}" for m in middle),
                f"{statistics.median(slopes):.2f}{mark}" if slopes else "–",
                f"{statistics.median(run.losses[-1] for run in runs):.2g}",
            ]
        )
    return {
        "title": "Steps to 10 % residual by k (– never), bias exponent p (* not all k arrived), "
        "final loss; medians",
        "columns": ["k =", *map(str, FREQUENCIES), "p", "loss"],
        "rows": lines,
    }
