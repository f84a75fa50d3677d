"""The digits 3 and 8 with frequency noise on the labels, and tracked runs of a row.

y = c + β·sin(2πk‖x‖), c = −1 for a 3 and +1 for an 8: the protocol and the network of arXiv
1806.08734 (MNIST, 784-256×5-1, Adam, full batch, four fifths of the images to train on, clean
labels on the others). A stand-in: it runs on the 357 such images of 8 × 8 that scikit-learn
brings, scaled to the rms norm that MNIST's have, so that k, in cycles per unit of ‖x‖, keeps its
size. Their norms, 9.34 ± 0.72, span 3.4 periods at k = 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hatact.analysis.components import components
from hatact.analysis.digits import digits, hold_out
from hatact.analysis.tracked import learning, spread_steps
from hatact.baselines.training import fit
from hatact.claims.engine.runs import TARGET_SEEDS, Advance, Record, Row

WIDTH, DEPTH = 256, 6
BETA = 1.0
FREQUENCIES = (0.05, 0.2, 1.0)
NORM = 28 * math.hypot(0.1307, 0.3081)
"""Rms norm of MNIST's images, 9.37: 784 pixels of the published mean 0.1307, deviation 0.3081."""
HELD_OUT = 0.2
COST = 9.3e-3
"""Seconds a step and network, batches of five; see `engine.Task.cost`."""


def images() -> tuple[Tensor, Tensor]:
    """x (357, 64) of rms norm NORM and the clean labels c (357, 1), float32."""
    pixels, shown = digits()
    chosen = (shown == 3) | (shown == 8)
    x = pixels[chosen].double()
    x *= NORM / x.square().sum(1).mean().sqrt()
    c = shown[chosen, None].eq(8).float() * 2 - 1
    return x.float(), c


def noise(x: Tensor, k: float) -> Tensor:
    """β·sin(2πk‖x‖): (*, D) → (*, 1)."""
    return BETA * torch.sin(2 * math.pi * k * x.norm(dim=-1, keepdim=True))


class Split(NamedTuple):
    """One seed's images: x (N, 64) and clean labels c (N, 1) to train on, and those held out."""

    x: Tensor
    c: Tensor
    held_x: Tensor
    held_c: Tensor


def split(seed: int) -> Split:
    """A fifth of the threes and a fifth of the eights, drawn by the seed, are held out."""
    x, c = images()
    held = hold_out(c[:, 0], HELD_OUT, TARGET_SEEDS + seed)
    return Split(x[~held], c[~held], x[held], c[held])


def train(
    row: Row, k: float, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train a row on noisy labels, k = 0 for clean ones; held-out images are only looked at.

    Before every update the output on the training images is fitted by a·c + b·n + d, n the noise;
    the residuals are |1 − a| of the clean labels and |1 − b| of the noise. A record is that of
    `learning`, with the training loss, and the error (mean square, accuracy) on the held-out
    images' clean labels, at its shown steps, at their lowest and at the end.
    """
    splits = [split(seed) for seed in seeds]
    x, c, held_x, held_c = (torch.stack(t).to(device) for t in zip(*splits, strict=True))
    n = noise(x, k)
    y = c + n
    parts = (c, n) if k else (c,)
    inverse = components(*parts)
    model = row.networks(x.shape[-1], WIDTH, DEPTH, seeds, device)
    measured = set(spread_steps(steps))
    residuals = torch.empty(len(seeds), steps + 1, len(parts), device=device)
    held_error, correct = [], []

    def after(step: int, out: Tensor) -> None:
        residuals[:, step] = (inverse @ (out - y)).abs()[:, : len(parts), 0]
        if step in measured:
            with torch.no_grad():
                held = model(held_x)
            held_error.append((held - held_c).square().mean((-2, -1)))
            correct.append((held * held_c > 0).float().mean((-2, -1)))

    losses = fit(model, row.optimiser_of(model), x, y, steps, after, advance)
    held_errors, accuracies = (torch.stack(t, 1).cpu() for t in (held_error, correct))
    powers = y.double().square().mean((-2, -1)).cpu()
    records = zip(powers, residuals.cpu(), losses.T, held_errors, accuracies, strict=True)
    return [_record(*parts) for parts in records]


def _record(
    power: Tensor, residuals: Tensor, losses: Tensor, held: Tensor, accuracy: Tensor
) -> Record:
    kept = learning(residuals, losses, float(power))
    shown = kept["shown_steps"]
    lowest = int(held.nan_to_num(math.inf).argmin())
    return {
        **kept,
        "trained_at": kept["trained_at"][-1],
        "loss": losses[shown].tolist(),
        "held_out": held.tolist(),
        "accuracy": accuracy.tolist(),
        "lowest_held_out": float(held[lowest]),
        "lowest_held_out_at": shown[lowest],
        "accuracy_there": float(accuracy[lowest]),
        "final_held_out": float(held[-1]),
        "final_accuracy": float(accuracy[-1]),
    }
