"""Functions along directions: the formula, its unit interval, and what it refuses."""

import math

import pytest
import torch

from hatact.baselines import Projected, ReLUNets
from hatact.nn import TriangleCascade


class Same(torch.nn.Module):
    def forward(self, p):
        assert p.min() >= 0
        assert p.max() <= 1
        return p


def test_projections_stay_in_the_unit_interval():
    x = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]])
    directions = torch.tensor([[[3.0, 3.0], [0.0, -2.0]]])
    y = Projected(Same(), directions, (1, -1))(x)
    half = 0.5 / math.sqrt(2)
    expected = [1 - (0.5 - half), 0 - (0.5 + half), 0.5 - 0.5]
    torch.testing.assert_close(y[:, 0], torch.tensor(expected))


def test_beyond_the_box_the_nearer_end_is_read():
    model = Projected(Same(), torch.ones(1, 1, 1), (2,))
    assert model(torch.tensor([[-9.0], [0.5], [9.0]]))[:, 0].tolist() == [0, 1.5, 2]


def test_the_affine_part():
    model = Projected(Same(), torch.eye(2)[None], (0, 0))
    with torch.no_grad():
        model.constant.fill_(5)
        model.linear.copy_(torch.tensor([[2.0, -3.0]]))
    assert model(torch.tensor([[0.5, 1.0]])).tolist() == [[3.0]]


def test_a_difference_of_cascades_is_one_of_their_outputs():
    inner = TriangleCascade(5, 2)
    model = Projected(inner, torch.ones(1, 2, 1), (1, -1))
    x = torch.linspace(-1, 1, 9)[:, None]
    f = inner((x + 1).expand(-1, 2) / 2)
    torch.testing.assert_close(model(x)[:, 0], f[:, 0] - f[:, 1])


def test_each_sum_has_its_own_functions():
    inner = ReLUNets.drawn((1, 4, 1), range(6), "pytorch")
    directions = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    x = torch.rand(7, 4) * 2 - 1
    y = Projected(inner, directions, (1, -1, 2))(x)
    for s in range(2):
        own = ReLUNets.drawn((1, 4, 1), range(3 * s, 3 * s + 3), "pytorch")
        alone = Projected(own, directions[s : s + 1], (1, -1, 2))(x)
        torch.testing.assert_close(y[:, s : s + 1], alone)


@pytest.mark.parametrize(
    ("directions", "why"),
    [
        (torch.ones(2, 3), r"shape \(S, 2, D\), a weight each; got \(2, 3\)"),
        (torch.ones(1, 3, 2), r"got \(1, 3, 2\)"),
        (torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]), r"no direction may be 0; got .*\[0.0, 0.0\]"),
    ],
)
def test_bad_directions(directions, why):
    with pytest.raises(ValueError, match=why):
        Projected(Same(), directions, (1, -1))


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 2, 1)])
def test_bad_points(shape):
    with pytest.raises(ValueError, match=r"x must have shape \(N, 2\); got"):
        Projected(Same(), torch.ones(1, 1, 2), (1,))(torch.zeros(shape))
