"""Published networks and grids as rows: their names, what they are, and that they can be timed."""

import pickle
from dataclasses import replace

import pytest
import torch

from hatact.baselines import Finer, Grids, Networks, Siren, Wire
from hatact.claims.engine import Row, Timing, timing
from hatact.claims.engine.lab import Task
from hatact.claims.targets.methods import Method
from hatact.nn import BWNetwork, Hat
from tests.support.labs import quiet

SIREN, FINER = Method("siren", 20), Method("finer", 10, first_bias=2)
WIRE, GRID = Method("wire", 8, sigma=6), Method("grid", smoothing=1e-3, unit=100)
BW = Method("bw_relu", 3, lr=3e-3)
ROWS = (SIREN, FINER, WIRE, GRID, BW)
SIZES, SEEDS = [2, 16, 16, 1], (4, 0)


def test_names():
    assert [str(row) for row in ROWS] == [
        "SIREN, ω = 20",
        "FINER, ω = 10, first bias ±2",
        "WIRE, ω = 8, σ = 6",
        "grid, TV × 0.001, lr 0.1",
        "bw_relu(3x), lr 0.003",
    ]
    assert replace(FINER, first_bias=0).name == "FINER, ω = 10"
    assert replace(SIREN, sigma=6).name == "SIREN, ω = 20"
    assert Method("grid").name == "grid, TV × 0"
    assert Method("relu", octaves=4).name == Row("relu", octaves=4).name


def test_the_rate_is_counted_in_the_rows_unit():
    assert (SIREN.rate, GRID.rate, BW.rate) == pytest.approx((1e-3, 0.1, 3e-3))
    for row in ROWS:
        model = row.networks(2, 8, 3, SEEDS, "cpu")
        (group,) = row.optimiser_of(model).param_groups
        assert group["lr"] == row.rate
        assert {*map(id, group["params"])} == {*map(id, model.parameters())}
    assert str(replace(GRID, lr=1e-5)) == GRID.name  # the rate that is not said is 1e-3


KINDS = {
    SIREN: lambda: Siren(SIZES, SEEDS, 20),
    FINER: lambda: Finer(SIZES, SEEDS, 10, 2),
    Method("finer", 30): lambda: Finer(SIZES, SEEDS, 30),
    WIRE: lambda: Wire(SIZES, SEEDS, 8, 6),
    GRID: lambda: Grids.of_parameters(SIZES, SEEDS),
    Method("hat", 4): lambda: Networks(SIZES, SEEDS, Hat(4)),
    Method("relu", octaves=3): lambda: Networks(SIZES, SEEDS, torch.relu, octaves=3),
}


@pytest.mark.parametrize("row", KINDS, ids=str)
def test_networks_are_the_published_ones(row):
    model, other, x = row.networks(2, 16, 3, SEEDS, "cpu"), KINDS[row](), torch.rand(9, 2)
    assert type(model) is type(other)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    torch.testing.assert_close(model(x), other(x))


@pytest.mark.parametrize("c", [2, 3, 9])
def test_bw_relu_is_the_network_of_hatact_from_the_same_seed(c):
    model, x = Method("bw_relu", c).networks(2, 16, 4, SEEDS, "cpu"), torch.rand(30, 2) * 2 - 1
    out = model(x)
    for s, seed in enumerate(SEEDS):
        torch.manual_seed(seed)
        network = BWNetwork(2, 16, 3, 1, c)
        torch.testing.assert_close(out[s], network(x), rtol=2e-5, atol=2e-6)
        assert float(network(x).detach().std()) > 1e-4  # they differ from point to point


def test_a_grids_variation_is_penalised_by_its_smoothing():
    grids = GRID.networks(2, 16, 3, SEEDS, "cpu")
    penalty = GRID.penalty(grids)
    torch.testing.assert_close(penalty(), 1e-3 * grids.total_variation())
    before = penalty().detach()
    with torch.no_grad():
        grids.values.mul_(3)
    torch.testing.assert_close(penalty().detach(), 3 * before)  # of the values as they are by then
    assert replace(GRID, smoothing=0).penalty(grids) is None
    assert replace(SIREN, smoothing=1).penalty(SIREN.networks(2, 8, 3, SEEDS, "cpu")) is None


def test_they_are_rows():
    assert pickle.loads(pickle.dumps(ROWS)) == ROWS
    assert len({*ROWS, *(replace(row) for row in ROWS), replace(WIRE, sigma=5)}) == len(ROWS) + 1
    for other in (replace(GRID, unit=1), replace(GRID, smoothing=0), replace(FINER, first_bias=0)):
        tasks = [Task(quiet, {"row": row}, (0,), 1) for row in (other, GRID, FINER)]
        assert len({task.identity() for task in tasks}) == 3
        assert tasks[0].key("cpu") not in (tasks[1].key("cpu"), tasks[2].key("cpu"))


def test_they_can_be_timed(lab, monkeypatch):
    monkeypatch.setattr(timing, "ROUNDS", 1)
    monkeypatch.setattr(timing, "BLOCK", 1)
    found = Timing(ROWS, 2, 20, 8, 3, 1e-3).run(lab)
    assert [*found] == [*ROWS]
    assert all(seconds > 0 and ratio > 0 for seconds, ratio in found.values())
