"""Lazzari, Liu, Understanding the spectral bias of coordinate based MLPs via training dynamics
(arXiv 2301.05816): activation patterns and gradient confusion, of ReLU and of compact activations.
"""

from hatact.claims.engine import Paper
from hatact.claims.lazzari2023 import confusion, dead, regions, scale

PAPER = Paper(
    title="Understanding the spectral bias of coordinate based MLPs via training dynamics",
    authors="Lazzari, Liu",
    year=2023,
    arxiv="2301.05816",
    claims=(confusion.CLAIM, regions.CLAIM, dead.CLAIM, scale.CLAIM),
    note="The paper's figures were not at hand: its abstract and the setups of its published code "
    "are. The noise image is trained for 1,000 passes instead of 5,000; in place of five natural "
    "images of 512 × 512 pixels, 4 × 512 units and up to 16 octaves there is one, camera, in grey, "
    "with 64 × 64 pixels, 4 × 128 units, 5 octaves and 500 passes in batches of 256. Coordinates "
    "are the pixels' centres.",
    lead="scale",
)
