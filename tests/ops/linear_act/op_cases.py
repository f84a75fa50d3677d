"""hatact::linear_act, a linear layer and its activation."""

import torch

from hatact import HAT, bspline, functional
from tests.support.op_cases import FunctionCase, OpCase, drawn

_HAT, _CUBIC = HAT.scaled(2, 0.1), bspline(3).scaled(2, 2)


def _arguments(bias):
    def of(x):
        inputs = x.shape[-1]
        weight = drawn((5, inputs), x, 1, 0.0, max(inputs, 1) ** -0.5)
        return x, weight, drawn((5,), x, 2) if bias else None, *_HAT.numbers

    return of


def _tensors(device):
    like = torch.zeros((), dtype=torch.float64, device=device)
    return tuple(drawn(shape, like, i) for i, shape in enumerate(((3, 2), (4, 2), (4,))))


def _plain(spec):
    def f(x, weight, bias):
        return functional.piecewise(torch.nn.functional.linear(x, weight, bias), spec)

    return f


OPS = [
    OpCase(
        "linear_act",
        _arguments(bias),
        ("sums", "code"),
        what,
        pointwise=False,
        strides="dense",
        least=1,
        differentiable=False,
    )
    for what, bias in (("", True), ("without bias", False))
]
FUNCTIONS = [
    FunctionCase(
        f"linear_act {name}",
        lambda x, w, b, f=f: functional.linear_act(x, w, b, f),
        _plain(f),
        _tensors,
    )
    for name, f in (("hat", _HAT), ("cubic", _CUBIC))
]
