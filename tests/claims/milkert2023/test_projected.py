"""milkert2023: cascades of projections of several inputs, and their differences."""

import math

import pytest
import torch

from hatact.claims.milkert2023 import _projected
from hatact.nn import TriangleCascade
from tests.support.labs import quiet


def test_projections_stay_in_the_unit_interval():
    class Same(torch.nn.Module):
        def forward(self, p):
            assert p.min() >= 0
            assert p.max() <= 1
            return p

    x = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]])
    directions = torch.tensor([[[3.0, 3.0], [0.0, -2.0]]])
    y = _projected.Projected(Same(), directions, (1, -1))(x)
    half = 0.5 / math.sqrt(2)
    expected = [1 - (0.5 - half), 0 - (0.5 + half), 0.5 - 0.5]
    torch.testing.assert_close(y[:, 0], torch.tensor(expected))


@pytest.mark.parametrize("problem", _projected.PROBLEMS)
def test_projected_cascades_learn(problem):
    before, after = (
        _projected.train(problem, True, steps, (0, 1), "cpu", quiet) for steps in (1, 60)
    )
    for a, b in zip(before, after, strict=True):
        assert b["trained"] < a["trained"] / 2


def test_a_difference_of_cascades_is_one_of_their_outputs():
    inner = TriangleCascade(5, 2)
    model = _projected.Projected(inner, torch.ones(1, 2, 1), (1, -1))
    x = torch.linspace(-1, 1, 9)[:, None]
    f = inner((x + 1).expand(-1, 2) / 2)
    torch.testing.assert_close(model(x)[:, 0], f[:, 0] - f[:, 1])
