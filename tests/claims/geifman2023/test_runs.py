"""geifman2023: what a run does."""

from dataclasses import replace

import pytest
import torch

from hatact.analysis import empirical_ntk, shallow_relu_ntk
from hatact.claims.geifman2023 import _runs, digits, solution
from hatact.claims.geifman2023._flat import GD, PGD
from hatact.claims.geifman2023._runs import Way
from hatact.claims.targets import circle
from tests.support.labs import quiet

ADAM, MUON = Way("relu"), Way("relu", optimiser="muon", lr=1e-3)
POINTS = 30
WAYS = [
    GD,
    replace(PGD, modes=8),
    replace(PGD, modes=8, closed=True),
    replace(PGD, modes=8, refresh=2),
    replace(PGD, modes=8, activation="hat", scale=4),
    replace(GD, momentum=0.9),
    ADAM,
    MUON,
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_records_are_plain_and_the_same_again(way, narrow):
    def run(seeds):
        return _runs.waves(way, 5, (1, 3), 0.1, seeds, "cpu", quiet)

    first, second = run((0, 1)), run((1,))
    assert len(first) == 2
    assert first[1] == second[0]
    assert first[0] != first[1]
    for record in first:
        assert {*record} == {"steps", "left", "outside", "refused", "late_loss"}
        assert all(0 <= left < 10 for left in record["left"])
        assert all((share is None) == (way.modes == 0) for share in record["outside"])


@pytest.mark.parametrize("steps", [0, 5])
def test_the_shares_of_the_work_sum_to_one(steps, narrow):
    for run, more in (
        (_runs.waves, ((1, 3), 0.1)),
        (_runs.labels, ("shallow",)),
        (_runs.solution, ()),
    ):
        shares = []
        run(replace(PGD, modes=8), steps, *more, (0, 1), "cpu", shares.append)
        assert sum(shares) == pytest.approx(1)


def test_wide_and_small_the_preconditioner_learns_its_modes_at_once(monkeypatch):
    """Plain descent does not: without S this test is red."""
    monkeypatch.setattr(_runs, "WIDTH", 2048)
    monkeypatch.setattr(_runs, "POINTS", 60)
    (ours,) = _runs.waves(PGD, 40, (1, 2, 4, 6), 0.02, (0,), "cpu", quiet)
    (plain,) = _runs.waves(GD, 40, (1, 2, 4, 6), 0.02, (0,), "cpu", quiet)
    assert ours["steps"] == [1, 1, 1, 1]
    assert plain["steps"] == [4, 18, None, None]
    assert max(ours["outside"]) < 0.05
    assert plain["outside"] == [None] * 4


@pytest.fixture
def wave():
    theta = circle.angles(POINTS)
    return circle.points(theta).float(), 0.1 * circle.waves(theta, (2,), 0).float()


def stable(kernel):
    return POINTS / (2 * float(torch.linalg.eigvalsh(kernel)[-1]))


@pytest.mark.parametrize(
    "way", [GD, replace(GD, momentum=0.9, lr=2e-3), replace(GD, unit=0.3), ADAM, MUON], ids=str
)
def test_the_ways_train_as_torch_does(way, wave, narrow):
    """Three updates of each, against torch by hand."""
    x, y = wave
    model, other = way.network(2, 0), way.network(2, 0)
    p = way.preconditioner(model, x)
    _runs.learn(way, model, p, x, y, 3, 1e-9, quiet)
    rate = way.unit * way.lr / 1e-3 * stable(empirical_ntk(other, x))
    optimisers = {
        "gd": [torch.optim.SGD(other.parameters(), lr=rate, momentum=way.momentum)],
        "adam": [torch.optim.Adam(other.parameters(), lr=1e-3)],
        "muon": [
            torch.optim.Muon([*other.weights], lr=1e-3, weight_decay=0),
            torch.optim.Adam([other.biases], lr=1e-3),
        ],
    }[way.optimiser]
    for _ in range(3):
        other.zero_grad()
        (other(x) - y).square().mean().backward()
        for optimiser in optimisers:
            optimiser.step()
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_s_is_of_the_kernel_that_the_way_names(wave, narrow):
    x, _ = wave
    model = PGD.network(2, 0)
    for way, kernel in (
        (replace(PGD, modes=8), empirical_ntk(model, x)),
        (replace(PGD, modes=8, closed=True), shallow_relu_ntk(x.double())),
    ):
        expected = torch.linalg.eigvalsh(kernel).flip(0)[:8]
        torch.testing.assert_close(way.preconditioner(model, x).eigenvalues, expected)


def test_s_is_found_anew_and_the_rate_with_it(wave, narrow, monkeypatch):
    x, y = wave
    way, rates = replace(PGD, modes=4, refresh=2), []
    optimisers = Way.optimisers

    def noted(self, model, rate):
        rates.append(rate)
        return optimisers(self, model, rate)

    monkeypatch.setattr(Way, "optimisers", noted)
    model = way.network(2, 0)
    p = way.preconditioner(model, x)
    record = _runs.learn(way, model, p, x, 20 * y, 7, 1e-9, quiet)
    assert len({*rates}) == 4  # at the start and before updates 2, 4 and 6
    assert record["refused"] == 0


def test_an_s_that_cannot_be_found_anew_stays(wave, narrow, monkeypatch):
    x, y = wave

    def failing(self):
        raise RuntimeError("the refresh failed")

    monkeypatch.setattr(_runs.SpectrumPreconditioner, "refresh", failing)
    once, never = replace(PGD, modes=4, refresh=2), replace(PGD, modes=4)
    records = []
    for way in (once, never):
        model = way.network(2, 0)
        p = way.preconditioner(model, x)
        records.append(_runs.learn(way, model, p, x, y, 7, 1e-9, quiet))
    assert [record.pop("refused") for record in records] == [3, 0]
    assert records[0] == records[1]


def test_labels_of_the_default_network_are_its_own(narrow):
    records = [
        _runs.labels(way, 4, network, (0,), "cpu", quiet)[0]
        for network in ("shallow", "default")
        for way in (GD, replace(PGD, modes=4), ADAM)
    ]
    assert len({record["left"] for record in records}) == len(records)
    assert all(0.3 < record["accuracy"] <= 1 for record in records)
    assert all(record["path"][0][0] == 0 for record in records)
    assert len(digits.paths({ADAM: [records[2]]})[0].x) == 4


def test_linearised_descent_ends_at_the_regression_and_adam_does_not(narrow, monkeypatch):
    """Whether S or not: what decides can tell another method's end from it."""
    monkeypatch.setattr(_runs, "FEW", 8)
    for way in (GD, replace(PGD, modes=4)):
        (record,) = _runs.solution(way, 1000, (0,), "cpu", quiet)
        assert record["linear"] < solution.LINEAR
        assert len(record["beside"]) == 30
        assert record["apart"] > 0
    (adam,) = _runs.solution(ADAM, 1000, (0,), "cpu", quiet)
    assert adam["linear"] > 10 * solution.LINEAR
    assert solution.decide([record], [adam])[0] != "reproduced"


def test_names():
    assert [str(way) for way in WAYS] == [
        "GD",
        "PGD, 8 modes",
        "PGD, 8 modes, S in closed form",
        "PGD, 8 modes, S anew every 2",
        "PGD, 8 modes, hat(4x)",
        "heavy ball, β = 0.9",
        "Adam (lr 0.001)",
        "Muon (lr 0.001)",
    ]
    assert str(replace(GD, lr=3e-4)) == "GD (rate ×0.3)"
    assert str(replace(GD, unit=0.02, lr=3e-3)) == "GD (rate ×0.06)"
