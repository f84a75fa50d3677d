"""What the neural tangent kernel says of spectral bias: Basri, Galun, Geifman, Jacobs, Kasten,
Kritchman on the frequencies of ReLU networks (arXiv 2003.04560), and Yüce, Ortiz-Jiménez, Besbinar,
Frossard on images and coordinate networks (arXiv 2112.04645); and what it says of Hat's scale.
"""

from hatact.claims.engine import Paper
from hatact.claims.ntk import decay, flat, images, scale

PAPER = Paper(
    title="Frequency bias in neural networks for input of non-uniform density",
    authors="Basri, Galun, Geifman, Jacobs, Kasten, Kritchman; on images Yüce, Ortiz-Jiménez, "
    "Besbinar, Frossard (arXiv 2112.04645)",
    year=2020,
    arxiv="2003.04560",
    claims=(decay.CLAIM, flat.CLAIM, scale.CLAIM, images.CLAIM),
    note="The papers themselves were not at hand: their figures are not known here, rates and "
    "protocol are as abstracts, secondary notes and published code have them.",
    lead="flat",
)
