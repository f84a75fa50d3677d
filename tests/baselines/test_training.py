"""Training of many networks at once: each as alone, and what is told of it."""

import math

import pytest
import torch

from hatact.analysis.images import pixel_grid
from hatact.baselines import Grids, Networks, fit, mean_squares, minimise, step_seconds, training
from hatact.nn import Hat

NAN = math.nan
OPTIMISERS = {
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3, fused=True),
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-2, fused=True),
}


def trained(seeds, amplitudes, optimiser="adam", steps=25):
    x = torch.linspace(-1, 1, 30)[:, None]
    y = torch.stack([a * torch.sin(5 * x) for a in amplitudes])
    model = Networks((1, 16, 16, 16, 1), seeds, Hat(2))
    losses = fit(model, OPTIMISERS[optimiser](model.parameters()), x, y, steps)
    return losses, [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_a_network_does_not_see_one_that_diverges_beside_it(optimiser):
    losses, parameters = trained((0, 1, 2), (1, 1, 1), optimiser)
    beside, others = trained((0, 1, 2), (1, 1e30, NAN), optimiser)
    assert not beside[:, 1:].isfinite().any()
    assert torch.equal(losses[:, 0], beside[:, 0])
    for p, q in zip(parameters, others, strict=True):
        assert torch.equal(p[0], q[0])


def test_the_same_batch_gives_the_same_bits():
    (losses, parameters), (again, others) = (trained((4, 2), (1, 2)) for _ in range(2))
    assert torch.equal(losses, again)
    assert all(torch.equal(p, q) for p, q in zip(parameters, others, strict=True))


def test_a_network_in_another_batch_is_the_same_to_rounding():
    apart, _ = trained((2,), (1,), steps=3)
    together, _ = trained((0, 2, 5), (1, 1, 1), steps=3)
    assert apart[:, 0].tolist() == pytest.approx(together[:, 1].tolist(), rel=1e-5)


def test_losses_are_those_before_each_update_and_after_the_last():
    seen, shares = [], []
    x = torch.rand(8, 1)
    model = Networks((1, 8, 8, 1), (0, 1), Hat(2))
    first = model(x).detach()

    def after(step, out):
        assert not out.requires_grad
        seen.append((step, float((out - x).square().mean((-2, -1))[1])))

    optimiser = OPTIMISERS["adam"](model.parameters())
    losses = fit(model, optimiser, x, x, 3, after, shares.append)
    assert (losses.shape, losses.dtype) == ((4, 2), torch.float64)
    assert [step for step, _ in seen] == [0, 1, 2, 3]
    assert [loss for _, loss in seen] == pytest.approx(losses[:, 1].tolist())
    assert float((first - x).square().mean((-2, -1))[1]) == pytest.approx(float(losses[0, 1]))
    assert len(shares) == 4
    assert sum(shares) == pytest.approx(1)
    final = (model(x) - x).square().mean((-2, -1)).tolist()
    assert final == pytest.approx(losses[-1].tolist())  # nothing is updated after the last


class Values(torch.nn.Module):
    """(S, N, 1) numbers, whatever x is."""

    def __init__(self, values):
        super().__init__()
        self.values = torch.nn.Parameter(values)

    def forward(self, x):
        return self.values


def measurement(n, m):
    """A matrix (m, n) of condition below 3, and (S, n, 1) → (S, m, 1)."""
    left, _, right = torch.linalg.svd(torch.randn(m, n).double(), full_matrices=False)
    matrix = left @ torch.diag(torch.linspace(1, 2.5, m).double()) @ right
    return matrix, lambda out: matrix @ out


def test_trained_through_a_linear_measurement_it_reaches_the_least_squares_solution():
    """Of all that explain what is measured, descent from 0 finds the one of least norm."""
    matrix, measure = measurement(6, 4)
    y = torch.randn(2, 4, 1).double()
    model = Values(torch.zeros(2, 6, 1).double())
    seen = []

    def after(step, out):
        seen.append(out.shape)

    optimiser = torch.optim.SGD(model.parameters(), lr=0.3)
    losses = fit(model, optimiser, y, y, 400, after, measure=measure)
    assert losses[0].tolist() == pytest.approx(y.square().mean((1, 2)).tolist())
    assert float(losses[-1].max()) < 1e-15
    torch.testing.assert_close(model.values.detach(), torch.linalg.pinv(matrix) @ y)
    assert {*seen} == {(2, 6, 1)}  # it is told of the values, and not of what is measured


def test_what_is_measured_is_compared_with_a_y_of_its_own_shape():
    x, sums = torch.rand(9, 1), lambda out: out.reshape(len(out), 3, 3).cumsum(1)
    model, y = Networks((1, 8, 1), (0, 1), Hat(2)), torch.rand(3, 3)
    expected = (model(x).detach().reshape(2, 3, 3).cumsum(1) - y).square().mean((1, 2))
    for target in (y, y.expand(2, 3, 3)):
        losses = fit(model, OPTIMISERS["sgd"](model.parameters()), x, target, 0, measure=sums)
        torch.testing.assert_close(losses[0].float(), expected)
    optimiser = OPTIMISERS["sgd"](model.parameters())
    with pytest.raises(ValueError, match=r"shape \(2, 3, 3\) or \(3, 3\); got \(9, 1\)"):
        fit(model, optimiser, x, x, 1, measure=sums)


def test_a_penalty_is_lowered_and_is_not_among_the_losses():
    y, weight = torch.ones(2, 5, 1), torch.tensor([0.0, 3.0])

    def run(penalised):
        model = Values(torch.full((2, 5, 1), 2.0))
        penalty = (lambda: weight * model.values.square().mean((1, 2))) if penalised else None
        optimiser = torch.optim.SGD(model.parameters(), lr=0.2)
        return fit(model, optimiser, y, y, 200, penalty=penalty), model.values.detach()

    (plain, without), (losses, values) = run(False), run(True)
    assert torch.equal(losses[:, 0], plain[:, 0])  # a network sees its own penalty alone
    assert torch.equal(values[0], without[0])
    torch.testing.assert_close(values[1], torch.full((5, 1), 0.25))  # 1/(1 + 3)
    assert losses[0].tolist() == [1, 1]
    assert losses[-1].tolist() == pytest.approx([0, 0.75**2], abs=1e-9)


def test_grids_train_as_networks_do():
    """A penalty on their variation makes them smoother."""
    x, even = pixel_grid(6)
    y = torch.rand(36, 1)
    slopes, trained = [], []
    for weight in (0, 1):
        grids = Grids(6, (3, 5))
        penalty = (lambda g=grids: g.total_variation()) if weight else None
        optimiser = OPTIMISERS["adam"](grids.parameters())
        optimiser.param_groups[0]["lr"] = 0.05
        losses = fit(grids, optimiser, x[even], y[even], 150, penalty=penalty)
        assert losses.shape == (151, 2)
        slopes.append(grids.total_variation().detach())
        trained.append((losses[-1], grids(x).detach()))
    assert (slopes[1] < 0.2 * slopes[0]).all()
    last, values = trained[0]
    assert float(last.max()) < 1e-4
    torch.testing.assert_close(values[:, even], y[even].expand(2, -1, -1), atol=0.02, rtol=0)
    assert (values[0, ~even] - values[1, ~even]).abs().max() < 0.03  # as they started, nearly


class Slopes(torch.nn.Module):
    """y = a·x, a number a network."""

    def __init__(self, *slopes):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(slopes))

    def forward(self, x):
        return self.a * x


