"""analysis.linear_regions: against the cascade's own count, by hand, and what it refuses."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

import hatact.cascade
from hatact.analysis import linear_regions
from hatact.nn import TriangleCascade


def network(*layers):
    """Sequential from (weight, bias) pairs, with a ReLU between them."""
    parts = []
    for weight, bias in layers:
        layer = nn.Linear(len(weight[0]), len(weight), dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.copy_(torch.tensor(bias))
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


HAT = network(([[1], [1], [1]], [0, -0.5, -1]), ([[2, -4, 2]], [0]))
UNDONE = network(([[1], [-1]], [-0.5, 0.5]), ([[1, -1]], [0]))  # relu(z) − relu(−z) = z


@pytest.mark.parametrize("depth", range(1, 7))
@pytest.mark.parametrize("scales", ["theorem", "free"])
def test_it_finds_the_cascades_regions(depth, scales):
    """The network's weights are rounded: beside a knot lies at times a region 1e-16 wide."""
    torch.manual_seed(depth)
    cascade = TriangleCascade(depth, 1, scales, dtype=torch.float64)
    assert cascade.regions() == [2**depth]
    net = cascade.to_relu().to_sequential()
    knots = [float(x) for x in hatact.cascade.knots(cascade.peaks[0].tolist())]
    assert len(knots) == 2**depth + 1
    for a, b in pairwise(knots):
        assert linear_regions(net, a + 1e-9, b - 1e-9) == 1
    for x in knots[1:-1]:
        assert linear_regions(net, x - 1e-9, x + 1e-9) >= 2
    assert 2**depth <= linear_regions(net) < 2 * 2**depth


@pytest.mark.parametrize("depth", range(1, 7))
def test_it_is_exact_where_the_weights_are(depth):
    peaks = torch.full((1, depth + 1), 0.5)
    cascade = TriangleCascade(depth, peaks=peaks, dtype=torch.float64)
    with torch.no_grad():
        cascade.log_scales.fill_(math.log(0.25))
    assert cascade.regions() == [2**depth]
    assert linear_regions(cascade.to_relu().to_sequential()) == 2**depth


@pytest.mark.parametrize(
    ("net", "low", "high", "count"),
    [
        (network(([[3.0]], [1.0])), 0, 1, 1),
        (HAT, 0, 1, 2),
        (HAT, -1, 2, 4),
        (HAT, -1, 0, 1),
        (HAT, 0.5, 1, 1),
        (HAT, 0.25, 0.75, 2),
        (UNDONE, 0, 1, 1),
        (network(([[1]], [0]), ([[-1]], [0.25]), ([[1]], [0])), 0, 1, 2),
        (network(([[1]], [-2]), ([[1]], [0])), 0, 1, 1),  # dead
        (network(([[0]], [1]), ([[1]], [0])), 0, 1, 1),  # constant
        (nn.Sequential(), 0, 1, 1),
        (nn.Sequential(nn.ReLU()), -1, 1, 2),
        (nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU()), -1, 1, 2),
    ],
)
def test_by_hand(net, low, high, count):
    assert linear_regions(net, low, high) == count


def test_a_region_too_small_for_a_grid():
    tiny = 2.0**-60
    net = network(([[1], [1], [1]], [0, -tiny, -2 * tiny]), ([[1, -2, 1]], [0]))
    assert linear_regions(net) == 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_parameters_of_other_dtypes_are_taken_exactly(dtype):
    assert linear_regions(HAT.to(dtype)) == 2
    HAT.double()


def test_against_a_fine_grid():
    torch.manual_seed(1)
    width = [1, 6, 6, 1]
    net = nn.Sequential(*(m for a, b in pairwise(width) for m in (nn.Linear(a, b), nn.ReLU())))[
        :-1
    ].double()
    x = torch.linspace(0, 1, 200_001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        kinks = net(x)[:, 0].diff().diff().abs() > 1e-12
    kinks = int((kinks[1:] & ~kinks[:-1]).sum()) + int(kinks[0])  # a kink shows at one or two
    assert linear_regions(net) == 1 + kinks > 2


@pytest.mark.parametrize(
    ("net", "ends", "why"),
    [
        (nn.Linear(1, 1), (0, 1), "must be a torch.nn.Sequential; got Linear"),
        (nn.Sequential(nn.Linear(2, 1)), (0, 1), "module 0 must have 1 inputs; got 2"),
        (nn.Sequential(nn.Linear(1, 2)), (0, 1), "one output; got 2"),
        (nn.Sequential(nn.Linear(1, 3), nn.Linear(2, 1)), (0, 1), "module 1 must have 3 inputs"),
        (nn.Sequential(nn.Linear(1, 1), nn.Tanh()), (0, 1), "Linear or ReLU; got Tanh"),
        (network(([[math.nan]], [0])), (0, 1), "must be finite; those of module 0"),
        (network(([[1]], [math.inf])), (0, 1), "must be finite"),
        (HAT, (1, 1), "low < high must be finite; got 1, 1"),
        (HAT, (1, 0), "got 1, 0"),
        (HAT, (0, math.inf), "got 0, inf"),
        (HAT, (math.nan, 1), "got nan, 1"),
    ],
)
def test_bad_input(net, ends, why):
    with pytest.raises(ValueError, match=why):
        linear_regions(net, *ends)
