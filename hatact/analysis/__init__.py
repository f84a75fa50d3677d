"""What a training run did, and what theory says it must. Uses the public modules and torch only."""

from hatact.analysis.components import components
from hatact.analysis.curves import Agreement, agreement, nudge
from hatact.analysis.descent import MeshDescent, mesh_descent
from hatact.analysis.gram import (
    cantilever_roots,
    condition_number,
    eigenvalues,
    gram,
    log_slope,
)
from hatact.analysis.regions import linear_regions
from hatact.analysis.scattered import ScatteredSpectrum
from hatact.analysis.seeds import lower_median, median, median_interval
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
from hatact.analysis.tracked import arrival_spread, late_loss, learning, spread_steps

__all__ = [
    "Agreement",
    "BiasExponent",
    "MeshDescent",
    "ScatteredSpectrum",
    "SpectrumTracker",
    "agreement",
    "arrival_spread",
    "band_error",
    "bias_exponent",
    "cantilever_roots",
    "components",
    "condition_number",
    "eigenvalues",
    "gram",
    "late_loss",
    "learning",
    "linear_regions",
    "log_slope",
    "lower_median",
    "median",
    "median_interval",
    "mesh_descent",
    "nudge",
    "psnr",
    "residual",
    "spectrum",
    "spread_steps",
    "steps_to",
]
