"""Residuals, tracker, bias exponent, radial bands: against formulas, not against themselves."""

import math

import pytest
import torch

from hatact.analysis import (
    SpectrumTracker,
    band_error,
    bias_exponent,
    psnr,
    residual,
    spectrum,
    steps_to,
)

N = 64
X = torch.arange(N, dtype=torch.float64) / N


def sines(*parts: tuple[float, float, float]) -> torch.Tensor:
    return sum(a * torch.sin(2 * math.pi * k * X + phase) for k, a, phase in parts)


def test_spectrum_is_the_amplitude_whatever_the_phase():
    f = sines((3, 0.5, 0.3), (7, 2, 1.9))
    assert spectrum(f, (3, 7, 10)).tolist() == pytest.approx([0.5, 2, 0], abs=1e-12)
    assert spectrum(f, (7,), amplitude=2).tolist() == pytest.approx([1])


def test_length_sets_the_unit_of_frequency():
    f = sines((4, 1, 0.2))
    assert spectrum(f, (2,), length=2).tolist() == pytest.approx([1])
    with pytest.raises(ValueError, match=r"whole number in \(0, N/2\).*got frequency 2.25"):
        spectrum(f, (2.25,), length=2)


def test_residual_counts_amplitude_and_phase():
    u = sines((3, 1, 0), (5, 2, 1))
    f = sines((3, 0.9, 0), (5, 2, 1 + 0.1))
    assert residual(f, u, (3, 5)).tolist() == pytest.approx([0.1, 2 * math.sin(0.05)], rel=1e-9)
    assert residual(torch.zeros_like(u), u, (3, 5)).tolist() == pytest.approx([1, 1])
    assert residual(torch.stack([f, u]), u, (3, 5)).shape == (2, 2)


@pytest.mark.parametrize("k", [0, 32, 33, -1, 2.5])
def test_frequencies_must_be_bins_below_nyquist(k):
    with pytest.raises(ValueError, match="whole number in"):
        residual(sines((3, 1, 0)), sines((3, 1, 0)), (k,))


def test_a_target_without_the_frequency_is_refused():
    with pytest.raises(ValueError, match=r"no content at \[5\]"):
        residual(X, sines((3, 1, 0)), (3, 5))
    with pytest.raises(ValueError, match="at least one frequency"):
        spectrum(X, ())


def test_tracker_agrees_with_the_functions():
    u = sines((3, 1, 0), (5, 1, 1))
    tracker = SpectrumTracker(u[:, None], (3, 5))
    outputs = [u * share for share in (0.0, 0.5, 0.95, 1.0)]
    for step, f in zip((0, 10, 20, 30), outputs, strict=True):
        now = tracker.update(step, f[:, None])
        assert torch.allclose(now, residual(f, u, (3, 5)))
    assert torch.allclose(tracker.residuals, residual(torch.stack(outputs), u, (3, 5)))
    assert torch.allclose(tracker.spectra, spectrum(torch.stack(outputs), (3, 5)))
    assert tracker.steps_to(0.1) == [20, 20]
    with pytest.raises(ValueError, match="64 points; got shape"):
        tracker.update(40, u[:10])


def test_tracker_without_a_record_is_empty():
    tracker = SpectrumTracker(sines((3, 1, 0)), (3,))
    assert tracker.residuals.shape == (0, 1)
    assert tracker.steps_to() == [None]


def test_tracker_keeps_no_graph():
    u = sines((3, 1, 0))
    f = u.clone().requires_grad_()
    tracker = SpectrumTracker(u, (3,))
    tracker.update(0, f * 2)
    assert not tracker.residuals.requires_grad


def test_steps_to_holds_and_leaves_chance_crossings_out():
    column = [1, 0.05, 1, 0.05, 0.04, 0.03, 0.02]
    r = torch.tensor([column, [1.0] * 7]).T
    steps = [0, 5, 10, 15, 20, 25, 30]
    assert steps_to(steps, r) == [5, None]
    assert steps_to(steps, r, hold=3) == [15, None]
    assert steps_to(steps, r, hold=5) == [None, None]  # too short to be shown to hold
    assert steps_to(steps, r, hold=99) == [None, None]
    assert steps_to(steps, torch.full((7, 1), math.nan)) == [None]
    with pytest.raises(ValueError, match="hold must be at least 1; got 0"):
        steps_to(steps, r, hold=0)
    with pytest.raises(ValueError, match=r"\(T, K\) with T = 7"):
        steps_to(steps, r[:3])


