"""hatact::mlp_forward and mlp_backward, whole networks."""

from itertools import pairwise

import torch

from hatact import bspline, functional
from tests.support.op_cases import FunctionCase, OpCase, drawn

_CUBIC = bspline(3).scaled(2, 2)  # two continuous derivatives: no point lies beside a kink
_HIDDEN, _OUTPUTS = 20, 3


def _parameters(x, hidden=_HIDDEN, depth=3):
    sides = [x.shape[-1], *[hidden] * (depth - 1), _OUTPUTS]
    weights = [
        drawn((n, m), x, 2 * i, 0.0, max(m, 1) ** -0.5) for i, (m, n) in enumerate(pairwise(sides))
    ]
    return weights, [drawn((len(w),), x, 2 * i + 1) for i, w in enumerate(weights)]


def _forward(keep):
    return lambda x: (x, *_parameters(x), *_CUBIC.numbers, keep)


def _backward(x):
    parameters = _parameters(x)
    knots, coeffs, period = _CUBIC.numbers
    _, kept = torch.ops.hatact.mlp_forward(x.detach(), *parameters, knots, coeffs, period, True)
    g = drawn((*x.shape[:-1], _OUTPUTS), x, 9)
    slopes = _CUBIC.derivative().numbers[1]
    return g, x, *parameters, kept, knots, coeffs, slopes, period, True, True


def _tensors(device):
    like = torch.zeros((), dtype=torch.float64, device=device)
    x = drawn((3, 2), like, 7)
    weights, biases = _parameters(x, 16)
    return x, *weights, *biases


def _function(x, *parameters):
    return functional.mlp(x, parameters[:3], parameters[3:], _CUBIC)


def _plain(x, *parameters):
    for w, b in zip(parameters[:2], parameters[3:5], strict=True):
        x = functional.piecewise(torch.nn.functional.linear(x, w, b), _CUBIC)
    return torch.nn.functional.linear(x, parameters[2], parameters[5])


_COMMON = {"pointwise": False, "strides": "dense", "least": 1}
OPS = [
    OpCase("mlp_forward", _forward(True), ("sums",), **_COMMON),
    OpCase("mlp_forward", _forward(False), ("sums",), "of inference", **_COMMON),
    OpCase("mlp_backward", _backward, ("sums",), main=1, differentiable=False, **_COMMON),
]
FUNCTIONS = [FunctionCase("mlp", _function, _plain, _tensors)]
