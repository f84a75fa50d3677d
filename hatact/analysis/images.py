"""Images as targets of coordinate networks: their pixels, half of which can be held out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hatact.analysis.spectrum import psnr


def picture(name: str, side: int) -> Tensor:
    """scikit-image's image `name` in grey, its largest centred square averaged over blocks.

    Shapes: → (side, side) float32 in [0, 1].

    Raises:
        ValueError: if the image is smaller than `side`, `side` is below 1, or the image is neither
            of bytes, grey or in three colours, nor grey of numbers in [0, 1].
        ModuleNotFoundError: without scikit-image, which `hatact[verify]` brings.
    """
    try:
        from skimage import data
    except ModuleNotFoundError:
        needs = "a picture needs scikit-image; pip install 'hatact[verify]' brings it"
        raise ModuleNotFoundError(needs, name="skimage") from None

    pixels = torch.from_numpy(getattr(data, name)())
    unit = pixels.is_floating_point() and bool(((pixels >= 0) & (pixels <= 1)).all())
    grey, coloured = pixels.ndim == 2, pixels.shape[2:] == (3,)
    of_bytes = pixels.dtype == torch.uint8 and (grey or coloured)
    if not (of_bytes or (grey and unit)):
        raise ValueError(
            "a picture must be of bytes, grey or in three colours, or grey of numbers in [0, 1]; "
            f"got {pixels.dtype} of shape {tuple(pixels.shape)}"
        )
    image = pixels.to(torch.float32) / (1 if unit else 255)
    if image.ndim == 3:
        image = image.mean(-1)
    if not 1 <= side <= min(image.shape):
        raise ValueError(f"the side must be at least 1 and at most {min(image.shape)}; got {side}")
    block = min(image.shape) // side
    top, left = ((n - block * side) // 2 for n in image.shape)
    square = image[top : top + block * side, left : left + block * side]
    return torch.nn.functional.avg_pool2d(square[None, None], block)[0, 0]


def pixel_grid(side: int) -> tuple[Tensor, Tensor]:
    """Coordinates of an image's pixels, row-major, (row, column), and the mask of the even ones.

    Shapes: → (side², 2) float32 in [−1, 1]², (side²) bool. Even means that row + column is even: a
    checkerboard, half of the pixels, so that the others can be held out.
    """
    index = torch.arange(side)
    row, column = torch.meshgrid(index, index, indexing="ij")
    axis = torch.linspace(-1, 1, side)
    x = torch.stack([axis[row], axis[column]], -1).reshape(-1, 2)
    return x, ((row + column) % 2 == 0).reshape(-1)


def neighbour_mean(image: Tensor) -> Tensor:
    """The mean of every pixel's four neighbours, mirrored at the border.

    On the odd pixels of a checkerboard it uses even ones only: interpolation without a network.
    Shapes: (H, W) → (H, W), H and W at least 2.
    """
    p = torch.nn.functional.pad(image[None, None], (1, 1, 1, 1), mode="reflect")[0, 0]
    return (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]) / 4


def neighbour_psnr(image: Tensor) -> float:
    """The PSNR in dB of :func:`neighbour_mean` on the odd pixels of a checkerboard.

    It is what a network that saw the even pixels of :func:`pixel_grid` must beat on the odd ones.
    Shapes: (side, side).

    Raises:
        ValueError: for an image of another shape.
    """
    if image.ndim != 2 or image.shape[0] != image.shape[1]:
        raise ValueError(f"the image must be (side, side); got {tuple(image.shape)}")
    _, even = pixel_grid(image.shape[0])
    odd = ~even.reshape(image.shape)
    return psnr(neighbour_mean(image)[odd], image[odd])


def ssim(f: Tensor, u: Tensor) -> float:
    """The structural similarity of two images with values in [0, 1], by scikit-image.

    1 for f = u; NaN where f or u is not finite. f is taken as it is, not clipped. Shapes: both
    (H, W), at least 7 pixels a side, which is the side of the windows that are compared.

    Raises:
        ValueError: for images of unlike shapes, not of two dimensions, or of a side under 7 pixels.
        ModuleNotFoundError: without scikit-image, which `hatact[verify]` brings.
    """
    try:
        from skimage.metrics import structural_similarity
    except ModuleNotFoundError:
        needs = "the similarity needs scikit-image; pip install 'hatact[verify]' brings it"
        raise ModuleNotFoundError(needs, name="skimage") from None

    if f.shape != u.shape or f.ndim != 2 or min(f.shape) < 7:
        raise ValueError(
            "the images must have one shape, (H, W), of at least 7 pixels a side; "
            f"got {tuple(f.shape)} and {tuple(u.shape)}"
        )
    if not bool(torch.isfinite(f).all() and torch.isfinite(u).all()):
        return math.nan
    a, b = (t.detach().double().cpu().numpy() for t in (f, u))
    return float(structural_similarity(a, b, data_range=1.0))


def grey(image: Tensor) -> list[list[int]]:
    """Values in [0, 1] as 0 … 255, clipped; NaN, of a network that diverged, is 0."""
    levels: list[list[int]] = (
        (image.nan_to_num().clamp(0, 1) * 255).round().to(torch.int64).tolist()
    )
    return levels