def test_every_column_is_minimised_as_alone_by_torchs_own_adam():
    x = torch.linspace(0, 1e-4, 7)[:, None]  # gradients like Adam's eps: their size shows
    model, targets = Slopes(0.0, 2.0), torch.tensor([1.0, -3.0])
    minimise(model, (model(x.expand(-1, 2)) - targets * x for _ in range(30)), 0.05)
    for i, start in enumerate((0.0, 2.0)):
        own = Slopes(start)
        optimiser = torch.optim.Adam(own.parameters(), lr=0.05)
        for _ in range(30):
            optimiser.zero_grad()
            (own(x) - targets[i] * x).square().mean().backward()
            optimiser.step()
        torch.testing.assert_close(model.a[i], own.a[0])


def test_mean_squares_are_the_columns_own_in_float64():
    x, y = torch.rand(9, 2), torch.rand(9, 2)
    errors = mean_squares(Slopes(0.5, 2.0), x, y)
    assert (errors.shape, errors.dtype, errors.requires_grad) == ((2,), torch.float64, False)
    expected = [(0.5 * x[:, 0] - y[:, 0]).square().mean(), (2 * x[:, 1] - y[:, 1]).square().mean()]
    assert errors.tolist() == pytest.approx([*map(float, expected)])


def test_a_step_is_timed_from_one_forward_pass_to_the_next(monkeypatch):
    class Clock:
        now = 0.0

        def perf_counter(self):
            self.now += 3.0
            return self.now

    monkeypatch.setattr(training, "time", Clock())
    model, x = Networks((1, 4, 1), (0,), Hat(2)), torch.rand(5, 1)
    before = model.weights[0].detach().clone()
    seconds = step_seconds(model, OPTIMISERS["sgd"](model.parameters()), x, x, 4)
    assert seconds == 3.0  # five looks, four steps between them
    assert not torch.equal(model.weights[0], before)
