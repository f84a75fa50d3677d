"""milkert2023: what decides its claims, what must not pass, and what is trained."""

import json
import math
import re

import pytest
import torch

from hatact.claims import Settings, _engine
from hatact.claims._cache import Cache
from hatact.claims._lab import Lab
from hatact.claims.milkert2023 import (
    PAPER,
    _classify,
    _counting,
    _differences,
    _networks,
    _projected,
    _shown,
    _train,
    approximation,
    digits,
    regions,
    sparse,
)
from hatact.nn import TriangleCascade
from tests.support.repository import ROOT

INF, NAN = math.inf, math.nan
QUICK = Settings(quick=True, seeds=1)
TARGETS = tuple(_train.TARGETS)
DEAD = 0.0804  # the variance of x³, what a dead network leaves


@pytest.fixture
def short(monkeypatch):
    """A few updates: what is said is not what is found."""
    for module in (approximation, sparse):
        monkeypatch.setattr(module, "EPOCHS", {"quick": 2, "full": 2})
    monkeypatch.setattr(digits, "EPOCHS", {"quick": 5, "full": 5})
    monkeypatch.setattr(_differences, "STEPS", {"quick": 2, "full": 2})
    monkeypatch.setattr(regions, "DEPTHS", {"quick": (1, 3), "full": (1, 3)})
    monkeypatch.setattr(_counting, "STEPS", 3)


def quiet(share):
    pass


def train(row="Theorem 3.1", data="dense", targets=("x³",), epochs=1, seeds=(0,)):
    return _train.train(row, data, targets, epochs, seeds, "cpu", quiet)


@pytest.mark.parametrize("claim", PAPER.claims, ids=lambda claim: claim.id)
def test_outcomes_are_whole(claim, short, tmp_path):
    with Lab("cpu", Cache(tmp_path, pytest.fail), 0, quiet) as lab:
        outcome = claim.judge(QUICK, lab)
        asked = {task.identity() for task in claim.tasks(QUICK)}
        assert set(lab.took) == asked
    json.dumps(_engine._plain(vars(outcome) | {"measures": []}), allow_nan=False)
    assert outcome.findings
    assert outcome.measures
    assert outcome.figures
    for table in outcome.tables:
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}
        assert all(isinstance(cell, str) for row in table["rows"] for cell in row)
    for figure in outcome.figures:
        for panel in figure["panels"]:
            assert all(len(s["x"]) == len(s["y"]) > 0 for s in panel["series"])


def test_the_papers_figures_are_marked_second_hand(short, tmp_path):
    with Lab("cpu", Cache(tmp_path, pytest.fail), 0, quiet) as lab:
        measures = sparse.CLAIM.judge(QUICK, lab).measures
    known = [m for m in measures if m.known is not None]
    assert len(known) == 8
    assert all("second-hand" in m.known_source for m in known)


def test_exactly_2_to_the_d():
    counts = {d: [2**d] * 4 for d in (1, 2, 16)}
    assert regions.decide(counts) == (
        "reproduced",
        "2^d regions in all 12 counts, d = 1 … 16",
    )


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ({1: [2], 4: [16, 15]}, "at depth 4 there are 15 regions, not 16"),
        ({1: [2], 4: [16, 17]}, "there are 17 regions"),
        ({1: [3, 1], 4: [1]}, "at depth 1 there are 1, 3 regions, not 2"),
        ({4: [16]}, "at least two depths"),
        ({}, "at least two depths"),
        ({1: [2], 4: []}, "at least two depths"),
    ],
)
def test_another_count_is_not_reproduced(counts, why):
    verdict, reason = regions.decide(counts)
    assert verdict == "not reproduced"
    assert why in reason