KS = tuple(range(5, 51, 5))


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_exponent_of_a_power_law(power):
    found = bias_exponent(KS, [round(1000 * k**power) for k in KS], 10**8)
    assert found.slope == pytest.approx(power, abs=1e-3)
    assert (found.reached, found.censored) == (10, 0)
    assert str(found) == f"{found.slope:.2f}"


def test_censored_frequencies_do_not_flatten_the_exponent():
    noise = (1.1, 0.9, 1.05, 0.95, 1.1, 0.9, 1, 1.1, 0.95, 1)
    steps = [round(10 * k**2 * n) for k, n in zip(KS, noise, strict=True)]
    horizon = 5000
    cut = [s if s <= horizon else None for s in steps]
    assert cut.count(None) == 6
    found = bias_exponent(KS, cut, horizon)
    assert found.slope == pytest.approx(2, abs=0.25)
    assert (found.reached, found.censored) == (4, 6)
    assert "6 of 10 not within 5000 steps" in str(found)
    at_horizon = bias_exponent(KS, [s or horizon for s in cut], horizon)
    assert at_horizon.slope < 1.5  # what taking them as arrived would have said


def test_exponent_matches_the_likelihood_maximised_directly():
    """Tobit by expectation-maximisation against a direct search of the same likelihood."""
    optimize = pytest.importorskip("scipy.optimize")
    stats = pytest.importorskip("scipy.stats")
    steps = [12, 40, 33, 90, 70, None, 180, None, None, 300]
    horizon = 320

    def cost(v):
        total = 0.0
        for k, s in zip(KS, steps, strict=True):
            mean, sigma = v[0] + v[1] * math.log(k), math.exp(v[2])
            if s is None:
                total -= stats.norm.logsf(math.log(horizon), mean, sigma)
            else:
                total -= stats.norm.logpdf(math.log(s), mean, sigma)
        return total

    best = optimize.minimize(cost, (0, 1, 0), method="Nelder-Mead", options={"maxiter": 5000})
    assert bias_exponent(KS, steps, horizon).slope == pytest.approx(best.x[1], abs=2e-3)


def test_exponent_needs_two_arrivals():
    found = bias_exponent(KS, [60] + [None] * 9, 100)
    assert found.slope is None
    assert str(found) == "none (9 of 10 not within 100 steps)"
    assert bias_exponent(KS, [None] * 10, 100).slope is None


def test_exponent_says_its_rules():
    with pytest.raises(ValueError, match=r"one entry per frequency.*got 10 frequencies, 1 steps"):
        bias_exponent(KS, [1], 10)
    with pytest.raises(ValueError, match="frequencies must be positive"):
        bias_exponent((0, 1), [1, 2], 10)
    with pytest.raises(ValueError, match="horizon at least 1"):
        bias_exponent((1, 2), [1, 2], 0)


def test_band_error_separates_the_rings():
    row, column = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")

    def wave(k, along):
        return torch.cos(2 * math.pi * k * along.double() / 32)

    u = wave(2, row) + wave(6, column) + 5  # the mean lies in no ring from 1 on
    f = wave(2, row) + 0.25 * wave(6, column)
    assert band_error(f, u, (1, 4, 8)).tolist() == pytest.approx([0, 0.75], abs=1e-9)
    diagonal = torch.cos(2 * math.pi * 3 * (row + column).double() / 32)  # radius 3√2 = 4.24
    errors = band_error(torch.stack([0 * u, u]), u + diagonal, (1, 4, 5, 8))
    assert errors.shape == (2, 3)
    assert errors[1].tolist() == pytest.approx([0, 1, 0], abs=1e-9)
    with pytest.raises(ValueError, match="edges must increase"):
        band_error(f, u, (4, 1))
    with pytest.raises(ValueError, match="each ring must hold"):
        band_error(f, torch.zeros(32, 32), (1, 4))


def test_psnr():
    u = torch.zeros(10)
    assert psnr(u + 0.1, u) == pytest.approx(20, abs=1e-5)
    assert psnr(u + 0.1, u, peak=10) == pytest.approx(40, abs=1e-5)
    assert math.isfinite(psnr(u, u))
