"""Milkert, Hyde, Laine, on compositions of triangles as an initialisation of ReLU networks (arXiv
2311.18022, ICML 2025): exponentially many linear regions from the start, kept by training.

The paper's construction is re-derived here and tested; its figures are marked as second-hand
wherever they stand beside ours.
"""

from hatact.claims.engine import Paper
from hatact.claims.milkert2023 import approximation, digits, regions, sparse

PAPER = Paper(
    title="Compelling ReLU networks to exhibit exponentially many linear regions at initialization "
    "and during training",
    authors="Milkert, Hyde, Laine",
    year=2023,
    arxiv="2311.18022",
    claims=(regions.CLAIM, approximation.CLAIM, sparse.CLAIM, digits.CLAIM),
    note="The paper itself was not at hand: its tables are quoted from two secondary notes that "
    "agree.",
    lead="approximation",
)
