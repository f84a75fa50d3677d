"""A real image as a coordinate network's target, half of its pixels held out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hatact.analysis.images import grey, picture, pixel_grid
from hatact.analysis.spectrum import band_error, psnr
from hatact.analysis.tracked import late_loss
from hatact.baselines.training import fit
from hatact.claims.engine.runs import Advance, Record, Row

SIDE, WIDTH, DEPTH = 64, 128, 4
EVERY = 10  # steps between two measurements on the whole image
COST = 1.05e-2
"""Seconds a step and network, batches of five; see `engine.Task.cost`."""
BANDS = (1, 4, 8, 12, 16, 22)
"""Edges in cycles per image side. The checkerboard determines |kx| + |ky| < side/2 = 32 without
aliasing, which holds every ring up to 22."""


def train(
    row: Row, image: str, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train a row on the even pixels of an image; the odd ones are looked at, never used.

    A record holds at "steps", every EVERY of them, PSNR in dB on either half and the relative error
    by band ("…_by_step"), these at the end, the best held-out PSNR, what the network made of the
    image (0 … 255), and the late loss.
    """
    target = picture(image, SIDE).to(device)
    side = target.shape[0]
    x, even = (t.to(device) for t in pixel_grid(side))
    flat = target.reshape(-1, 1)
    model = row.networks(2, WIDTH, DEPTH, seeds, device)
    looks: list[int] = []
    measured: list[list[tuple[float, float, list[float]]]] = [[] for _ in seeds]
    last: list[Tensor] = []

    def after(step: int, out: Tensor) -> None:
        if step % EVERY and step != steps:
            return
        with torch.no_grad():
            whole = model(x)
        looks.append(step)
        last[:] = [output.reshape(side, side).cpu() for output in whole]
        for kept, output, seen in zip(measured, whole, last, strict=True):
            halves = psnr(output[even], flat[even]), psnr(output[~even], flat[~even])
            kept.append((*halves, band_error(seen, target.cpu(), BANDS).tolist()))

    losses = fit(model, row.optimiser_of(model), x[even], flat[even], steps, after, advance)
    return [
        {"steps": looks, **_record(kept), "image": grey(seen), "late_loss": late_loss(loss)}
        for kept, seen, loss in zip(measured, last, losses.T, strict=True)
    ]


def _record(measured: Sequence[tuple[float, float, list[float]]]) -> Record:
    seen, held, bands = zip(*measured, strict=True)
    by_step = {"train_psnr": seen, "held_out_psnr": held, "band_errors": bands}
    return {
        **{f"{key}_by_step": list(values) for key, values in by_step.items()},
        **{key: values[-1] for key, values in by_step.items()},
        "best_held_out_psnr": max(held),
    }
