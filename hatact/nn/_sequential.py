"""A `torch.nn.Sequential` of linear layers and one activation, taken apart."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from hatact._named import same
from hatact.activations.leaky_relu import leaky_relu
from hatact.activations.relu import RELU
from hatact.nn._hooks import has_hooks
from hatact.nn.activations import Piecewise
from hatact.spec import PiecewisePolynomial

_FORM = "Sequential(Linear, activation, Linear, …, Linear)"


def taken_apart(net: nn.Sequential) -> tuple[list[nn.Linear], PiecewisePolynomial]:
    """The linear layers and the activation between them.

    Raises:
        ValueError: see :meth:`hatact.nn.MLP.from_sequential`.
    """
    if not isinstance(net, nn.Sequential) or type(net).forward is not nn.Sequential.forward:
        raise ValueError(
            f"the network must be a torch.nn.Sequential, with its own forward; got "
            f"{type(net).__name__}: write {_FORM}"
        )
    if has_hooks(net):
        raise ValueError(
            "the Sequential must have no hooks, which an MLP would not call; got some: remove "
            "them, and give them to the MLP"
        )
    layers: list[nn.Linear] = []
    specs: list[PiecewisePolynomial] = []
    for i, module in enumerate(net):
        if i % 2:
            specs.append(_spec_of(module, i))
        elif isinstance(module, nn.Linear) and is_lazy(module.weight):
            raise ValueError(
                f"linear layers must have their sizes; got a {type(module).__name__} at {i} that "
                "has seen no input: write net(x) once before"
            )
        elif isinstance(module, nn.Linear):
            layers.append(module)
        else:
            raise _wrong(i, module, "a torch.nn.Linear")
    if len(layers) < 2 or len(layers) != len(specs) + 1:
        raise ValueError(
            "the network must have an activation between every two linear layers, at least one, "
            f"and none after the last; got {len(layers)} linear layers and {len(specs)} "
            f"activations: write {_FORM}"
        )
    for i, spec in enumerate(specs):
        if not same(spec, specs[0]):
            raise ValueError(
                "the network must have one activation throughout, as an MLP has; got "
                f"{specs[0]!r} at 1 and {spec!r} at {2 * i + 1}: keep this one a Sequential"
            )
    width = layers[0].out_features
    for i, layer in enumerate(layers[1:-1], 1):
        if (layer.in_features, layer.out_features) != (width, width):
            raise _of_width(width, 2 * i, layer)
    if layers[-1].in_features != width:
        raise _of_width(width, 2 * len(specs), layers[-1])
    return layers, specs[0]


def _spec_of(module: nn.Module, i: int) -> PiecewisePolynomial:
    if isinstance(module, Piecewise):
        return module.as_spec()
    if has_hooks(module):
        raise ValueError(
            f"an activation must have no hooks, which an MLP would not call; got some at {i} of "
            "the Sequential: remove them"
        )
    kind = type(module)
    of: Any = module
    if kind is nn.ReLU:
        return RELU
    if kind is nn.LeakyReLU:
        return leaky_relu() if of.negative_slope == 0.01 else leaky_relu(of.negative_slope)
    if kind in (nn.Hardtanh, nn.ReLU6):
        low, high = of.min_val, of.max_val
        return PiecewisePolynomial((low, high), ((low,), (1, low), (high,)))
    raise _wrong(i, module, "an activation of hatact.nn, or a torch.nn.ReLU, LeakyReLU, Hardtanh")


def _wrong(i: int, module: nn.Module, wanted: str) -> ValueError:
    return ValueError(
        f"module {i} of the Sequential must be {wanted}; got {type(module).__name__}: write {_FORM}"
    )


def _of_width(width: int, i: int, layer: nn.Linear) -> ValueError:
    return ValueError(
        f"all hidden layers must have the width of the first, {width}; got "
        f"{layer.in_features} to {layer.out_features} at {i}: keep this one a Sequential"
    )
