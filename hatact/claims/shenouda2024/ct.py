"""shenouda2024/ct: a phantom from its sums along rays of few angles, without noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from hatact.analysis import psnr
from hatact.claims.engine.verdicts import REPRODUCED
from hatact.claims.shenouda2024 import _compared
from hatact.claims.shenouda2024._compared import BW, GRID, RELU, Problem
from hatact.claims.targets import imaging
from hatact.claims.targets.methods import Method

FEW, MANY = 30, 60
PROBLEM = Problem(
    "ct",
    "rays",
    "shepp_logan_phantom",
    {
        BW: Method("bw_relu", 2, lr=1e-2),
        "hat": Method("hat", 8, lr=1e-2),
        "cubic": Method("bspline3", 6, lr=3e-3),
        RELU: Method("relu", lr=3e-3),
        "encoded": Method("relu", octaves=4, lr=3e-3),
        "siren": Method("siren", 20),
        "finer": Method("finer", 30, lr=3e-4),
        "wire": Method("wire", 5, sigma=3, lr=3e-3),
        GRID: Method("grid", smoothing=1e-1, unit=100, lr=3e-3),
    },
    f"the sums along rays of {FEW} angles",
    angles=FEW,
)
MORE = replace(
    PROBLEM, word=f"ct-{MANY}-angles", measured=f"the sums along rays of {MANY} angles", angles=MANY
)


def references(problem: Problem) -> Mapping[str, float]:
    """What needs no training: scikit-image's filtered back projection."""
    from skimage.transform import iradon

    given = imaging.problem(**problem.arguments)
    theta = imaging.directions(problem.angles).numpy()
    image = torch.from_numpy(iradon(given.y.double().numpy(), theta=theta, circle=True))
    name = f"filtered back projection, {problem.angles} angles"
    return {name: psnr(image, given.image)}


CLAIM = _compared.claim(
    [PROBLEM, MORE],
    references,
    name="Computed tomography",
    source="Fig. 4, of another image and 100 angles (its values were not at hand); the criteria "
    f"are this project's own; quick is of {FEW} angles, and {MANY} are at the rates best for {FEW}",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
)
