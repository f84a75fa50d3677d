"""Hong, Siegel, Tan, Xu, On the activation function dependence of the spectral bias of neural
networks (arXiv 2208.04924): Hat networks learn all frequencies at one rate, ReLU low ones first.

Rates come from one grid, 1e-4 … 1e-2; criteria and scales were fixed before the verdicts.
"""

from hatact.claims.engine import Paper
from hatact.claims.hong2022 import coordinates, digits, gram, image, shallow, spectrum, speed

CLAIMS = (gram, shallow, spectrum, coordinates, image, digits, speed)

PAPER = Paper(
    title="On the activation function dependence of the spectral bias of neural networks",
    authors="Hong, Siegel, Tan, Xu",
    year=2022,
    arxiv="2208.04924",
    claims=tuple(module.CLAIM for module in CLAIMS),
    note="The paper's learning rates, initialisations and figures were not at hand: criteria, "
    "scales and rates are this project's own.",
    lead="spectrum",
)
