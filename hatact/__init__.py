"""Fused kernels for piecewise-polynomial activations, and a check of what papers claim of them.

State an activation as knots and coefficients (`PiecewisePolynomial`), or take one by its name
(`activation("hat", scale=8)`); every backend, every derivative, `torch.compile` and `torch.func`
follow from those numbers.

Public are the names below, `dir(hatact)`, and those that `dir` shows of `functional`, `nn`,
`analysis`, `baselines` and `optim`; the last three are imported when they are first asked for.
`hatact.cascade`, exact triangle cascades, and `hatact.activations`, a file an activation, are to be
imported by name. All other modules are internal, and say so.
"""

from importlib import import_module
from types import ModuleType

from hatact import functional, nn
from hatact._named import activation
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
    "activation",
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
    near = [of for of in (nn, functional) if name in of.__all__]
    hint = ": write " + " or ".join(f"{of.__name__}.{name}" for of in near) if near else ""
    raise AttributeError(f"module 'hatact' has no attribute {name!r}{hint}", name=name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_LAZY])
