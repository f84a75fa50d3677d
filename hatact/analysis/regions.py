"""The linear regions of a ReLU network of one input, counted exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from torch import nn

Line = tuple[Fraction, Fraction]
Part = tuple[Fraction, list[Line]]


def linear_regions(network: nn.Sequential, low: float = 0.0, high: float = 1.0) -> int:
    """The number of maximal intervals of [low, high] on which the network is linear.

    By composition, layer by layer: on every interval found so far each neuron is a line
    m·x + c, and its ReLU cuts the interval at −c/m. Exact, with the parameters as they are as
    fractions, so that no region is too small; not on a grid. Breakpoints that later layers undo
    are not counted. The slivers that rounding a weight leaves between two pieces are regions, and
    are counted.

    Args:
        network: of `torch.nn.Linear` and `torch.nn.ReLU`, with one input and one output.
        low, high: ends of the interval.

    Cost: the number of regions × the number of weights, some microseconds each.

    Raises:
        ValueError: for another module, sizes that do not follow each other, more than one input or
            output, a parameter that is not finite, or unless low < high, both finite.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"low < high must be finite; got {low}, {high}")
    modules = _checked(network)
    end = Fraction(high)
    parts: list[Part] = [(Fraction(low), [(Fraction(1), Fraction(0))])]
    for module in modules:
        if isinstance(module, nn.Linear):
            layer = _exact(module)
            parts = [
                (x, [_combined(row, bias, lines) for row, bias in layer]) for x, lines in parts
            ]
        else:
            ends = [x for x, _ in parts[1:]] + [end]
            parts = [p for part, to in zip(parts, ends, strict=True) for p in _cut(part, to)]
    slopes = [lines[0][0] for _, lines in parts]
    return 1 + sum(a != b for a, b in pairwise(slopes))


def _checked(network: nn.Sequential) -> list[nn.Module]:
    if not isinstance(network, nn.Sequential):
        raise ValueError(f"the network must be a torch.nn.Sequential; got {type(network).__name__}")
    modules, width = list(network), 1
    for i, module in enumerate(modules):
        if isinstance(module, nn.Linear):
            if module.in_features != width:
                raise ValueError(f"module {i} must have {width} inputs; got {module.in_features}")
            if not all(bool(p.isfinite().all()) for p in module.parameters()):
                raise ValueError(f"parameters must be finite; those of module {i} are not")
            width = module.out_features
        elif not isinstance(module, nn.ReLU):
            raise ValueError(f"modules must be Linear or ReLU; got {type(module).__name__}")
    if width != 1:
        raise ValueError(f"the network must have one output; got {width}")
    return modules


def _exact(layer: nn.Linear) -> list[tuple[list[Fraction], Fraction]]:
    weight = layer.weight.detach().double().tolist()
    bias = [0.0] * len(weight) if layer.bias is None else layer.bias.detach().double().tolist()
    return [([Fraction(w) for w in row], Fraction(b)) for row, b in zip(weight, bias, strict=True)]


def _combined(row: Sequence[Fraction], bias: Fraction, lines: Sequence[Line]) -> Line:
    pairs = [(w, line) for w, line in zip(row, lines, strict=True) if w]
    slope = sum((w * m for w, (m, _) in pairs), Fraction(0))
    return slope, sum((w * c for w, (_, c) in pairs), bias)


def _cut(part: Part, end: Fraction) -> list[Part]:
    """The part where no line changes its sign inside, and lines that are negative there are 0."""
    start, lines = part
    roots = {-c / m for m, c in lines if m}
    points = [start, *sorted(r for r in roots if start < r < end), end]
    return [
        (x, [(m, c) if m * (x + after) + 2 * c > 0 else (Fraction(0),) * 2 for m, c in lines])
        for x, after in pairwise(points)
    ]
