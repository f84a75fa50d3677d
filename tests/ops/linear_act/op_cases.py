"""hatact::linear_act, a linear layer and its activation."""

import torch

from hatact import BW_RELU, HAT, RELU, PiecewisePolynomial, bspline, functional
from tests.support.op_cases import FunctionCase, OpCase, drawn

_HAT = HAT.scaled(2, 0.1)
_SPECS = {
    "hat": _HAT,
    "bw_relu": BW_RELU,
    "relu": RELU,
    "cubic": bspline(3).scaled(2, 2),
    "9 slopes": PiecewisePolynomial.from_truncated_powers(range(-4, 4), [1] * 8, 1),
}


def _arguments(bias, strided=False):
    def of(x):
        inputs = x.shape[-1]
        weight = drawn((5, inputs), x, 1, 0.0, max(inputs, 1) ** -0.5)
        b = drawn((5,), x, 2) if bias else None
        if strided:
            weight, b = weight.t().contiguous().t(), b.repeat_interleave(2)[::2]
        return x, weight, b, *_HAT.numbers

    return of


def _tensors(device):
    like = torch.zeros((), dtype=torch.float64, device=device)
    return tuple(drawn(shape, like, i) for i, shape in enumerate(((3, 2), (4, 2), (4,))))


def _function(f):
    return lambda x, weight, bias: functional.linear_act(x, weight, bias, f)


def _plain(f):
    linear = torch.nn.functional.linear
    return lambda x, weight, bias: functional.piecewise(linear(x, weight, bias), f)


OPS = [
    OpCase(
        "linear_act",
        arguments,
        ("sums", "code"),
        what,
        pointwise=False,
        strides="dense",
        least=1,
        differentiable=False,
    )
    for what, arguments in (
        ("", _arguments(True)),
        ("without bias", _arguments(False)),
        ("strided weight", _arguments(True, strided=True)),
    )
]
FUNCTIONS = [
    FunctionCase("linear_act", "linear_act", name, _function(f), _plain(f), _tensors)
    for name, f in _SPECS.items()
]
