"""The sums of sines, and when each frequency counts as learnt."""

import math

import pytest
import torch

from hatact.analysis import SpectrumTracker, learning
from hatact.baselines import fit
from hatact.claims.engine import Row
from hatact.claims.targets import sines
from tests.support.labs import quiet

HAT, RELU = Row("hat", 2), Row("relu")


def test_the_targets_hold_ten_frequencies_of_amplitude_one_and_a_phase_a_seed():
    x, u = sines.targets((0, 1), "cpu")
    assert (x.shape, u.shape) == ((200, 1), (2, 200, 1))
    spectrum = torch.fft.rfft(u[..., 0]).abs() / 100
    expected = torch.zeros(101)
    expected[list(sines.FREQUENCIES)] = 1
    assert torch.allclose(spectrum, expected.expand(2, -1), atol=1e-5)
    assert not torch.allclose(u[0], u[1])
    assert torch.equal(sines.targets((1,), "cpu")[1][0], u[1])


def test_a_run_is_measured_against_its_own_target(small_sines):
    """The record of a seed in a batch is that of its network on its target, by hand."""
    record = sines.train(HAT, 30, (3, 1), "cpu", quiet)[1]
    x, u = sines.sum_of_sines(1)
    tracker, seen = SpectrumTracker(u, sines.FREQUENCIES), []

    def after(step, out):
        tracker.update(step, out[1])
        seen.append(step)

    model = HAT.networks(1, 16, 3, (3, 1), "cpu")
    u_of_both = sines.targets((3, 1), "cpu")[1]
    losses = fit(model, HAT.optimiser_of(model), x, u_of_both, 30, after)[:, 1]
    power = float(u.double().square().mean())
    assert record == sines.record(tracker.residuals, tracker.spectra, losses, power)
    assert record["final_residual"] == tracker.residuals[-1].tolist()
    assert record["relative_loss"][0] == pytest.approx(float(losses[0]) / power)


def test_three_sines_have_amplitude_one_on_one_period():
    x, u = sines.three_sines()
    assert (x.shape, u.shape) == ((201, 1), (201, 1))
    assert (float(x[0]), float(x[-1])) == pytest.approx((-math.pi, math.pi * (1 - 2 / 201)))
    expected = torch.zeros(101)
    expected[list(sines.THREE)] = 201 / 2
    assert torch.allclose(torch.fft.rfft(u[:, 0]).abs(), expected, atol=1e-3)


def test_a_shallow_run_is_measured_by_hand():
    record = sines.train_shallow(HAT, 20, 12, (3, 1), "cpu", quiet)[1]
    x, u = sines.three_sines()
    tracker = SpectrumTracker(u, sines.THREE)
    model = HAT.networks(1, 12, 2, (3, 1), "cpu")
    optimiser = HAT.optimiser_of(model)
    losses = fit(model, optimiser, x, u, 20, lambda step, out: tracker.update(step, out[1]))
    power = float(u.double().square().mean())
    assert record == learning(tracker.residuals, losses[:, 1], power)


def residuals(arrivals, steps=100, again=()):
    found = torch.ones(steps, 10)
    for k, step in enumerate(arrivals):
        if step is not None:
            found[step:, k] = 0.01
    for k, step in again:
        found[step:, k] = 0.9
    return found


def test_a_record_says_what_was_learnt_and_what_lost_again():
    of = residuals([10 * k for k in range(9)], again=[(1, 95)])
    losses = torch.linspace(5, 0.4, 100).double()
    found = sines.record(of, of, losses, power=5.0)
    assert found["steps_to_10_percent"] == [0, 10, 20, 30, 40, 50, 60, 70, 80, None]
    assert found["lost_again"] == [False, True] + [False] * 8
    assert found["frequencies_not_reached"] == 1
    assert found["final_loss"] == pytest.approx(0.4)
    assert found["trained_at"] == [None, None]  # 0.08 of the variance, but not for HOLD steps
    assert found["shown_steps"][-1] == 99


def test_the_deep_network_learns_all_frequencies_with_hat_and_not_with_relu():
    """The finding itself, one seed, 80 steps."""
    (hat,) = sines.train(Row("hat", 8), 80, (0,), "cpu", quiet)
    (relu,) = sines.train(Row("relu"), 80, (0,), "cpu", quiet)
    arrived = hat["steps_to_10_percent"]
    assert None not in arrived
    assert arrived[-1] <= 1.5 * arrived[0]
    assert set(relu["steps_to_50_percent"][4:]) == {None}
