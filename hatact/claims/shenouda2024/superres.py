"""shenouda2024/superres: an image from the means of its blocks of 4 × 4 pixels."""

from __future__ import annotations

from collections.abc import Mapping

from torch.nn.functional import interpolate

from hatact.analysis import psnr
from hatact.analysis.images import picture
from hatact.claims.engine.verdicts import NOT_REPRODUCED
from hatact.claims.shenouda2024 import _compared
from hatact.claims.shenouda2024._compared import BW, GRID, RELU, Problem
from hatact.claims.targets.imaging import FACTOR, block_means
from hatact.claims.targets.methods import Method

PROBLEM = Problem(
    "superres",
    "blocks",
    "camera",
    {
        BW: Method("bw_relu", 2),
        "hat": Method("hat", 2, lr=1e-2),
        "cubic": Method("bspline3", 6, lr=3e-3),
        RELU: Method("relu", lr=1e-2),
        "encoded": Method("relu", octaves=4),
        "siren": Method("siren", 10),
        "finer": Method("finer", 10, lr=3e-4),
        "wire": Method("wire", 3, sigma=2, lr=3e-3),
        GRID: Method("grid", smoothing=1e-4, unit=100, lr=1e-2),
    },
    f"the means of {FACTOR} × {FACTOR} pixels",
)


def references(problem: Problem) -> Mapping[str, float]:
    """What needs no training."""
    image = picture(problem.image, problem.side)
    low = block_means(image, FACTOR)[None, None]
    return {"bicubic": psnr(interpolate(low, scale_factor=FACTOR, mode="bicubic")[0, 0], image)}


CLAIM = _compared.claim(
    [PROBLEM],
    references,
    name=f"Super-resolution × {FACTOR}",
    source="Fig. 6 (its values were not at hand); the image, its size and the criteria are this "
    "project's own",
    recorded={"quick": NOT_REPRODUCED, "full": NOT_REPRODUCED},
)
