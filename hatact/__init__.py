"""Fused kernels for piecewise-polynomial activations, and a check of what papers claim of them.

State an activation as knots and coefficients (`PiecewisePolynomial`); every backend, every
derivative, `torch.compile` and `torch.func` follow from those numbers.
"""

from importlib import import_module
from types import ModuleType

from hatact import functional, nn
from hatact.activations.bspline import bspline
from hatact.activations.bw_relu import BW_RELU
from hatact.activations.hat import HAT
from hatact.activations.relu import RELU
from hatact.ops import available_backends, use_backend
from hatact.spec import PiecewisePolynomial

__version__ = "0.1.0"
_LAZY = ("analysis", "baselines", "optim")

__all__ = [
    "BW_RELU",
    "HAT",
    "RELU",
    "PiecewisePolynomial",
    "__version__",
    "available_backends",
    "bspline",
    "functional",
    "nn",
    "use_backend",
]


def __getattr__(name: str) -> ModuleType:
    """`hatact.analysis`, `baselines` and `optim` are imported when they are first asked for."""
    if name in _LAZY:
        return import_module(f"hatact.{name}")
    raise AttributeError(f"module 'hatact' has no attribute {name!r}")
