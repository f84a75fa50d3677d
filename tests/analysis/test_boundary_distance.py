"""boundary_distance against distances by hand, in fractions, and against patterns nearby."""

import math
import random
from fractions import Fraction

import pytest
import torch
from torch import nn

import hatact
from hatact.analysis import activation_patterns, boundary_distance
from hatact.nn import (
    Hat,
    PeriodicReLU,
    Piecewise,
    PositionalEncoding,
    TriangleCascade,
    TriangleWave,
)
from tests.support.line_networks import between, drawn, jumping, linear, of, relu_layer

HAT, BW = hatact.HAT, hatact.BW_RELU
WAVE, PERIODIC = TriangleWave().spec, PeriodicReLU().spec
SPECS = [HAT.scaled(3), HAT, BW, BW.scaled(2.3), hatact.RELU, WAVE, PERIODIC]


def nearest(spec, z):
    """|z − t| of the nearest knot, in fractions."""
    z, knots = Fraction(z), [Fraction(k) for k in spec.numbers[0]]
    if spec.period is None:
        return float(min(abs(z - k) for k in knots))
    period = Fraction(spec.numbers[2])
    middle = round((z - knots[0]) / period)
    turns = range(middle - 2, middle + 3)
    return float(min(abs(z - k - turn * period) for k in knots for turn in turns))


def by_hand(layers, specs, x):
    """One layer and unit at a time; f by the spec."""
    found = []
    for h in x.tolist():
        found.append([])
        for (weight, bias), spec in zip(layers, specs, strict=True):
            z = [
                sum((Fraction(w) * Fraction(v) for w, v in zip(row, h, strict=True)), Fraction(c))
                for row, c in zip(weight.tolist(), bias.tolist(), strict=True)
            ]
            norms = [math.hypot(*row) for row in weight.tolist()]
            apart = [nearest(spec, v) / n if n else math.inf for v, n in zip(z, norms, strict=True)]
            found[-1].append(min(apart))
            h = [float(spec(v)) for v in z]
    return of(*found)


@pytest.mark.parametrize("spec", [*SPECS, hatact.bspline(3), hatact.bspline(0)])
def test_distances_by_hand(spec):
    layers = drawn(random.Random(0), inputs=3, depth=3, width=4)
    layers[1][0][2] = 0  # has no boundary
    x = 2 * torch.randn(12, 3, dtype=torch.float64)
    specs = [spec, spec, HAT]
    distances = boundary_distance(between(layers, specs), x)
    assert distances.dtype == torch.float64
    torch.testing.assert_close(distances, by_hand(layers, specs, x), rtol=1e-10, atol=1e-11)


def test_distances_of_random_specs():
    for seed in range(20):
        rng = random.Random(seed)
        spec = jumping(rng)
        layers = drawn(rng, depth=1)
        x = 3 * torch.randn(6, 2, dtype=torch.float64)
        found = boundary_distance(between(layers, [spec]), x)
        torch.testing.assert_close(found, by_hand(layers, [spec], x), rtol=1e-10, atol=1e-11)


def test_units_without_a_boundary_are_infinitely_far():
    model = nn.Sequential(linear([[0.0, 0], [0, 0]], [0.0, 3]), Hat())
    assert boundary_distance(model, torch.rand(3, 2)).tolist() == [[math.inf]] * 3
    model = nn.Sequential(linear([[0.0, 0], [3, 4]], [0.0, 0]), nn.ReLU())
    torch.testing.assert_close(boundary_distance(model, of([3, 4], [-3, -4])), of([5], [5]))


def test_without_a_layer_the_units_are_the_coordinates():
    x = of([0.25, 1.9], [0.75, -4])
    torch.testing.assert_close(boundary_distance(Hat(), x), of([0.1], [0.25]))
    cascade = TriangleCascade(1, 2, peaks=[[0.5, 0.5], [0.25, 0.5]]).double()
    x = of([0.4, 0.9], [0.75, 0.4])
    torch.testing.assert_close(boundary_distance(cascade, x), of([0.1], [0.15]), rtol=0, atol=1e-7)


def test_an_encoding_is_read_by_the_first_layer():
    encoding = PositionalEncoding(2, 3)
    layers = drawn(random.Random(0), inputs=14, depth=2)
    x = torch.rand(5, 2, dtype=torch.float64)
    model = nn.Sequential(encoding, *between(layers, [HAT, HAT]))
    expected = by_hand(layers, [HAT, HAT], encoding(x))
    torch.testing.assert_close(boundary_distance(model, x), expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("spec", [HAT, BW.scaled(2), hatact.RELU, WAVE, PERIODIC])
def test_the_first_boundary_is_so_far_away(spec):
    """Along the normal of the nearest hyperplane, and in no other direction nearer."""
    layer = linear(torch.randn(5, 3, dtype=torch.float64), torch.randn(5, dtype=torch.float64))
    model = nn.Sequential(layer, Piecewise(spec))
    x = torch.randn(20, 3, dtype=torch.float64)
    distance = boundary_distance(model, x)
    patterns = activation_patterns(model, x)
    normals = layer.weight.detach() / layer.weight.detach().norm(dim=1, keepdim=True)
    directions = torch.cat(
        [normals, -normals, nn.functional.normalize(torch.randn(40, 3)).double()]
    )

    def moved(share):
        """Whether the pattern changes; (points, directions)."""
        at = x[:, None] + share * distance[:, :, None] * directions
        found = activation_patterns(model, at.flatten(0, 1)).reshape(len(x), len(directions), -1)
        return (found != patterns[:, None]).any(-1)

    assert not bool(moved(1 - 1e-6).any())
    assert bool(moved(1 + 1e-6).any(1).all())


def test_no_points_and_bad_points():
    model = nn.Sequential(nn.Linear(2, 3), Hat(), nn.Linear(3, 3), nn.ReLU())
    assert boundary_distance(model, torch.rand(0, 2)).shape == (0, 2)
    for x, shape in [(torch.rand(2), r"\(2,\)"), (torch.rand(1, 2, 2), r"\(1, 2, 2\)")]:
        with pytest.raises(
            ValueError, match=rf"points must be finite, \(n, in\); got shape {shape}"
        ):
            boundary_distance(model, x)
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match=r"points must be finite, \(n, in\)"):
            boundary_distance(model, of([1, value]))
    with pytest.raises(ValueError, match="as many numbers as the next layer takes, 2; got 3"):
        boundary_distance(model, torch.rand(4, 3))


def test_distances_of_huge_and_tiny_weights():
    x = torch.tensor([[1.0, 1.0]])
    for size in (1e200, 1.0, 1e-200):
        model = relu_layer([[size, size]], [0.0])
        assert float(boundary_distance(model, x)) == pytest.approx(math.sqrt(2))
