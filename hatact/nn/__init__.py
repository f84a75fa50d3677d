"""Drop-in modules. `Piecewise(spec)` is any activation, `LinearAct` a linear layer with one, `MLP`
a whole network of them, `BWNetwork` the published one of BW-ReLUs, `TriangleCascade` one that
learns; `PositionalEncoding` is for the coordinates before them; the others are named specs.
`safe_globals` lets torch load what was saved whole."""

from hatact.nn._saving import safe_globals
from hatact.nn.activations import (
    BSpline,
    BWReLU,
    Hat,
    PeriodicReLU,
    Piecewise,
    ReLU,
    TriangleWave,
)
from hatact.nn.bw_network import BWNetwork
from hatact.nn.cascade import CascadeNetwork, TriangleCascade
from hatact.nn.encoding import PositionalEncoding
from hatact.nn.linear import LinearAct
from hatact.nn.mlp import MLP

__all__ = [
    "MLP",
    "BSpline",
    "BWNetwork",
    "BWReLU",
    "CascadeNetwork",
    "Hat",
    "LinearAct",
    "PeriodicReLU",
    "Piecewise",
    "PositionalEncoding",
    "ReLU",
    "TriangleCascade",
    "TriangleWave",
    "safe_globals",
]


def __dir__() -> list[str]:
    return __all__
