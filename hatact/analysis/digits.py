"""Small images of handwritten digits, as targets, and what is held out of them."""

from __future__ import annotations

import torch
from torch import Tensor


def digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's 1797 images of 8 × 8, a row an image, and the digit that each one shows.

    Shapes: → (1797, 64) float32 in [0, 1], multiples of 1/16; (1797) int64 in 0 … 9.

    Raises:
        ModuleNotFoundError: without scikit-learn, which `hatact[verify]` brings.
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        needs = "the digits need scikit-learn; pip install 'hatact[verify]' brings it"
        raise ModuleNotFoundError(needs, name="sklearn") from None

    pixels, labels = load_digits(return_X_y=True)
    return torch.from_numpy(pixels).float() / 16, torch.from_numpy(labels)


def hold_out(labels: Tensor, share: float, seed: int) -> Tensor:
    """The mask of a share of every class, drawn by the seed: what a training is not to see.

    Of a class with n members round(share·n) are drawn. Shapes: (N) → (N) bool, on the CPU.

    Raises:
        ValueError: for labels of another shape, or a share outside [0, 1].
    """
    if labels.dim() != 1 or not 0 <= share <= 1:
        got = f"{tuple(labels.shape)} and {share}"
        raise ValueError(f"labels must have shape (N,) and the share lie in [0, 1]; got {got}")
    generator = torch.Generator().manual_seed(seed)
    held = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = (labels == label).nonzero()[:, 0].cpu()
        drawn = torch.randperm(len(members), generator=generator)
        held[members[drawn[: round(share * len(members))]]] = True
    return held
