"""Fourier residuals on scattered points: against the formula and against the DFT."""

import math

import pytest
import torch

from hatact.analysis import ScatteredSpectrum, residual

WAVES = torch.tensor([[1.0, 0.5, 0, 0, 0], [0, 2.0, -1.0, 0, 0.3], [3.0, 0, 0, 0.2, 0]])


def points(n, d, seed=0):
    return torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_amplitude_and_phase_in_five_dimensions():
    x = points(300, 5)
    amplitudes, phases = torch.tensor([1.0, 0.5, 2.0]), torch.tensor([0.3, -2.0, 1.5])
    f = (amplitudes * torch.cos(2 * math.pi * x @ WAVES.double().T + phases)).sum(1) + 7
    c = ScatteredSpectrum(x, WAVES).coefficients(f)
    assert torch.allclose(c.abs(), amplitudes.double())
    assert torch.allclose(c.angle(), phases.double())


def test_it_is_the_projection_when_other_waves_are_there():
    """What the basis does not hold is left to the least squares: checked against lstsq."""
    x = points(200, 5)
    f = torch.randn(200, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    phase = 2 * math.pi * x @ WAVES.double().T
    basis = torch.cat([phase.cos(), phase.sin(), torch.ones(200, 1)], 1)
    expected = torch.linalg.lstsq(basis, f[:, None]).solution[:, 0]
    c = ScatteredSpectrum(x, WAVES).coefficients(f)
    assert torch.allclose(c.real, expected[:3])
    assert torch.allclose(c.imag, -expected[3:6])


def test_on_a_uniform_grid_it_agrees_with_the_dft():
    x = torch.arange(64, dtype=torch.float64)[:, None] / 64
    generator = torch.Generator().manual_seed(2)
    f, u = torch.randn(2, 3, 64, dtype=torch.float64, generator=generator)
    ours = ScatteredSpectrum(x, torch.tensor([[1.0], [5.0], [20.0]])).residual(f, u)
    assert ours.shape == (3, 3)
    assert torch.allclose(ours, residual(f, u, (1, 5, 20)))


def test_residual_of_zero_is_one_and_of_the_target_zero():
    x = points(100, 2)
    u = torch.sin(2 * math.pi * x[:, 0]) + torch.sin(4 * math.pi * x[:, 1])
    spectrum = ScatteredSpectrum(x, torch.tensor([[1.0, 0], [0, 2.0]]))
    assert torch.allclose(spectrum.residual(torch.zeros(100), u), torch.ones(2).double())
    assert spectrum.residual(u, u).tolist() == [0, 0]
    assert float(spectrum.residual(0.5 * u, u)[0]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("x", "waves", "message"),
    [
        (torch.rand(9), torch.ones(1, 1), r"must be \(N, d\).*got \(9,\)"),
        (torch.rand(9, 2), torch.ones(1, 3), r"got \(9, 2\) and \(1, 3\)"),
        (torch.rand(6, 1), torch.tensor([[1.0], [2], [3]]), "at least 2K \\+ 1 = 7 points"),
        (torch.rand(50, 1), torch.tensor([[1.0], [1.0]]), "must be distinct"),
        (torch.arange(8.0)[:, None] / 8, torch.tensor([[1.0], [9.0]]), "must be distinct"),
    ],
)
def test_bad_points_and_waves_say_the_rule(x, waves, message):
    with pytest.raises(ValueError, match=message):
        ScatteredSpectrum(x, waves)


def test_bad_values_say_the_rule():
    spectrum = ScatteredSpectrum(points(50, 1), torch.tensor([[1.0], [3.0]]))
    with pytest.raises(ValueError, match="one value a point, 50; got 49"):
        spectrum.coefficients(torch.zeros(49))
    with pytest.raises(ValueError, match="u must hold every wave"):
        spectrum.residual(torch.zeros(50), torch.cos(2 * math.pi * points(50, 1)[:, 0]))
