"""hatact::ppoly and ppoly_, and the activations as functions."""

import torch

from hatact import HAT, bspline, functional, reference
from hatact.activations import registry
from tests.support.op_cases import FunctionCase, OpCase, drawn_like
from tests.support.points import clear_points

_SPECS = {"hat": HAT, "cubic": bspline(3), "wave": registry()["triangle_wave"]}
_FAR = {"wave": 8.0}  # the error of the reduction by a period grows with x


def _function(f):
    return lambda x: functional.piecewise(x, f)


def _plain(f):
    return lambda x: reference.ppoly(x, None, *f.numbers)


def _points(f):
    return lambda device: (clear_points(f, 6).view(3, 2).to(device, torch.float64),)


OPS = [
    *(
        OpCase("ppoly", lambda x, f=f: (x, None, *f.numbers), what=name, largest=_FAR.get(name))
        for name, f in _SPECS.items()
    ),
    OpCase("ppoly", lambda x: (x, drawn_like(x, 1), *_SPECS["cubic"].numbers), what="with g"),
    *(
        OpCase(
            "ppoly_",
            lambda x, f=f: (x, *f.numbers),
            what=name,
            writes=True,
            differentiable=False,
            largest=_FAR.get(name),
        )
        for name, f in _SPECS.items()
    ),
]
FUNCTIONS = [
    FunctionCase("piecewise", "ppoly", name, _function(f), _plain(f), _points(f))
    for name, f in _SPECS.items()
]
