"""Shared by papers: a real image as a coordinate network's target, half of its pixels held out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hatact.analysis import band_error, psnr
from hatact.claims.engine.runs import Advance, Record, Row, fit, late

SIDE, WIDTH, DEPTH = 64, 128, 4
EVERY = 10  # steps between two measurements on the whole image
COST = 6e-3
"""Seconds a step and network, batches of five; see `lab.Task.cost`."""
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


def train(
    row: Row, image: str, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train a row on the even pixels of an image; the odd ones are looked at, never used.

    A record holds PSNR in dB on either half and the relative error per band, every EVERY steps,
    what the network made of the image at the end (0 … 255), and the late loss.
    """
    target = picture(image).to(device)
    side = target.shape[0]
    x, even = (t.to(device) for t in pixel_grid(side))
    flat = target.reshape(-1, 1)
    model = row.networks(2, WIDTH, DEPTH, seeds, device)
    records: list[Record] = [
        {"steps": [], "train_psnr": [], "held_out_psnr": [], "band_errors": []} for _ in seeds
    ]

    def after(step: int, out: Tensor) -> None:
        if step % EVERY and step != steps:
            return
        with torch.no_grad():
            whole = model(x)
        for record, of in zip(records, whole, strict=True):
            record["steps"].append(step)
            record["train_psnr"].append(psnr(of[even], flat[even]))
            record["held_out_psnr"].append(psnr(of[~even], flat[~even]))
            seen = of.reshape(side, side).cpu()
            record["band_errors"].append(band_error(seen, target.cpu(), BANDS).tolist())
            record["image"] = grey(seen)

    losses = fit(model, x[even], flat[even], steps, advance, after)
    for record, of in zip(records, losses.T, strict=True):
        record["late_loss"] = late(of)
    return records


def grey(image: Tensor) -> list[list[int]]:
    """Values in [0, 1] as 0 … 255, clipped."""
    levels: list[list[int]] = (image.clamp(0, 1) * 255).round().to(torch.int64).tolist()
    return levels
