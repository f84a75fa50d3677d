"""The activations and networks as functions. Modules that hold their numbers: `hatact.nn`."""

from hatact.functional._activations import bspline, bw_relu, hat, piecewise
from hatact.functional._cascade import cascade_values, triangle_cascade
from hatact.functional._linear import linear_act
from hatact.functional._mlp import mlp

__all__ = [
    "bspline",
    "bw_relu",
    "cascade_values",
    "hat",
    "linear_act",
    "mlp",
    "piecewise",
    "triangle_cascade",
]


def __dir__() -> list[str]:
    return __all__
