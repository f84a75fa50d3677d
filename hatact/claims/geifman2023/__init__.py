"""Geifman, Barzilai, Basri, Galun, on kernels with a modified spectrum and gradient descent that
follows them (arXiv 2307.14531, TMLR 2024): preconditioned, it learns high frequencies as fast as
low ones.
"""

from hatact.claims.engine import Paper
from hatact.claims.geifman2023 import amplitude, circle, digits, hat, optimisers, solution

PAPER = Paper(
    title="Controlling the inductive bias of wide neural networks by modifying the kernel's "
    "spectrum",
    authors="Geifman, Barzilai, Basri, Galun",
    year=2023,
    arxiv="2307.14531",
    claims=(
        circle.CLAIM,
        amplitude.CLAIM,
        solution.CLAIM,
        hat.CLAIM,
        optimisers.CLAIM,
        digits.CLAIM,
    ),
    note="The paper itself was not at hand: its figures are not known here, its algorithm is as "
    "secondary notes and published code have it.",
    lead="circle",
)
