"""Drop-in modules. `Piecewise(spec)` is any activation, `LinearAct` a linear layer with one,
`TriangleCascade` one that learns; the others are named specs."""

from hatact.nn.activations import (
    BSpline,
    BWReLU,
    Hat,
    PeriodicReLU,
    Piecewise,
    ReLU,
    TriangleWave,
)
from hatact.nn.cascade import CascadeNetwork, TriangleCascade
from hatact.nn.linear import LinearAct

__all__ = [
    "BSpline",
    "BWReLU",
    "CascadeNetwork",
    "Hat",
    "LinearAct",
    "PeriodicReLU",
    "Piecewise",
    "ReLU",
    "TriangleCascade",
    "TriangleWave",
]
