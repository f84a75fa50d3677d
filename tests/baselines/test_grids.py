"""Interpolated grids: the formula, total variation, how they start, and what they refuse."""

import math
import re
from itertools import pairwise

import pytest
import torch

from hatact.analysis.images import pixel_grid
from hatact.baselines import Grids

np = pytest.importorskip("numpy")


def filled(side, seeds=(0, 1), outputs=1):
    """Grids of values that are no longer small, in float64."""
    grids = Grids(side, seeds, outputs).double()
    with torch.no_grad():
        grids.values.normal_()
    return grids


def by_hand(values, point):
    """Values (side, side) at one (row, column): two interpolations along rows, one between them."""
    side = len(values)
    row, column = ((min(max(c, -1), 1) + 1) / 2 * (side - 1) for c in point)
    i, j = min(int(row), side - 2), min(int(column), side - 2)
    p, q = row - i, column - j
    above = (1 - q) * values[i, j] + q * values[i, j + 1]
    below = (1 - q) * values[i + 1, j] + q * values[i + 1, j + 1]
    return (1 - p) * above + p * below


@pytest.mark.parametrize(("side", "outputs"), [(2, 1), (3, 2), (7, 1), (16, 3)])
def test_the_formula_inside_and_outside(side, outputs):
    grids = filled(side, (4, 5, 6), outputs)
    x = torch.rand(3, 60, 2, dtype=torch.float64) * 3 - 1.5
    x[:, :4] = torch.tensor([[-1, 1], [1, 1], [math.inf, 0.3], [-0.2, -math.inf]])
    y = grids(x)
    assert y.shape == (3, 60, outputs)
    values = grids.values.detach().numpy()
    for s in range(3):
        expected = [[by_hand(v, point) for v in values[s]] for point in x[s].numpy()]
        np.testing.assert_allclose(y[s].detach().numpy(), expected, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(grids(x[s])[s], y[s])  # points that all share


def test_nan_is_taken_as_minus_1():
    grids, nan = filled(4), math.nan
    y = grids(torch.tensor([[nan, 0.4], [0.2, nan]], dtype=torch.float64))
    torch.testing.assert_close(y, grids(torch.tensor([[-1, 0.4], [0.2, -1]], dtype=torch.float64)))


@pytest.mark.parametrize("side", [2, 5, 64])
def test_at_its_points_it_has_its_values(side):
    """In the order of an image's pixels: rows from above, columns from the left."""
    grids = filled(side, outputs=2)
    x, _ = pixel_grid(side)
    expected = grids.values.flatten(2).mT
    torch.testing.assert_close(grids(x.double()), expected, rtol=1e-5, atol=1e-5)
    axis = torch.linspace(-1, 1, side, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    torch.testing.assert_close(grids(x), expected, rtol=1e-12, atol=1e-12)


def linear(side):
    """Two grids of linear functions 3 + 2·row − column and −1 + 4·column."""
    grids, axis = Grids(side, (0, 1)).double(), torch.linspace(-1, 1, side, dtype=torch.float64)
    row, column = torch.meshgrid(axis, axis, indexing="ij")
    with torch.no_grad():
        grids.values.copy_(torch.stack([3 + 2 * row - column, 4 * column - 1])[:, None])
    return grids


@pytest.mark.parametrize("side", [2, 3, 17])
def test_linear_functions_are_reproduced(side):
    x = torch.rand(50, 2, dtype=torch.float64) * 2 - 1
    expected = torch.stack([3 + 2 * x[:, 0] - x[:, 1], 4 * x[:, 1] - 1])[..., None]
    torch.testing.assert_close(linear(side)(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("side", [2, 3, 17])
def test_the_total_variation_of_a_linear_function_is_its_slope(side):
    expected = torch.tensor([math.sqrt(5), 4], dtype=torch.float64)
    torch.testing.assert_close(linear(side).total_variation(), expected)


@pytest.mark.parametrize(("side", "outputs"), [(2, 1), (3, 2), (9, 3)])
def test_the_total_variation(side, outputs):
    grids = filled(side, (0, 1, 2), outputs)
    values, h = grids.values.detach().numpy(), 2 / (side - 1)
    expected = np.zeros(3)
    for s in range(3):
        for v in values[s]:
            for i in range(side - 1):
                for j in range(side - 1):
                    down, right = v[i + 1, j] - v[i, j], v[i, j + 1] - v[i, j]
                    expected[s] += np.sqrt(down**2 + right**2) / h
    expected /= outputs * (side - 1) ** 2
    np.testing.assert_allclose(grids.total_variation().detach().numpy(), expected, rtol=1e-12)


def test_gradients_also_of_a_constant_grid():
    grids = filled(4, outputs=2)
    x = (torch.rand(5, 2, dtype=torch.float64) * 1.8 - 0.9).requires_grad_()

    def call(values, x):
        y = torch.func.functional_call(grids, {"values": values}, (x,))
        return y, torch.func.functional_call(Variation(grids), {"grids.values": values}, ())

    assert torch.autograd.gradcheck(call, (grids.values, x))
    with torch.no_grad():
        grids.values.fill_(0.7)
    variation = grids.total_variation()
    assert variation.tolist() == [0, 0]
    variation.sum().backward()
    assert not grids.values.grad.any()  # NaN is some


class Variation(torch.nn.Module):
    """Total variation as a module's call."""

    def __init__(self, grids):
        super().__init__()
        self.grids = grids

    def forward(self):
        return self.grids.total_variation()


def test_it_starts_from_small_values_of_its_seed_alone():
    state = torch.get_rng_state()
    several, alone = Grids(40, (4, 7, 4), 2), Grids(40, (7,), 2)
    assert torch.equal(torch.get_rng_state(), state)
    assert {name: tuple(p.shape) for name, p in several.named_parameters()} == {
        "values": (3, 2, 40, 40)
    }
    largest = several.values.detach().abs().amax((2, 3))
    assert (largest <= 0.01).all()
    assert (largest >= 0.009).all()
    assert float(several.values.detach().mean()) == pytest.approx(0, abs=5e-4)
    assert torch.equal(several.values[1], alone.values[0])
    assert torch.equal(several.values[0], several.values[2])
    assert not torch.equal(several.values[0], several.values[1])
    x = torch.rand(9, 2)
    torch.testing.assert_close(several(x)[1:2], alone(x))


@pytest.mark.parametrize("sizes", [(2, 128, 128, 128, 1), (2, 64, 64, 3), (2, 5, 1), (2, 9, 7)])
def test_as_many_parameters_as_a_network(sizes):
    network = sum((a + 1) * b for a, b in pairwise(sizes))
    grids, outputs = Grids.of_parameters(sizes, (0, 3)), sizes[-1]
    side = grids.values.shape[-1]
    assert grids.values.shape == (2, outputs, side, side)
    assert outputs * side**2 <= network < outputs * (side + 1) ** 2
    assert torch.equal(grids.values, Grids(side, (0, 3), outputs).values)


def test_it_learns_and_goes_to_a_device():
    grids, x = Grids(5, (0, 1)), pixel_grid(16)[0]
    optimiser = torch.optim.Adam(grids.parameters(), lr=0.1, fused=True)
    losses = []
    for _ in range(100):
        loss = (grids(x) - x.prod(1, keepdim=True)).square().mean((1, 2))
        losses.append(float(loss.detach().max()))
        optimiser.zero_grad()
        (loss + 1e-6 * grids.total_variation()).sum().backward()
        optimiser.step()
    assert losses[-1] < losses[0] / 100
    assert grids.to("meta")(x.to("meta")).shape == (2, 256, 1)


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        ((1, (0,)), "side 1, 1 outputs and seeds (0,)"),
        ((-3, (0,)), "side -3, 1 outputs and seeds (0,)"),
        ((4, (0,), 0), "side 4, 0 outputs and seeds (0,)"),
        ((4, ()), "side 4, 1 outputs and seeds ()"),
    ],
)
def test_bad_input(arguments, got):
    message = f"grids need a side of at least 2, an output and a seed; got {got}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Grids(*arguments)


@pytest.mark.parametrize("sizes", [(), (2,), (3, 4, 1), (2, 0, 1), (2, 4, 0)])
def test_bad_sizes(sizes):
    message = f"two or more, the first of them 2, each at least 1; got {sizes}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Grids.of_parameters(sizes, (0,))


def test_a_network_too_small_and_no_seed():
    with pytest.raises(ValueError, match="side of at least 2, an output and a seed; got side 1"):
        Grids.of_parameters((2, 1), (0,))
    with pytest.raises(ValueError, match=re.escape("seed; got side 4, 1 outputs and seeds ()")):
        Grids.of_parameters((2, 5, 1), ())