def test_relu_networks_in_the_cascades_place(monkeypatch):
    monkeypatch.setattr(_counting, "STEPS", 40)
    records = {d: _counting.count(d, (0,), "cpu", quiet) for d in (2, 5)}
    assert regions.decide(regions.at(records, "drawn", "trained"))[0] == "reproduced"
    assert regions.decide(regions.at(records, "relu"))[0] == "not reproduced"
    assert regions.decide(regions.at(records, "released"))[0] == "not reproduced"


def errors(x3, x11):
    return {"x³": x3, "x¹¹": x11}


OURS = errors([1e-7, 3e-7], [1e-6, 2e-6])
KAIMING = errors([1e-5, DEAD], [2e-5, 0.03])
BAD = errors([DEAD] * 2, [0.0365] * 2)


def test_ten_times_lower_and_near_the_papers_least():
    verdict, reason = approximation.decide(OURS, [KAIMING, BAD])
    assert verdict == "reproduced"
    assert "least error on x³ 1.00e-07, 1.3 times the paper's" in reason


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (KAIMING, [KAIMING], "not reproduced"),
        (KAIMING, [OURS], "not reproduced"),
        (BAD, [BAD], "not reproduced"),
        (OURS, [OURS], "partly"),  # its least error alone
        (OURS, [KAIMING, OURS], "partly"),  # the better baseline counts
        (errors([3e-7], [1e-6]), [KAIMING], "partly"),  # 3.8 times the paper's least
        (errors([1e-7, INF], [1e-6]), [errors([INF], [INF])], "partly"),
        (errors([INF], [INF]), [errors([INF], [INF])], "not reproduced"),
        (errors([1e-7, 1e-2], [1e-6]), [KAIMING], "partly"),  # one failed run
    ],
)
def test_what_must_not_pass(ours, theirs, verdict):
    assert approximation.decide(ours, theirs)[0] == verdict


def test_a_diverged_run_counts_as_infinite():
    of = [{"x³": {"lowest": None}}, {"x³": {"lowest": NAN}}, {"x³": {"lowest": 1.0}}]
    assert _shown.values(of, "x³") == [INF, INF, 1.0]
    assert _shown.mean(_shown.values(of, "x³")) == INF


def test_release_changes_nothing_but_what_trains():
    cascade = _networks.cascades(range(3), "free")
    nets = _networks.released(cascade)
    x = torch.linspace(0, 1, 101)[:, None].expand(-1, 3)
    torch.testing.assert_close(nets(x), cascade(x), rtol=0, atol=1e-6)
    widths = [w.shape[1:] for w, _ in nets.layers()]
    assert widths == [(4, 1), *[(4, 4)] * 4, (1, 4)]  # "4×5"
    assert nets.flat.numel() == 3 * (8 + 4 * 20 + 5)
    for i in range(3):
        torch.testing.assert_close(
            nets.sequential(i)(x[:, :1].double()),
            cascade(x)[:, i : i + 1].double(),
            atol=1e-6,
            rtol=0,
        )


@pytest.mark.parametrize("start", _networks.DRAWN)
def test_drawn_networks_are_the_seeds_own_and_of_the_same_size(start):
    both, second = _networks.relu_nets((3, 8), start), _networks.relu_nets((8,), start)
    for (w, b), (w8, b8) in zip(both.layers(), second.layers(), strict=True):
        assert torch.equal(w[1], w8[0])
        assert torch.equal(b[1], b8[0])
        assert not torch.equal(w[0], w8[0])
    assert both.flat.numel() == _networks.released(_networks.cascades((0, 1), "free")).flat.numel()


def test_raai_has_one_entry_a_neuron_of_beta_2_1():
    generator = torch.Generator().manual_seed(0)
    w, b = _networks._raai(4, 50_000, generator)
    rows = torch.cat([w, b[:, None]], 1)
    # N(0, 0.36/4) in four of five entries, else Beta(2, 1) of mean 2/3 and mean square 1/2
    assert rows.mean() == pytest.approx(2 / 15, abs=0.003)
    assert rows.square().mean() == pytest.approx(0.8 * 0.6007**2 / 4 + 0.1, rel=0.01)


