"""What is measured of an image, and runs of rows that give the image back from it.

Four problems, of coordinates in [−1, 1]²: "whole", every pixel; "half", the
even ones of a checkerboard; "blocks", the means of blocks of 4 × 4; "rays" of so many angles, a
sinogram. The rate falls to a tenth over the run, lr·0.1^(t/T), as in arXiv 2406.02529's code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hatact.analysis.images import grey, picture, pixel_grid, ssim
from hatact.analysis.spectrum import psnr
from hatact.analysis.tomography import radon, sinograms
from hatact.analysis.tracked import late_loss
from hatact.baselines.training import fit
from hatact.claims.engine.runs import Advance, Record
from hatact.claims.targets.methods import Method

SIDES = {"whole": 64, "half": 64, "blocks": 48, "rays": 48}
WIDTH, DEPTH = 128, 4
FACTOR = 4
DECAY = 0.1
LOOKS = 40
"""How many times in a run the whole image is looked at."""
COST = {"whole": 2e-2, "half": 1e-2, "blocks": 1.1e-2, "rays": 1.5e-2}
"""Seconds a step and network; see `engine.Task.cost`."""


class Problem(NamedTuple):
    """An image (side, side), the points x (N, 2), and what is measured of values there, y.

    Args:
        measure: (S, N, 1) → (S, *y.shape).
        seen: a mask (side²) of the pixels that are measured one by one, or None.
    """

    image: Tensor
    x: Tensor
    y: Tensor
    measure: Callable[[Tensor], Tensor]
    seen: Tensor | None


def problem(name: str, image: str, device: str = "cpu", angles: int = 0) -> Problem:
    """The problem of this name on an image of scikit-image.

    Raises:
        ValueError: for another name; as :func:`block_means` and :func:`hatact.analysis.radon`.
    """
    if name not in SIDES:
        raise ValueError(f"the problem must be one of {', '.join(SIDES)}; got {name!r}")
    target = picture(image, SIDES[name]).to(device)
    x, even = (t.to(device) for t in pixel_grid(len(target)))
    flat = target.reshape(-1, 1)
    if name == "whole":
        return Problem(target, x, flat, lambda out: out, torch.ones_like(even))
    if name == "half":
        return Problem(target, x[even], flat[even], lambda out: out, even)
    if name == "blocks":
        means = block_means(target, FACTOR)
        return Problem(target, x, means, lambda out: _pooled(_square(out), FACTOR), None)
    theta = directions(angles)
    sums = radon(target, theta)
    return Problem(target, x, sums, lambda out: sinograms(_square(out), theta), None)


def directions(angles: int) -> Tensor:
    """So many angles, evenly spread over [0, 180) degrees: (angles) float64."""
    return 180 * torch.arange(angles, dtype=torch.float64) / angles


def _square(out: Tensor) -> Tensor:
    side = round(out.shape[1] ** 0.5)
    return out.reshape(len(out), side, side)


def _pooled(images: Tensor, factor: int) -> Tensor:
    return torch.nn.functional.avg_pool2d(images, factor)


def block_means(image: Tensor, factor: int) -> Tensor:
    """The means of blocks: (H, W) → (H/factor, W/factor).

    Raises:
        ValueError: for an image that is empty, not two-dimensional or not finite, or a factor that
            does not divide its sides.
    """
    if image.ndim != 2 or not image.numel() or not bool(torch.isfinite(image).all()):
        raise ValueError(
            f"the image must be finite and two-dimensional; got shape {tuple(image.shape)}"
        )
    if factor < 1 or any(side % factor for side in image.shape):
        raise ValueError(f"the factor must divide the sides {tuple(image.shape)}; got {factor}")
    return _pooled(image[None], factor)[0]


def train(
    row: Method,
    name: str,
    image: str,
    steps: int,
    angles: int,
    seeds: Sequence[int],
    device: str,
    advance: Advance,
) -> list[Record]:
    """Train a row on what a problem measures; the image itself is looked at, never used.

    A record holds at "steps" the PSNR in dB of the pixels held out, or of all where none are, and
    at the end "psnr" and "seen_psnr", the whole image's "ssim" and grey levels, the loss of the
    measurements, and the late loss.
    """
    target, x, y, measure, seen = problem(name, image, device, angles)
    side = len(target)
    grid, _ = pixel_grid(side)
    grid, flat = grid.to(device), target.reshape(-1, 1)
    judged = torch.ones_like(flat[:, 0], dtype=torch.bool) if seen is None or seen.all() else ~seen
    model = row.networks(2, WIDTH, DEPTH, seeds, device)
    optimiser = row.optimiser_of(model)
    rate = optimiser.param_groups[0]["lr"]
    looks = [*range(0, steps, max(steps // LOOKS, 1)), steps]
    path: list[list[float]] = [[] for _ in seeds]
    last: list[Tensor] = []

    def after(step: int, out: Tensor) -> None:
        optimiser.param_groups[0]["lr"] = rate * DECAY ** (step / steps)
        if step not in looks:
            return
        with torch.no_grad():
            last[:] = model(grid)
        for kept, output in zip(path, last, strict=True):
            kept.append(psnr(output[judged], flat[judged]))

    losses = fit(model, optimiser, x, y, steps, after, advance, measure, row.penalty(model))
    records = []
    for kept, output, loss in zip(path, last, losses.T, strict=True):
        whole = output.reshape(side, side).cpu()
        records.append(
            {
                "steps": looks,
                "psnr_by_step": kept,
                "psnr": kept[-1],
                "seen_psnr": None if seen is None else psnr(output[seen], flat[seen]),
                "ssim": ssim(whole, target.cpu()),
                "image": grey(whole),
                "loss": float(loss[-1]),
                "late_loss": late_loss(loss),
            }
        )
    return records
