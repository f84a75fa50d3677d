"""A line plus or minus a function: the formula, what trains, and what it refuses."""

import pytest
import torch

from hatact.baselines import ReadOut


class Square(torch.nn.Module):
    def forward(self, x):
        return x**2


def test_a_line_plus_or_minus_the_function():
    model = ReadOut(Square(), torch.tensor([1.0, -1.0]))
    x = torch.tensor([[0.5, 0.5], [-2.0, 3.0]])
    assert model(x).tolist() == [[0.75, 0.25], [2.0, -6.0]]
    with torch.no_grad():
        model.line.copy_(torch.tensor([[10.0, 20.0], [2.0, 3.0]]))
    assert model(x).tolist() == [[11.25, 21.25], [10.0, 20.0]]


def test_the_line_trains_and_the_signs_move_along():
    model = ReadOut(Square(), torch.tensor([1.0, -1.0])).double()
    assert [name for name, _ in model.named_parameters()] == ["line"]
    model(torch.full((1, 2), 3.0, dtype=torch.float64)).sum().backward()
    assert model.line.grad.tolist() == [[1.0, 1.0], [3.0, 3.0]]


@pytest.mark.parametrize("signs", [torch.ones(2, 1), torch.tensor(1.0), torch.tensor([1, -1])])
def test_bad_signs(signs):
    with pytest.raises(ValueError, match=r"signs must be floating, of shape \(S,\); got"):
        ReadOut(Square(), signs)