def test_a_record_of_every_row():
    for row in approximation.ROWS:
        (record,) = train(row, targets=("x³", "sin x"))
        for of in record.values():
            assert of["lowest"] <= of["last"] < 2
            assert len(of["errors"]) == len(of["epochs"]) == 2
            stages = {"skip pre-train": ["drawn"]}.get(row, ["drawn", "pre-trained"])
            cascade = row in _networks.CASCADES
            assert list(of["regions"]) == [*(stages if cascade else []), "trained"]
            assert all(of["regions"][stage] == 32 for stage in stages if cascade)


def test_training_lowers_the_error_and_depends_on_the_seed_alone():
    alone, both = train(epochs=8, seeds=(5,)), train(epochs=8, seeds=(4, 5))
    errors = both[1]["x³"]["errors"]
    assert errors[-1] < errors[0] / 2
    assert both[0]["x³"]["errors"][0] != errors[0]
    assert alone[0]["x³"]["errors"] == pytest.approx(errors, rel=1e-2)


def test_the_first_seeds_networks_are_kept_to_be_drawn():
    first, second = train(epochs=30, seeds=(3, 4), targets=("x³", "sin x"))
    assert not any("shape" in of for of in second.values())
    x = torch.linspace(0, 1, _train.SHAPE)
    f = _networks.cascades((3,), "theorem")(x[:, None])[:, 0]
    for target, sign in (("x³", -1), ("sin x", 1)):
        of = first[target]["shape"]
        assert list(of) == ["drawn", "pre-trained", "trained"]
        assert of["drawn"] == pytest.approx((x + sign * f).tolist(), abs=1e-6)
        wanted = _train.TARGETS[target][0](x)
        drawn, pre, last = ((torch.tensor(y) - wanted).square().mean() for y in of.values())
        assert last < pre < drawn
        assert last == pytest.approx(first[target]["last"], rel=0.1)
    (alone,) = train("Kaiming")
    assert list(alone["x³"]["shape"]) == ["drawn", "trained"]


def test_the_pictures_of_a_cascade():
    x = torch.linspace(0, 1, _train.SHAPE, dtype=torch.float64)
    stages = {"drawn": x, "pre-trained": x**3 + 0.01, "trained": x**3}
    record = {"x³": {"shape": {name: y.tolist() for name, y in stages.items()}}}
    beside, left = _shown.shapes(record, ("x³",), 400)
    (panel,) = beside["panels"]
    labels = [s["label"] for s in panel["series"]]
    assert labels == ["as drawn", "peaks trained", "all weights trained", "target"]
    assert panel["series"][-1]["y"] == pytest.approx((x**3).tolist())
    assert [p["title"] for p in left["panels"]] == [f"x³, {label}" for label in labels[:3]]
    errors = [p["series"][-1]["y"] for p in left["panels"]]
    assert errors[0] == pytest.approx((x - x**3).tolist())
    assert errors[1] == pytest.approx([0.01] * len(x))
    assert errors[2] == pytest.approx([0] * len(x))
    assert "after 400 epochs" in beside["caption"]


def test_the_points():
    x, held = _train.sparse()
    assert len(x) == len(held) == 10
    assert not {*x.tolist()} & {*held.tolist()}
    assert (x[0], held[-1]) == (0, 1)
    (record,) = train(data="sparse", epochs=1)
    assert {"test", "between"} <= set(record["x³"])


def of_all(value, **others):
    return dict.fromkeys(TARGETS, value) | others


@pytest.mark.parametrize(
    ("ours", "theirs", "verdict"),
    [
        (of_all(1.0), [of_all(3.0), of_all(9.0)], "reproduced"),
        (of_all(1.0), [of_all(9.0), of_all(2.9)], "partly"),
        (of_all(1.0), [of_all(9.0, **{"x³": 1.5})], "partly"),
        (of_all(1.0), [of_all(9.0, **{"x³": 1.0})], "not reproduced"),
        (of_all(3.0), [of_all(1.0)], "not reproduced"),
        (of_all(INF), [of_all(INF)], "not reproduced"),
        (of_all(INF), [of_all(1.0)], "not reproduced"),
    ],
)
def test_lower_on_all_four_targets(ours, theirs, verdict):
    assert sparse.decide(ours, theirs)[0] == verdict


