"""Shared by papers: the digits 3 and 8 with frequency noise on the labels, and tracked runs.

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

from hatact.analysis import steps_to
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

WIDTH, DEPTH = 256, 6
BETA = 1.0
FREQUENCIES = (0.05, 0.2, 1.0)
NORM = 28 * math.hypot(0.1307, 0.3081)
"""Rms norm of MNIST's images, 9.37: 784 pixels of the published mean 0.1307, deviation 0.3081."""
HELD_OUT = 0.2
HOLD = 10  # steps that a residual must stay under a threshold
LOSS = 0.01  # share of the noisy labels' mean square at which a network counts as trained
COST = 8e-3
"""Seconds a step and network, batches of five; see `lab.Task.cost`."""


def images() -> tuple[Tensor, Tensor]:
    """x (357, 64) of rms norm NORM and the clean labels c (357, 1), float32."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    of = torch.from_numpy((digits == 3) | (digits == 8))
    x = torch.from_numpy(pixels)[of]
    x *= NORM / x.square().sum(1).mean().sqrt()
    c = torch.from_numpy(digits)[of, None].eq(8).double() * 2 - 1
    return x.float(), c.float()


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
    generator = torch.Generator().manual_seed(TARGETS + seed)
    held = torch.zeros(len(x), dtype=torch.bool)
    for label in (-1, 1):
        of = (c[:, 0] == label).nonzero()[:, 0]
        drawn = torch.randperm(len(of), generator=generator)
        held[of[drawn[: round(HELD_OUT * len(of))]]] = True
    return Split(x[~held], c[~held], x[held], c[held])


def components(c: Tensor, n: Tensor) -> Tensor:
    """The pseudoinverse of [c, n, 1] or, without noise, of [c, 1]: (S, N, 1) twice → (S, 3, N).

    Applied to f − c − n it gives a − 1, b − 1, d of the least-squares f ≈ a·c + b·n + d. The
    constant column does the centring: neither residual counts a common offset.
    """
    columns = [c, n, torch.ones_like(c)] if n.any() else [c, torch.ones_like(c)]
    inverse: Tensor = torch.linalg.pinv(torch.cat(columns, -1).double())
    return inverse.to(c.dtype)


def train(
    row: Row, k: float, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train a row on noisy labels, k = 0 for clean ones; held-out images are only looked at.

    Before every update the output on the training images is split by :func:`components`; the
    residuals are |1 − a| of the clean labels and |1 − b| of the noise. A record holds the first
    steps from which each stays under 10 % and 50 % for HOLD steps (None = never), both at some 70
    steps with the training loss and the error (mean square, accuracy) on the held-out images'
    clean labels, the step of arrival at LOSS, and the late loss.
    """
    splits = [split(seed) for seed in seeds]
    x, c, held_x, held_c = (torch.stack(t).to(device) for t in zip(*splits, strict=True))
    n = noise(x, k)
    y = c + n
    inverse = components(c, n)
    model = row.networks(x.shape[-1], WIDTH, DEPTH, seeds, device)
    shown = spread_steps(steps)
    measured = set(shown)
    tracked = torch.empty(len(seeds), steps + 1, 2 if k else 1, device=device)
    held_error, correct = [], []

    def after(step: int, out: Tensor) -> None:
        tracked[:, step] = (inverse @ (out - y)).abs()[:, : tracked.shape[-1], 0]
        if step in measured:
            with torch.no_grad():
                held = model(held_x)
            held_error.append((held - held_c).square().mean((-2, -1)))
            correct.append((held * held_c > 0).float().mean((-2, -1)))

    losses = fit(model, x, y, steps, advance, after)
    held_errors, accuracy = (torch.stack(t, 1).cpu() for t in (held_error, correct))
    power = y.double().square().mean((-2, -1)).cpu()
    return [
        {
            **_record(shown, *of),
            "trained_at": trained_at(of[1] / p, (LOSS,), HOLD)[0],
            "late_loss": late(of[1]),
        }
        for p, *of in zip(power, tracked.cpu(), losses.T, held_errors, accuracy, strict=True)
    ]


def _record(
    shown: Sequence[int], residuals: Tensor, losses: Tensor, held: Tensor, accuracy: Tensor
) -> Record:
    every = range(len(losses))
    arrived = {f"steps_to_{p}_percent": steps_to(every, residuals, p / 100, HOLD) for p in (10, 50)}
    lowest = int(held.nan_to_num(math.inf).argmin())
    return {
        **arrived,
        "shown_steps": list(shown),
        "residuals": [residuals[s].tolist() for s in shown],
        "loss": [float(losses[s]) for s in shown],
        "held_out": held.tolist(),
        "accuracy": accuracy.tolist(),
        "lowest_held_out": float(held[lowest]),
        "lowest_held_out_at": shown[lowest],
        "accuracy_there": float(accuracy[lowest]),
        "final_held_out": float(held[-1]),
        "final_accuracy": float(accuracy[-1]),
    }
