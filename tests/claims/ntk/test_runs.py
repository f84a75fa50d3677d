"""The runs of ntk's claims give what their names say."""

import pytest
import torch

from hatact import HAT, RELU
from hatact.analysis import empirical_ntk, ntk
from hatact.claims.ntk import _alignment, _runs
from hatact.claims.ntk._runs import Theory
from hatact.claims.targets import sines
from hatact.claims.targets.methods import Method
from tests.support.labs import quiet

pytest.importorskip("scipy")


def test_rates_on_the_interval_are_rayleigh_quotients_of_waves():
    (record,) = _runs.on_interval(Theory("relu", depth=3), (2, 7), (0,), "cpu", quiet)
    x = torch.arange(sines.POINTS, dtype=torch.float64)[:, None] / sines.POINTS
    kernel = ntk(RELU, 3, x, parameterization="standard", width=sines.WIDTH)
    for k, rate in zip((2, 7), record["rates"], strict=True):
        wave = torch.exp(2j * torch.pi * k * x[:, 0])
        known = (wave.conj() @ kernel.to(wave.dtype) @ wave).real / sines.POINTS
        assert rate == pytest.approx(float(known), rel=1e-10)
    assert record["largest"] == pytest.approx(float(torch.linalg.eigvalsh(kernel)[-1]))


def test_a_theory_has_the_biases_and_the_scale_it_names(monkeypatch):
    seen = []

    def told(*arguments, **keywords):
        seen.append((arguments, keywords))
        return ntk(*arguments, **keywords)

    monkeypatch.setattr(_runs, "ntk", told)
    _runs.spectrum(Theory("hat", 8, 2), 5, 9, (0,), "cpu", quiet)
    _runs.spectrum(Theory("relu", 1, 3, biased=False), 5, 9, (0,), "cpu", quiet)
    assert seen[0][0][:2] == (HAT.scaled(8), 2)
    assert seen[0][1]["bias_variance"] is None
    assert seen[-1][0][:2] == (RELU, 3)
    assert seen[-1][1]["bias_variance"] == 0


def test_alignment_is_of_the_network_of_the_seed_without_the_constant():
    row, side = Method("siren", 10), 6
    (record,) = _alignment.alignment(row, side, (3,), "cpu", quiet)
    (again,) = _alignment.alignment(row, side, (3,), "cpu", quiet)
    assert record == again
    curve = record["curve"][0]
    assert len(curve) == side**2
    assert curve[-1] == pytest.approx(1)
    assert record["aligned"][0] == pytest.approx(curve[record["modes"] - 1], abs=1e-4)

    x, _ = _alignment.pixel_grid(side)
    networks = row.networks(2, _alignment.WIDTH, _alignment.DEPTH, [3], "cpu").double()
    kernel = empirical_ntk(_alignment._Alone(networks), x.double())
    centre = torch.eye(side**2, dtype=torch.float64) - 1 / side**2
    values = torch.linalg.eigvalsh(centre @ kernel @ centre)
    assert record["modes"] == int((values >= 0.1 * values[-1]).sum())
