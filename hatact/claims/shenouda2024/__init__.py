"""Shenouda, Zhou, Nowak, ReLUs are sufficient for learning implicit neural representations
(arXiv 2406.02529): networks of BW-ReLU wavelets, their norm, and inverse problems.
"""

from hatact.claims.engine import Paper
from hatact.claims.shenouda2024 import condition, ct, fit, image, norm, scale, superres

CLAIMS = (fit, image, superres, ct, scale, condition, norm)

PAPER = Paper(
    title="ReLUs are sufficient for learning implicit neural representations",
    authors="Shenouda, Zhou, Nowak",
    year=2024,
    arxiv="2406.02529",
    claims=tuple(module.CLAIM for module in CLAIMS),
    note="The paper's tables of PSNR and its images were not at hand: images, sizes, 400 steps "
    "where it takes 1,000 to 10,000, and criteria are this project's own; network, optimiser and "
    "decay of the rate are those of the published code. Every row has the rate at which the PSNR "
    "that is judged is best, and the scale that was best on another image.",
    lead="ct",
)
