"""hatact::mlp_forward and mlp_backward, whole networks."""

from itertools import pairwise

import torch

from hatact import BW_RELU, HAT, bspline, functional
from tests.support.op_cases import FunctionCase, OpCase, drawn

_CUBIC = bspline(3).scaled(2, 2)  # two continuous derivatives: no point lies beside a kink
_SPECS = {"hat": HAT.scaled(2, 0.1), "bw_relu": BW_RELU, "cubic": _CUBIC}
_HIDDEN, _OUTPUTS = 20, 3


def _parameters(x, hidden=_HIDDEN, depth=3):
    sides = [x.shape[-1], *[hidden] * (depth - 1), _OUTPUTS]
    weights = [
        drawn((n, m), x, 2 * i, 0.0, max(m, 1) ** -0.5) for i, (m, n) in enumerate(pairwise(sides))
    ]
    return weights, [drawn((len(w),), x, 2 * i + 1) for i, w in enumerate(weights)]


def _forward(keep, bias=True):
    def of(x):
        weights, biases = _parameters(x)
        return x, weights, biases if bias else [], *_CUBIC.numbers, keep

    return of


def _backward(bias):
    def of(x):
        weights, biases = _parameters(x)
        biases = biases if bias else []
        knots, coeffs, period = _CUBIC.numbers
        forward = torch.ops.hatact.mlp_forward
        _, kept = forward(x.detach(), weights, biases, knots, coeffs, period, True)
        g = drawn((*x.shape[:-1], _OUTPUTS), x, 9)
        slopes = _CUBIC.derivative().numbers[1]
        return g, x, weights, biases, kept, knots, coeffs, slopes, period, True, True

    return of


def _tensors(device):
    like = torch.zeros((), dtype=torch.float64, device=device)
    weights, biases = _parameters(drawn((3, 2), like, 7), 16)
    return drawn((3, 2), like, 7), *weights, *biases


def _function(f):
    return lambda x, *parameters: functional.mlp(x, parameters[:3], parameters[3:], f)


def _plain(f):
    def layers(x, *parameters):
        for w, b in zip(parameters[:2], parameters[3:5], strict=True):
            x = functional.piecewise(torch.nn.functional.linear(x, w, b), f)
        return torch.nn.functional.linear(x, parameters[2], parameters[5])

    return layers


_COMMON = {"pointwise": False, "strides": "dense", "least": 1}
OPS = [
    OpCase("mlp_forward", _forward(True), ("sums",), **_COMMON),
    OpCase("mlp_forward", _forward(False), ("sums",), "of inference", **_COMMON),
    OpCase("mlp_forward", _forward(True, False), ("sums",), "without biases", **_COMMON),
    *(
        OpCase(
            "mlp_backward",
            _backward(bias),
            ("sums",),
            what,
            main=1,
            differentiable=False,
            **_COMMON,
        )
        for what, bias in (("", True), ("without biases", False))
    ),
]
FUNCTIONS = [
    FunctionCase("mlp", "mlp_forward", name, _function(f), _plain(f), _tensors)
    for name, f in _SPECS.items()
]
