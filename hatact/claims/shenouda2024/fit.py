"""shenouda2024/fit: an image of which every pixel is seen, the paper's first experiment."""

from __future__ import annotations

from collections.abc import Mapping

from hatact.claims.engine.verdicts import PARTLY
from hatact.claims.shenouda2024 import _compared
from hatact.claims.shenouda2024._compared import BW, GRID, RELU, Problem
from hatact.claims.targets.methods import Method

PROBLEM = Problem(
    "fit",
    "whole",
    "camera",
    {
        BW: Method("bw_relu", 9, lr=3e-3),
        "hat": Method("hat", 8, lr=3e-3),
        "cubic": Method("bspline3", 6, lr=1e-2),
        RELU: Method("relu", lr=1e-2),
        "encoded": Method("relu", octaves=4, lr=1e-2),
        "siren": Method("siren", 30, lr=3e-3),
        "finer": Method("finer", 30),
        "wire": Method("wire", 8, sigma=6, lr=3e-3),
        GRID: Method("grid", smoothing=1e-5, unit=100, lr=1e-2),
    },
    "every pixel of an image",
)


def _references(problem: Problem) -> Mapping[str, float]:
    return {}


CLAIM = _compared.claim(
    [PROBLEM],
    _references,
    name="A whole image",
    source="Fig. 5, c = 9 (its values were not at hand; its PSNR is of an output brought to the "
    "image's range, here of the output as it is); the criteria are this project's own",
    recorded={"quick": PARTLY, "full": PARTLY},
)
