"""What a training run did, and what theory says it must. Uses the public modules and torch;
SciPy and scikit-image are imported by what needs them."""

from hatact.analysis import digits, images
from hatact.analysis.activation_patterns import (
    activation_patterns,
    dead_units,
    hamming,
    region_count,
)
from hatact.analysis.boundaries import boundary_distance, regions_on_line
from hatact.analysis.components import components
from hatact.analysis.curves import Agreement, agreement, nudge
from hatact.analysis.descent import MeshDescent, mesh_descent
from hatact.analysis.eigenpairs import Eigenpairs, kernel_eigenpairs, ntk_eigenpairs
from hatact.analysis.eigenvalue_decay import EigenvalueDecay, eigenvalue_decay
from hatact.analysis.empirical_ntk import empirical_ntk
from hatact.analysis.features import FeatureCondition, feature_condition
from hatact.analysis.fourier_transform import fourier_transform
from hatact.analysis.gradient_confusion import gradient_confusion
from hatact.analysis.gram import (
    cantilever_roots,
    condition_number,
    eigenvalues,
    gram,
    log_slope,
)
from hatact.analysis.infinite_width import nngp, ntk
from hatact.analysis.kernel_descent import kernel_descent
from hatact.analysis.kernels import shallow_relu_ntk
from hatact.analysis.modified_spectrum import (
    KernelRegression,
    ModifiedSpectrumKernel,
    flattened,
)
from hatact.analysis.path_norm import path_norm, slope_variation
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
from hatact.analysis.target_alignment import target_alignment
from hatact.analysis.tomography import radon
from hatact.analysis.tracked import arrival_spread, late_loss, learning, spread_steps

__all__ = [
    "Agreement",
    "BiasExponent",
    "Eigenpairs",
    "EigenvalueDecay",
    "FeatureCondition",
    "KernelRegression",
    "MeshDescent",
    "ModifiedSpectrumKernel",
    "ScatteredSpectrum",
    "SpectrumTracker",
    "activation_patterns",
    "agreement",
    "arrival_spread",
    "band_error",
    "bias_exponent",
    "boundary_distance",
    "cantilever_roots",
    "components",
    "condition_number",
    "dead_units",
    "digits",
    "eigenvalue_decay",
    "eigenvalues",
    "empirical_ntk",
    "feature_condition",
    "flattened",
    "fourier_transform",
    "gradient_confusion",
    "gram",
    "hamming",
    "images",
    "kernel_descent",
    "kernel_eigenpairs",
    "late_loss",
    "learning",
    "linear_regions",
    "log_slope",
    "lower_median",
    "median",
    "median_interval",
    "mesh_descent",
    "nngp",
    "ntk",
    "ntk_eigenpairs",
    "nudge",
    "path_norm",
    "psnr",
    "radon",
    "region_count",
    "regions_on_line",
    "residual",
    "shallow_relu_ntk",
    "slope_variation",
    "spectrum",
    "spread_steps",
    "steps_to",
    "target_alignment",
]


def __dir__() -> list[str]:
    return __all__
