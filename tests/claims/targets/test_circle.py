"""Waves on the circle."""

import math

import torch

from hatact.claims.targets import circle


def test_points_lie_on_the_circle_in_order():
    for theta in (circle.angles(7), circle.angles(7, 3)):
        x = circle.points(theta)
        assert x.shape == (7, 2)
        torch.testing.assert_close(x.norm(dim=1), torch.ones(7, dtype=torch.float64))
        assert bool((theta.diff() > 0.1).all())
        assert float(theta[0]) >= 0
        assert float(theta[-1]) < 2 * math.pi
    torch.testing.assert_close(circle.angles(7).diff(), torch.full((6,), 2 * math.pi / 7).double())


def test_seeds_move_the_points_and_the_phases():
    assert not torch.equal(circle.angles(9, 0), circle.angles(9, 1))
    theta = circle.angles(50)
    a, b = (circle.waves(theta, (2, 3), seed) for seed in (0, 1))
    assert not torch.allclose(a, b)
    torch.testing.assert_close(circle.waves(theta, (3,), 0)[:, 0], a[:, 1])  # by the frequency


def test_a_wave_has_its_frequency_alone():
    y = circle.waves(circle.angles(64), (1, 5, 12), 0)
    power = torch.fft.rfft(y, dim=0).abs() / 32
    expected = torch.zeros(33, 3, dtype=torch.float64)
    expected[[1, 5, 12], [0, 1, 2]] = 1
    torch.testing.assert_close(power, expected, atol=1e-12, rtol=0)
