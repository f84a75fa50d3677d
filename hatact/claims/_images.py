"""Shared by papers: a real image as a coordinate network's target, half of its pixels held out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from hatact.analysis import band_error, psnr
from hatact.claims._pool import Advance
from hatact.claims._training import Row, fit, spread

SIDE, WIDTH, DEPTH = 64, 128, 4
EVERY = 10  # steps between two measurements on the whole image
BANDS = (1, 4, 8, 12, 16, 22)
"""Edges in cycles per image side. The checkerboard determines |kx| + |ky| < side/2 = 32 without
aliasing, which holds every ring up to 22."""


def picture(name: str, side: int = SIDE) -> Tensor:
    """skimage.data's grey image `name`, its largest centred square averaged over blocks.

    (side, side) float32 in [0, 1]. ValueError if the image is smaller than `side`.
    """
    from skimage import data

    image = torch.from_numpy(getattr(data, name)()).to(torch.float32) / 255
    if image.ndim == 3:
        image = image.mean(-1)
    block = min(image.shape) // side
    if block < 1:
        raise ValueError(f"the side must be at most {min(image.shape)}; got {side}")
    top, left = ((n - block * side) // 2 for n in image.shape)
    square = image[top : top + block * side, left : left + block * side]
    return torch.nn.functional.avg_pool2d(square[None, None], block)[0, 0]


def pixel_grid(side: int) -> tuple[Tensor, Tensor]:
    """Coordinates (side², 2) in [−1, 1]², row-major, and the mask (side²) of the even pixels.

    Even means that row + column is even: a checkerboard, half of the pixels.
    """
    index = torch.arange(side)
    row, column = torch.meshgrid(index, index, indexing="ij")
    axis = torch.linspace(-1, 1, side)
    x = torch.stack([axis[row], axis[column]], -1).reshape(-1, 2)
    return x, ((row + column) % 2 == 0).reshape(-1)


def neighbour_mean(image: Tensor) -> Tensor:
    """The mean of every pixel's four neighbours, (H, W) → (H, W), mirrored at the border.

    On the odd pixels of a checkerboard it uses even ones only: interpolation without a network.
    """
    p = torch.nn.functional.pad(image[None, None], (1, 1, 1, 1), mode="reflect")[0, 0]
    return (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]) / 4


@dataclass
class Run:
    """One row and one seed: PSNR in dB on either half and error per band, every EVERY steps."""

    row: Row
    seed: int
    steps: list[int] = field(default_factory=list)
    train_psnr: list[float] = field(default_factory=list)
    held_out_psnr: list[float] = field(default_factory=list)
    band_errors: list[list[float]] = field(default_factory=list)
    image: Tensor = field(default_factory=lambda: torch.empty(0))

    def values(self) -> dict[str, Any]:
        """What results.json keeps of the run."""
        return {
            "row": str(self.row),
            "seed": self.seed,
            "train_psnr": self.train_psnr[-1],
            "held_out_psnr": self.held_out_psnr[-1],
            "best_held_out_psnr": max(self.held_out_psnr),
            "band_errors": self.band_errors[-1],
        }


def train(row: Row, seed: int, image: Tensor, steps: int, device: str, advance: Advance) -> Run:
    """Train one row on the even pixels of `image`; the odd ones are looked at, never used."""
    side = image.shape[0]
    x, even = pixel_grid(side)
    x, even, image = x.to(device), even.to(device), image.to(device)
    target = image.reshape(-1, 1)
    model = row.network(2, WIDTH, DEPTH, seed, device)
    run = Run(row, seed)

    def after(step: int, out: Tensor) -> None:
        if step % EVERY == 0 or step == steps:
            with torch.no_grad():
                whole = model(x)
            run.steps.append(step)
            run.train_psnr.append(psnr(whole[even], target[even]))
            run.held_out_psnr.append(psnr(whole[~even], target[~even]))
            run.image = whole.reshape(side, side).cpu()
            run.band_errors.append(band_error(run.image, image.cpu(), BANDS).tolist())
        advance(1)

    fit(model, x[even], target[even], steps, row.lr, after)
    return run


def reconstructions(image: Tensor, runs: Sequence[Run], name: str, title: str) -> dict[str, Any]:
    """The image and what every run made of it, as data for the pictures (0 … 255)."""
    panels = [
        {
            "title": "target",
            "note": "even pixels are seen,\nodd ones held out",
            "image": _grey(image),
        }
    ]
    for run in runs:
        psnrs = f"seen {run.train_psnr[-1]:.1f} dB\nheld out {run.held_out_psnr[-1]:.1f} dB"
        panels.append({"title": str(run.row), "note": psnrs, "image": _grey(run.image)})
    return {"kind": "images", "name": name, "title": title, "panels": panels}


def _grey(image: Tensor) -> list[list[int]]:
    levels: list[list[int]] = (image.clamp(0, 1) * 255).round().to(torch.int64).tolist()
    return levels


def bands_over_training(runs: Sequence[Run], name: str, title: str) -> dict[str, Any]:
    """Relative error per radial band over training, one panel a run, as data for the pictures."""
    labels = [f"{low}–{high}" for low, high in pairwise(BANDS)]
    return {
        "kind": "curves",
        "name": name,
        "title": title,
        "x_label": "training step",
        "y_label": "relative error of the band",
        "share_y": True,
        "legend": "cycles per image side",
        "panels": [
            {
                "title": str(run.row),
                "x": run.steps,
                "series": [
                    {"label": label, "y": [errors[b] for errors in run.band_errors]}
                    for b, label in enumerate(labels)
                ],
            }
            for run in runs
        ],
    }


def psnr_over_training(runs: Sequence[Run], name: str, title: str) -> dict[str, Any]:
    """PSNR on the held-out and on the seen pixels over training, as data for the pictures."""
    panels = (("held-out pixels", "held_out_psnr"), ("seen pixels", "train_psnr"))
    return {
        "kind": "curves",
        "name": name,
        "title": title,
        "x_label": "training step",
        "y_label": "PSNR (dB)",
        "share_y": False,
        "legend": "activation",
        "panels": [
            {
                "title": panel,
                "x": runs[0].steps,
                "series": [{"label": str(r.row), "y": getattr(r, what)} for r in runs],
            }
            for panel, what in panels
        ],
    }


def table(by_row: dict[str, list[Run]]) -> dict[str, Any]:
    """PSNR as ranges over seeds; the median relative error of every band."""
    lines = []
    for name, runs in by_row.items():
        errors = zip(*(run.band_errors[-1] for run in runs), strict=True)
        lines.append(
            [
                name,
                spread([run.train_psnr[-1] for run in runs], ".1f"),
                spread([run.held_out_psnr[-1] for run in runs], ".1f"),
                *(f"{statistics.median(band):.2f}" for band in errors),
            ]
        )
    return {
        "title": "PSNR (dB, range over seeds) and median error per band (cycles per image side)",
        "columns": ["activation", "seen", "held out", *(f"{a}–{b}" for a, b in pairwise(BANDS))],
        "rows": lines,
    }
