"""Hong, Siegel, Tan, Xu, On the activation function dependence of the spectral bias of neural
networks (arXiv 2208.04924): Hat networks learn all frequencies at one rate, ReLU low ones first.

The paper's learning rates, initialisations and figures were not at hand. Criteria, scales and
rates are this project's own, fixed before the verdicts; rates come from one grid, 1e-4 … 1e-2.
"""

from hatact.claims.engine.results import Paper
from hatact.claims.hong2022 import coordinates, digits, gram, image, shallow, spectrum, speed

PAPER = Paper(
    title="On the activation function dependence of the spectral bias of neural networks",
    authors="Hong, Siegel, Tan, Xu",
    year=2022,
    arxiv="2208.04924",
    claims=(
        gram.CLAIM,
        shallow.CLAIM,
        spectrum.CLAIM,
        coordinates.CLAIM,
        image.CLAIM,
        digits.CLAIM,
        speed.CLAIM,
    ),
)
