"""Functions taught to many networks: their columns, the batches, and the errors."""

import re

import pytest
import torch

from hatact.baselines import Lessons

FUNCTIONS = {"cube": lambda x: x**3, "sine": torch.sin}
DENSE, FEW = torch.linspace(0, 1, 500), torch.linspace(0, 1, 20)[::2]


class Bias(torch.nn.Module):
    """y = b, a number a network; it remembers what it was asked."""

    def __init__(self, networks):
        super().__init__()
        self.b = torch.nn.Parameter(torch.zeros(networks))
        self.asked = []

    def forward(self, x):
        if torch.is_grad_enabled():
            self.asked.append(x.detach())
        return self.b.expand(len(x), -1)


def lessons(functions=("cube",), points=FEW, seeds=(0,), **more):
    return Lessons([FUNCTIONS[name] for name in functions], {"trained": points}, seeds, **more)


def test_every_column_has_its_function():
    points = {"trained": FEW, "held out": DENSE}
    both = Lessons([*FUNCTIONS.values()], points, (0, 1, 2))
    assert [*both.measured] == [*points]
    for (x, y), drawn in zip(both.measured.values(), points.values(), strict=True):
        assert x.shape == y.shape == (len(drawn), 6)
        for i, f in enumerate(FUNCTIONS.values()):
            for column in range(3 * i, 3 * i + 3):
                assert torch.equal(x[:, column], drawn)
                torch.testing.assert_close(y[:, column], f(drawn))


def test_an_epoch_is_every_point_once_in_an_order_of_the_seeds():
    model = Bias(4)
    lessons(("cube", "sine"), DENSE, (4, 5)).learn(model, 2, 1e-3)
    assert [len(x) for x in model.asked] == [50] * 20
    first, second = torch.cat(model.asked[:10]), torch.cat(model.asked[10:])
    for column in first.T:
        assert column.sort().values.tolist() == DENSE.tolist()
    assert torch.equal(first[:, :2], first[:, 2:])  # a seed's order serves all its functions
    assert not torch.equal(first[:, 0], first[:, 1])
    assert not torch.equal(first, second)
    alone = Bias(1)
    lessons(points=DENSE, seeds=(5,)).learn(alone, 1, 1e-3)
    assert torch.equal(torch.cat(alone.asked)[:, 0], first[:, 1])


def test_the_order_goes_on_where_learning_is_taken_up_again():
    at_once, twice = Bias(1), Bias(1)
    lessons(points=DENSE).learn(at_once, 2, 1e-3)
    parted = lessons(points=DENSE)
    parted.learn(twice, 1, 1e-3)
    parted.learn(twice, 1, 1e-3)
    for a, b in zip(at_once.asked, twice.asked, strict=True):
        assert torch.equal(a, b)


def test_few_points_make_one_batch():
    model = Bias(1)
    few = lessons(repeats=7)
    few.learn(model, 2, 1e-3)
    assert len(model.asked) == 14
    assert all(torch.equal(x, few.measured["trained"][0]) for x in model.asked)


def test_as_many_points_as_a_batch_are_few():
    model = Bias(1)
    lessons(batch=len(FEW), repeats=3).learn(model, 1, 1e-3)
    assert [x[:, 0].tolist() for x in model.asked] == [FEW.tolist()] * 3


def test_batches_may_have_another_size():
    model = Bias(1)
    lessons(batch=4).learn(model, 1, 1e-3)
    assert [len(x) for x in model.asked] == [4, 4, 2]
    assert torch.cat(model.asked)[:, 0].sort().values.tolist() == FEW.tolist()


def test_errors_are_those_after_every_epoch_at_all_points():
    cube, model = FUNCTIONS["cube"], Bias(1)
    points = {"trained": FEW, "held out": DENSE}
    both, values = Lessons([cube], points, (0,)), []
    for _ in range(3):
        both.learn(model, 1, 0.1)
        values.append(float(model.b.detach()))
    assert len({*values}) == 3
    for name, x in points.items():
        expected = [(value - cube(x)).square().mean() for value in values]
        assert [float(e) for e in both.history[name]] == pytest.approx([*map(float, expected)])


def test_the_fresh_optimiser_is_adam_on_the_mean_square():
    model, own = Bias(1), torch.zeros(1, requires_grad=True)
    few = lessons()
    few.learn(model, 1, 0.1)
    x, y = few.measured["trained"]
    optimiser = torch.optim.Adam([own], lr=0.1)
    for _ in range(10):
        optimiser.zero_grad()
        (own.expand(len(x), -1) - y).square().mean().backward()
        optimiser.step()
    torch.testing.assert_close(model.b.detach(), own.detach())


def test_advance_is_told_of_every_epoch():
    told = []
    lessons().learn(Bias(1), 3, 1e-3, told.append)
    assert told == [1, 1, 1]


@pytest.mark.parametrize("missing", range(3))
def test_a_function_points_and_a_seed_are_needed(missing):
    arguments = [[torch.sin], {"trained": FEW}, (0,)]
    arguments[missing] = type(arguments[missing])()
    counts = ["0" if i == missing else "1" for i in range(3)]
    message = f"need a function, points and a seed; got {counts[0]}, {counts[1]} and {counts[2]}"
    with pytest.raises(ValueError, match=re.escape(message)):
        Lessons(*arguments)
