"""Drop-in modules. `Piecewise(spec)` is any activation; the others are named specs."""

from hatact.nn.activations import (
    BSpline,
    BWReLU,
    Hat,
    PeriodicReLU,
    Piecewise,
    ReLU,
    TriangleWave,
)

__all__ = ["BSpline", "BWReLU", "Hat", "PeriodicReLU", "Piecewise", "ReLU", "TriangleWave"]
