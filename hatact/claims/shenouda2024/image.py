"""shenouda2024/image: half of an image's pixels, the others held out."""

from __future__ import annotations

from collections.abc import Mapping

from hatact.analysis.images import neighbour_psnr, picture
from hatact.claims.engine.verdicts import REPRODUCED
from hatact.claims.shenouda2024 import _compared
from hatact.claims.shenouda2024._compared import BW, GRID, RELU, Problem
from hatact.claims.targets.methods import Method

PROBLEM = Problem(
    "image",
    "half",
    "camera",
    {
        BW: Method("bw_relu", 2, lr=3e-3),
        "hat": Method("hat", 4, lr=3e-3),
        "cubic": Method("bspline3", 6, lr=3e-3),
        RELU: Method("relu", lr=1e-2),
        "encoded": Method("relu", octaves=4, lr=3e-3),
        "siren": Method("siren", 30, lr=1e-4),
        "finer": Method("finer", 10, lr=3e-4),
        "wire": Method("wire", 5, sigma=3, lr=3e-4),
        GRID: Method("grid", smoothing=1e-4, unit=100, lr=3e-4),
    },
    "half of an image's pixels",
    "the pixels held out",
)


def references(problem: Problem) -> Mapping[str, float]:
    """What needs no training."""
    image = picture(problem.image, problem.side)
    return {"the mean of the four neighbours": neighbour_psnr(image)}


CLAIM = _compared.claim(
    [PROBLEM],
    references,
    name="Half of an image",
    source="the abstract: a network of ReLUs alone matches the state of the art; to hold pixels "
    "out is this project's own, and so are image and criteria",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
)
