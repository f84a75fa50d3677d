"""hatact::ppoly and ppoly_, and the activations as functions."""

import torch

from hatact import HAT, bspline, functional, reference
from hatact.activations import registry
from tests.support.op_cases import FunctionCase, OpCase, drawn_like
from tests.support.points import clear_points

_SPECS = {"hat": HAT, "cubic": bspline(3), "wave": registry()["triangle_wave"]}


def _plain(spec):
    return lambda x: reference.ppoly(x, None, *spec.numbers)


OPS = [
    *(
        OpCase("ppoly", lambda x, f=f: (x, None, *f.numbers), what=name)
        for name, f in _SPECS.items()
    ),
    OpCase("ppoly", lambda x: (x, drawn_like(x, 1), *_SPECS["cubic"].numbers), what="with g"),
    OpCase("ppoly_", lambda x: (x, *_SPECS["cubic"].numbers), writes=True, differentiable=False),
]
FUNCTIONS = [
    FunctionCase(
        f"piecewise {name}",
        lambda x, f=f: functional.piecewise(x, f),
        _plain(f),
        lambda device, f=f: (clear_points(f, 6).view(3, 2).to(device, torch.float64),),
    )
    for name, f in _SPECS.items()
]