SLOW, FAST = [0.1, 0.2, 0.3, 0.4, 0.5] + [0.9] * 5, [0.5] * 5 + [0.9] * 5


@pytest.mark.parametrize(
    ("cascade", "relu", "verdict"),
    [
        ([FAST] * 2, [SLOW] * 2, "reproduced"),
        ([FAST] * 2, [FAST] * 2, "partly"),
        ([SLOW] * 2, [FAST] * 2, "partly"),
        ([SLOW] * 2, [[0.9] * 5 + [0.95] * 5] * 2, "not reproduced"),
        ([FAST] * 2, [[0.1] * 10] * 2, "partly"),  # ahead to the end is not what is claimed
    ],
)
def test_ahead_at_first_and_equal_at_last(cascade, relu, verdict):
    assert digits.decide(cascade, relu)[0] == verdict


def test_images_are_split_by_the_seed():
    x, y, held_x, held_y = _classify.images(0)
    assert (len(x), len(held_x)) == (1438, 359)
    assert (len(y), len(held_y)) == (len(x), len(held_x))
    assert (x.min(), x.max()) == (0, 1)
    assert not torch.equal(x, _classify.images(1)[0])


def test_a_classifiers_cascades_are_its_own_seeds():
    x = torch.rand(2, 7, 64)
    both = _classify.Classifiers("cascade", (0, 1))(x)
    one = _classify.Classifiers("cascade", (1,))(x[1:])
    assert both.shape == (2, 7, 10)
    torch.testing.assert_close(both[1:], one)


def test_the_best_rate_is_that_of_the_lowest_loss():
    runs = {1e-3: [{"loss": [3.0, 2.0]}], 1e-2: [{"loss": [9.0, 1.0]}]}
    assert digits.best_rate(runs) == 1e-2


def test_projections_stay_in_the_unit_interval():
    class Same(torch.nn.Module):
        def forward(self, p):
            assert p.min() >= 0
            assert p.max() <= 1
            return p

    x = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]])
    directions = torch.tensor([[[3.0, 3.0], [0.0, -2.0]]])
    y = _projected.Projected(Same(), directions, (1, -1))(x)
    half = 0.5 / math.sqrt(2)
    expected = [1 - (0.5 - half), 0 - (0.5 + half), 0.5 - 0.5]
    torch.testing.assert_close(y[:, 0], torch.tensor(expected))


@pytest.mark.parametrize("problem", _projected.PROBLEMS)
def test_projected_cascades_learn(problem):
    before, after = (
        _projected.train(problem, True, steps, (0, 1), "cpu", quiet) for steps in (1, 60)
    )
    for a, b in zip(before, after, strict=True):
        assert b["trained"] < a["trained"] / 2


def test_a_difference_of_cascades_is_one_of_their_outputs():
    inner = TriangleCascade(5, 2)
    model = _projected.Projected(inner, torch.ones(1, 2, 1), (1, -1))
    x = torch.linspace(-1, 1, 9)[:, None]
    f = inner((x + 1).expand(-1, 2) / 2)
    torch.testing.assert_close(model(x)[:, 0], f[:, 0] - f[:, 1])


def test_the_pages_code_runs(capsys):
    page = (ROOT / "docs" / "cascades.md").read_text(encoding="utf-8")
    first, *blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        names = {}
        exec(first, names)
        exec(re.sub(r"steps=\d+", "steps=40", block), names)
    assert capsys.readouterr().out == "[32]\n[32]\ntorch.Size([5, 10])\n"
