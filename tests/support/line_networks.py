"""Networks of given and of drawn layers in float64, for what is asked of segments and points."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from hatact.nn import Piecewise
from tests.support.random_specs import random_spec

MODERATE = ("few cells", "skipping", "every cell", "uneven", "fractions", "many")
"""Kinds of random specs whose numbers are neither tiny nor huge."""


def of(*numbers):
    """In float64."""
    return torch.tensor(numbers, dtype=torch.float64)


def linear(weight, bias=None):
    """The layer of these numbers, of any size that float64 has."""
    layer = nn.Linear(len(weight[0]), len(weight), dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight, dtype=torch.float64))
        layer.bias.zero_()
        if bias is not None:
            layer.bias.copy_(torch.as_tensor(bias, dtype=torch.float64))
    return layer


def between(layers, specs):
    """Each (weight, bias) and a spec after it."""
    parts = []
    for (weight, bias), spec in zip(layers, specs, strict=True):
        parts += [linear(weight, bias), Piecewise(spec)]
    return nn.Sequential(*parts)


def drawn(rng, inputs=2, depth=None, width=None):
    """(weight, bias) of every layer."""
    widths = [inputs] + [width or rng.randint(3, 5) for _ in range(depth or rng.randint(2, 4))]
    return [
        (torch.randn(n, m, dtype=torch.float64), torch.randn(n, dtype=torch.float64) / 2)
        for m, n in pairwise(widths)
    ]


def relu_layer(weight, bias):
    """One layer of ReLUs."""
    return nn.Sequential(linear(weight, bias), nn.ReLU())


def jumping(rng):
    """A random spec of degree 0 or 1, with jumps or without."""
    while True:
        kind, spec = random_spec(rng)
        if kind in MODERATE and spec.degree < 2 and max(map(abs, spec.numbers[1])) < 100:
            return spec
