"""What a training run did, frequency by frequency. Uses the public modules and torch only."""

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
    "SpectrumTracker",
    "band_error",
    "bias_exponent",
    "psnr",
    "residual",
    "spectrum",
    "steps_to",
]
