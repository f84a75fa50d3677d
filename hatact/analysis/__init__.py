"""What a training run did, and what theory says it must. Uses the public modules and torch only."""

from hatact.analysis.gram import condition_number, eigenvalues, gram
from hatact.analysis.regions import linear_regions
from hatact.analysis.scattered import ScatteredSpectrum
from hatact.analysis.spectrum import (
    BiasExponent,
    SpectrumTracker,
    band_error,
    bias_exponent,
    psnr,
    residual,
    spectrum,
    steps_to,
)

__all__ = [
    "BiasExponent",
    "ScatteredSpectrum",
    "SpectrumTracker",
    "band_error",
    "bias_exponent",
    "condition_number",
    "eigenvalues",
    "gram",
    "linear_regions",
    "psnr",
    "residual",
    "spectrum",
    "steps_to",
]
