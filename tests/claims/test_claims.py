"""What claims share: medians and intervals, networks and their training, studies, targets."""

import math
from dataclasses import replace
from itertools import pairwise, product

import pytest
import torch
from torch import nn

from hatact.analysis import SpectrumTracker
from hatact.claims import Settings, _agreement, _images, _sines, _timing, papers
from hatact.claims._cache import Cache
from hatact.claims._figures import band, curves
from hatact.claims._lab import Lab
from hatact.claims._statistics import LEVEL, Measure, interval, lower_median, median
from hatact.claims._study import GRID, SEARCH_SEEDS, Rates, Study
from hatact.claims._training import (
    Row,
    encode,
    fit,
    late,
    spread_steps,
    trained_at,
)
from hatact.claims.milkert2023 import _counting, regions

INF, NAN = math.inf, math.nan
HAT, RELU = Row("hat", 2), Row("relu")


def quiet(share):
    pass


@pytest.fixture
def lab(tmp_path):
    with Lab("cpu", Cache(tmp_path, quiet), 0, quiet) as lab:
        yield lab


# ---- medians and intervals


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([3], 3),
        ([3, 1, 2], 2),
        ([1, 2], 2),
        ([4, 1, 3, 2], 3),
        ([3, None, 1], 3),
        ([3, None], INF),
        ([NAN, 1, 2], 2),
        ([NAN, 1], INF),
        ([None], INF),
        ([-INF, 0, INF], 0),
    ],
)
def test_the_median_is_the_upper_of_two_and_none_is_never(values, found):
    assert median(values) == found


def test_what_a_method_is_compared_with_has_the_lower_of_two():
    assert lower_median([1, 2]) == 1
    assert lower_median([3, 1, 2]) == 2
    assert lower_median([4, 1, 3, 2]) == 2
    assert lower_median([1, None]) == 1
    assert lower_median([1, NAN, None]) == INF


@pytest.mark.parametrize("of", [median, lower_median, interval])
def test_no_value_has_no_median(of):
    with pytest.raises(ValueError, match="at least one value is needed; got none"):
        of([])


def test_the_interval_of_one_value_is_that_value():
    assert interval([7]) == (7, 7)
    assert interval([None]) == (INF, INF)
    assert interval([2, 2, 2]) == (2, 2)


def test_the_interval_is_the_same_each_time_and_leaves_the_generator_alone():
    state = torch.get_rng_state()
    values = [5.0, 1.0, None, 3.0, 9.0, 2.0]
    assert interval(values) == interval(values) == interval(values[::-1])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("count", range(1, 30))
def test_the_interval_holds_the_median_and_is_made_of_the_values(count):
    values = torch.randn(count, generator=torch.Generator().manual_seed(count)).tolist()
    low, high = interval(values)
    assert low <= median(values) <= high
    assert {low, high} <= set(values)


def at_most(count, rank):
    """P(the median of `count` draws is at most the value of 1-based rank): binomial, exact."""
    share, needed = rank / count, count // 2 + 1
    return sum(
        math.comb(count, i) * share**i * (1 - share) ** (count - i)
        for i in range(needed, count + 1)
    )


@pytest.mark.parametrize("count", [2, 3, 5, 8, 11, 20, 41])
def test_the_interval_is_the_one_that_the_binomial_law_gives(count):
    tail = (1 - LEVEL) / 2
    ranks = range(1, count + 1)
    assert all(min(abs(at_most(count, r) - p) for p in (tail, 1 - tail)) > 5e-4 for r in ranks)
    low = next(r for r in ranks if at_most(count, r) > tail)
    high = next(r for r in ranks if at_most(count, r) >= 1 - tail)
    assert interval(ranks) == (low, high)


def test_of_five_seeds_the_interval_covers_30_times_in_32():
    """A true median of 0 is missed only where all five values lie on one side of it."""
    samples = product((-1, 1), repeat=5)
    around = [interval([s * v for s, v in zip(of, (1, 2, 3, 4, 5), strict=True)]) for of in samples]
    assert sum(low < 0 < high for low, high in around) == 30


def test_a_run_that_never_arrives_is_inf_at_one_end_only():
    assert interval([1, 2, 3, 4, None]) == (1, INF)
    assert interval([1, None, None]) == (1, INF)
    low, high = interval([1.0] * 20 + [None])
    assert (low, high) == (1, 1)


def test_a_measure_over_seeds_and_an_exact_one():
    of = Measure.over("steps", [3, None, 1], "steps")
    assert (of.value, of.low, of.high) == (3, 1, INF)
    assert (of.unit, of.seeds, of.known) == ("steps", 3, None)
    better = Measure.over("PSNR", [20, 25, 22, 21], "dB", larger_is_better=True)
    assert (better.value, better.low, better.high) == (21, 20, 25)
    half_gone = Measure.over("PSNR", [20, NAN], "dB", larger_is_better=True)
    assert (half_gone.value, half_gone.low, half_gone.high) == (-INF, -INF, 20)
    exact = Measure.exact("slope", 3.9, known=4, source="derived")
    assert (exact.value, exact.low, exact.high, exact.seeds) == (3.9, None, None, 0)
    assert (exact.known, exact.known_source) == (4, "derived")


# ---- rows and networks


def test_row_names():
    assert str(Row("hat", 8)) == "hat(8x)"
    assert str(Row("relu", input=50)) == "relu(x), input ×50"
    assert str(Row("relu", lr=3e-3)) == "relu(x), lr 0.003"
    assert str(Row("relu", octaves=4)) == "relu(x), 4 octaves encoded"
    assert str(Row("tanh", 2, lr=1e-2, optimiser="sgd")) == "tanh(2x), SGD, lr 0.01"
    assert Row("tanh", 2, lr=1e-2, optimiser="sgd").name == "tanh(2x), SGD"


ACTIVATIONS = {
    "relu": nn.functional.relu,
    "hat": lambda x: (1 - (x - 1).abs()).clamp(min=0),
    "tanh": torch.tanh,
}


def separate(row, sizes, seed):
    """The same network out of torch's own layers."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
    with torch.no_grad():
        layers[0].weight.mul_(row.input)

    def forward(x):
        for layer in layers[:-1]:
            x = ACTIVATIONS[row.activation](row.scale * layer(x))
        return layers[-1](x)

    return layers, forward


ROWS = (HAT, RELU, Row("tanh", 3), Row("relu", input=8), Row("hat", 1, input=0.5))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_batch_of_networks_is_that_many_networks_of_torchs_own_layers(row):
    seeds, sizes = (3, 0, 7), (2, 16, 16, 1)
    state = torch.get_rng_state()
    batch = row.networks(2, 16, 3, seeds, "cpu")
    assert torch.equal(torch.get_rng_state(), state)  # the caller's generator is left alone
    x = torch.rand(40, 2)
    out = batch(x)
    assert out.shape == (3, 40, 1)
    for s, seed in enumerate(seeds):
        layers, forward = separate(row, sizes, seed)
        for i, layer in enumerate(layers):
            assert torch.equal(batch.weights[i][s], layer.weight.T)
            assert torch.equal(batch.biases[i][s, 0], layer.bias)
        assert torch.allclose(out[s], forward(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("row", [*ROWS, Row("hat", 2, optimiser="sgd", lr=1e-2)], ids=str)
def test_fit_trains_every_network_as_torchs_own_loop_would(row):
    x = torch.linspace(-1, 1, 50)[:, None]
    y = torch.stack([torch.sin(3 * x), x.square()])
    losses = fit(row.networks(1, 16, 3, (0, 5), "cpu"), x, y, 20, quiet)
    assert losses.shape == (21, 2)
    assert losses.dtype == torch.float64
    for s, seed in enumerate((0, 5)):
        layers, forward = separate(row, (1, 16, 16, 1), seed)
        make = torch.optim.SGD if row.optimiser == "sgd" else torch.optim.Adam
        optimiser, own = make(layers.parameters(), lr=row.lr), []
        for _ in range(21):
            loss = (forward(x) - y[s]).square().mean()
            own.append(float(loss.detach()))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert losses[:, s].tolist() == pytest.approx(own, rel=1e-3)
        assert own[-1] < own[0]


def test_networks_may_each_have_their_own_points():
    model = HAT.networks(1, 8, 3, (0, 1), "cpu")
    x = torch.rand(2, 10, 1)
    for s in (0, 1):
        assert torch.allclose(model(x)[s], model(x[s])[s], rtol=1e-6, atol=1e-7)


def trained(seeds, y, row=HAT, steps=25):
    x = torch.linspace(-1, 1, 30)[:, None]
    model = row.networks(1, 16, 4, seeds, "cpu")
    losses = fit(model, x, torch.stack([of * torch.sin(5 * x) for of in y]), steps, quiet)
    return losses, [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("row", [HAT, RELU, Row("relu", optimiser="sgd", lr=1e-2)], ids=str)
def test_a_network_does_not_see_one_that_diverges_beside_it(row):
    losses, parameters = trained((0, 1, 2), (1, 1, 1), row)
    beside, others = trained((0, 1, 2), (1, 1e30, NAN), row)
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


def test_fit_reports_before_every_update_and_its_shares_sum_to_one():
    seen, shares = [], []
    x = torch.rand(8, 1)
    model = HAT.networks(1, 8, 3, (0, 1), "cpu")
    first = model(x).detach()

    def after(step, out):
        assert not out.requires_grad
        seen.append((step, float((out - x).square().mean((-2, -1))[1])))

    losses = fit(model, x, x, 3, shares.append, after)
    assert [step for step, _ in seen] == [0, 1, 2, 3]
    assert [loss for _, loss in seen] == pytest.approx(losses[:, 1].tolist())
    assert float((first - x).square().mean((-2, -1))[1]) == pytest.approx(float(losses[0, 1]))
    assert len(shares) == 4
    assert sum(shares) == pytest.approx(1)
    final = (model(x) - x).square().mean((-2, -1)).tolist()
    assert final == pytest.approx(losses[-1].tolist())  # nothing is updated after the last


def test_encoding():
    x = torch.tensor([[0.25, -1.0], [0.5, 1 / 3]])
    assert encode(x, 0) is x
    found = encode(x, 3)
    assert found.shape == (2, 12)
    angles = [2**level * math.pi * x[:, d] for level in range(3) for d in range(2)]
    expected = torch.stack([a.cos() for a in angles] + [a.sin() for a in angles], -1)
    assert torch.allclose(found, expected)
    model = Row("relu", octaves=3).networks(2, 8, 2, (0,), "cpu")
    assert model.weights[0].shape == (1, 12, 8)
    assert model(x).shape == (1, 2, 1)


def test_late_is_the_median_of_the_last_tenth():
    losses = torch.full((101,), 9.0)
    losses[-10:] = torch.tensor([1.0, 2, 3, 4, 5, 6, 7, 8, 1e9, 1e9])
    assert late(losses) in (5, 6)
    assert late(torch.tensor([3.0, 2.0, 1.0])) == 1
    assert math.isnan(late(torch.tensor([1.0] * 19 + [NAN])))


def test_trained_at_is_the_first_step_of_a_stay():
    losses = torch.tensor([1, 0.09, 0.2, 0.09, 0.05, 0.02, 0.009, 0.02, 0.005, 0.004])
    assert trained_at(losses, (0.1, 0.01), hold=2) == [3, 8]
    assert trained_at(losses, (0.1, 0.01), hold=1) == [1, 6]
    assert trained_at(losses, (0.1, 0.01, 1e-4), hold=3) == [3, None, None]
    assert trained_at(torch.full((5,), NAN), (0.1,), hold=1) == [None]


@pytest.mark.parametrize("last", [1, 2, 11, 71, 640, 4000])
def test_spread_steps_go_from_the_first_to_the_last_each_once(last):
    steps = spread_steps(last)
    assert steps[:2] == [0, 1]
    assert steps[-1] == last
    assert steps == sorted(set(steps))
    assert len(steps) <= 73
    wide = [b / a for a, b in pairwise(steps[20:])]
    assert all(ratio < 1.4 for ratio in wide)


# ---- studies


class Asked:
    """In a lab's place: it remembers what it is asked for and answers as it is told."""

    device = "cpu"

    def __init__(self, answer):
        self.answer, self.tasks = answer, []

    def run(self, tasks):
        self.tasks += tasks
        return [[self.answer(task, seed) for seed in task.seeds] for task in tasks]


def unused(**arguments):
    raise AssertionError("nothing is trained here")


STUDY = Study(unused, steps=100, cost=0.5, arguments={"width": 7}, batch=2)


def test_seeds_are_batched_and_records_come_back_one_a_seed():
    tasks = STUDY.tasks(HAT, range(5))
    assert [task.seeds for task in tasks] == [(0, 1), (2, 3), (4,)]
    assert [task.cost for task in tasks] == [100, 100, 50]
    assert tasks[0].arguments == {"row": HAT, "steps": 100, "width": 7}
    lab = Asked(lambda task, seed: (task.arguments["row"], seed))
    assert STUDY.run(lab, [RELU, HAT, RELU], range(5)) == {
        row: [(row, seed) for seed in range(5)] for row in (RELU, HAT)
    }
    assert len(lab.tasks) == 6


def search(losses, seeds=5, quick=False):
    """The search over rows whose late losses by rate, or by rate and seed, are given."""

    def answer(task, seed):
        row = task.arguments["row"]
        of = losses[replace(row, lr=1e-3)][GRID.index(row.lr)]
        return {"late_loss": of[seed] if isinstance(of, tuple) else of}

    lab = Asked(answer)
    return STUDY.search(lab, [*losses], Settings(quick=quick, seeds=seeds)), lab


def test_the_search_takes_the_rate_of_the_lowest_late_loss():
    rates, lab = search({Row("hat"): [5, 4, 3, 1, 2], Row("relu"): [5, 4, 2, 3, 9]})
    assert rates.best == {Row("hat"): Row("hat", lr=3e-3), Row("relu"): Row("relu")}
    assert rates.scores[Row("hat")] == [5, 4, 3, 1, 2]
    assert {task.seeds for task in lab.tasks} == {tuple(range(SEARCH_SEEDS))}
    assert {task.arguments["row"].lr for task in lab.tasks} == set(GRID)
    assert len(lab.tasks) == 2 * len(GRID)


@pytest.mark.parametrize("diverged", [NAN, INF, None, (0.1, NAN), (None, 0.1), (INF, 0.1)])
def test_the_search_takes_no_rate_at_which_a_seed_diverged(diverged):
    rates, _ = search({Row("hat"): [5, 4, 2, diverged, diverged]})
    assert rates.best[Row("hat")].lr == 1e-3
    assert rates.scores[Row("hat")][3:] == [INF, INF]


def test_where_every_rate_diverged_the_edge_is_named():
    rates, _ = search({Row("hat"): [NAN] * 5})
    assert any("the edge of the grid" in found for found in rates.findings())


def test_a_search_by_something_else_falls_back_on_the_late_loss_between_equals():
    arrived = dict(zip(GRID, (None, 40, 30, 30, NAN), strict=True))
    late = dict(zip(GRID, (1, 2, 5, 4, 3), strict=True))

    def answer(task, seed):
        rate = task.arguments["row"].lr
        return {"late_loss": late[rate], "arrived": arrived[rate]}

    settings = Settings(quick=False, seeds=3)
    rates = STUDY.search(Asked(answer), [HAT], settings, by=lambda record: record["arrived"])
    assert rates.best[HAT].lr == 3e-3
    assert rates.scores[HAT] == [INF, 40, 30, 30, INF]


def test_with_one_seed_the_search_has_one():
    _, lab = search({Row("hat"): [5, 4, 2, 3, 9]}, seeds=1)
    assert {task.seeds for task in lab.tasks} == {(0,)}


def test_quickly_the_recorded_rate_is_taken_and_nothing_is_run():
    rates, lab = search({Row("hat"): [5, 4, 3, 1, 2]}, quick=True)
    assert rates.best == {Row("hat"): Row("hat")}
    assert not lab.tasks
    assert rates.findings() == []


def test_a_search_that_finds_another_rate_or_the_edge_says_so():
    rates, _ = search({Row("hat"): [5, 4, 3, 1, 2], Row("relu"): [1, 4, 2, 3, 9]})
    assert rates.findings() == [
        "best rate of hat(x): 0.003, recorded 0.001",
        "best rate of relu(x): 0.0001, recorded 0.001",
        "best rate of relu(x) is 0.0001, the edge of the grid",
    ]
    values = rates.values()
    assert values["best"] == {"hat(x)": 3e-3, "relu(x)": 1e-4}
    assert values["scores"]["relu(x)"] == [1, 4, 2, 3, 9]
    assert Rates({HAT: HAT}, {}).findings() == []


# ---- every paper

CLAIMS = [claim for paper in papers().values() for claim in paper.claims]


def test_papers_are_found_and_complete():
    found = papers()
    assert {"hong2022", "milkert2023"} <= set(found)
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    for name, paper in found.items():
        for claim in paper.claims:
            assert claim.id.startswith(f"{name}/")
            assert set(claim.recorded) == {"quick", "full"}
            assert claim.statement.endswith(".")
            assert claim.statement[0].isupper()
            assert claim.source


class Miniature(Asked):
    """A lab that answers with a real record of a few steps, the same for every row and seed.

    The late loss is the lowest at the rates that a search was asked about: those are recorded.
    """

    def __init__(self, records):
        super().__init__(self.record)
        self.records, self.recorded = records, set()

    def record(self, task, seed):
        arguments = dict(task.arguments)
        row = arguments.pop("row", None)
        key = task.run, repr(sorted(arguments.items()))
        if key not in self.records:
            arguments |= {name: 11 for name in ("steps", "epochs") if name in arguments}
            arguments |= {"row": row} if row else {}
            (self.records[key],) = task.run(**arguments, seeds=(0,), device="cpu", advance=quiet)
        found = self.records[key]
        if "late_loss" in found:
            of = task.run, repr(task.arguments), row
            found = {**found, "late_loss": 0.1 if of in self.recorded else 1.0}
        return found

    def remember(self, study, rows):
        for row in rows:
            (task, *_) = study.tasks(row, (0,))
            self.recorded.add((task.run, repr(task.arguments), row))


@pytest.fixture(scope="module")
def records():
    return {}


@pytest.mark.parametrize("seeds", [1, 6])
@pytest.mark.parametrize("setting", ["quick", "full"])
@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_the_runs_announced_are_the_runs_asked_for(claim, setting, seeds, records, monkeypatch):
    """Where the recorded rates are found again; the estimate and the cache's state hang on it."""
    monkeypatch.setattr(_agreement, "STEPS", 4)
    monkeypatch.setattr(_timing, "ROUNDS", 1)
    monkeypatch.setattr(_timing, "BLOCK", 1)
    monkeypatch.setattr(regions, "DEPTHS", {"quick": (1, 4), "full": (1, 4, 6)})
    monkeypatch.setattr(_counting, "STEPS", 4)
    lab, search = Miniature(records), Study.search

    def remembered(study, of, rows, settings, *more, **named):
        lab.remember(study, rows)
        return search(study, of, rows, settings, *more, **named)

    monkeypatch.setattr(Study, "search", remembered)
    settings = Settings(setting == "quick", seeds)
    announced = claim.tasks(settings)
    try:
        outcome = claim.judge(settings, lab)
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is missing")
    assert {task.identity() for task in announced} == {task.identity() for task in lab.tasks}
    told = {(task.identity(), task.cost, task.alone) for task in announced}
    assert told == {(task.identity(), task.cost, task.alone) for task in lab.tasks}
    assert all(task.cost > 0 for task in announced)
    assert not any("recorded" in found for found in outcome.findings)  # no other rate was found
    used = {seed for task in announced if not task.alone for seed in task.seeds}
    draws = len(used) // seeds if len(used) > 1 else 1  # networks for each of the seeds
    assert used in ({0}, {*range(seeds * draws)})  # {0}: no seed enters


# ---- the image


def test_camera_and_its_halves():
    pytest.importorskip("skimage")
    image = _images.picture("camera")
    assert image.shape == (64, 64)
    assert 0 <= image.min() < image.max() <= 1
    x, even = _images.pixel_grid(64)
    assert x.shape == (4096, 2)
    assert int(even.sum()) == 2048
    assert x[0].tolist() == [-1, -1]
    assert x[1].tolist() == pytest.approx([-1, -1 + 2 / 63])  # (row, column), row-major
    odd = ~even.reshape(64, 64)
    changed = torch.where(odd, torch.zeros_like(image), image)
    mean = _images.neighbour_mean
    assert torch.equal(mean(image)[odd], mean(changed)[odd])  # it looks at even pixels only
    with pytest.raises(ValueError, match="at most 512; got 600"):
        _images.picture("camera", 600)


def test_held_out_pixels_are_never_used(monkeypatch):
    torch.manual_seed(0)
    image = torch.rand(8, 8)
    _, even = _images.pixel_grid(8)
    other = torch.where(even.reshape(8, 8), image, torch.rand(8, 8))
    monkeypatch.setattr(_images, "BANDS", (1, 3))
    pictures = {"one": image, "another": other}
    monkeypatch.setattr(_images, "picture", pictures.__getitem__)
    found = [_images.train(Row("hat"), name, 25, (0, 1), "cpu", quiet) for name in pictures]
    for a, b in zip(*found, strict=True):
        assert a["steps"] == [0, 10, 20, 25]
        assert a["image"] == b["image"]
        assert a["train_psnr"] == b["train_psnr"]
        assert a["late_loss"] == b["late_loss"]
        assert a["held_out_psnr"] != b["held_out_psnr"]
        assert a["band_errors"] != b["band_errors"]
        assert len(a["band_errors"]) == len(a["held_out_psnr"]) == 4


def test_a_picture_is_grey_from_0_to_255_and_clipped():
    image = torch.tensor([[-1.0, 0.0, 0.5], [1.0, 2.0, 0.25]])
    assert _images.grey(image) == [[0, 0, 128], [255, 255, 64]]


# ---- the sines


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(_sines, "WIDTH", 16)
    monkeypatch.setattr(_sines, "DEPTH", 3)
    monkeypatch.setattr(_agreement, "STEPS", 4)


def test_the_targets_hold_ten_frequencies_of_amplitude_one_and_a_phase_a_seed():
    x, u = _sines.targets((0, 1), "cpu")
    assert (x.shape, u.shape) == ((200, 1), (2, 200, 1))
    spectrum = torch.fft.rfft(u[..., 0]).abs() / 100
    expected = torch.zeros(101)
    expected[list(_sines.FREQUENCIES)] = 1
    assert torch.allclose(spectrum, expected.expand(2, -1), atol=1e-5)
    assert not torch.allclose(u[0], u[1])
    assert torch.equal(_sines.targets((1,), "cpu")[1][0], u[1])


def test_a_run_is_measured_against_its_own_target(small):
    """The record of a seed in a batch is that of its network on its target, by hand."""
    record = _sines.train(HAT, 30, (3, 1), "cpu", quiet)[1]
    x, u = _sines.sum_of_sines(1)
    tracker, seen = SpectrumTracker(u, _sines.FREQUENCIES), []

    def after(step, out):
        tracker.update(step, out[1])
        seen.append(step)

    model = HAT.networks(1, 16, 3, (3, 1), "cpu")
    losses = fit(model, x, _sines.targets((3, 1), "cpu")[1], 30, quiet, after)[:, 1]
    power = float(u.double().square().mean())
    assert record == _sines.record(tracker.residuals, tracker.spectra, losses, power)
    assert record["final_residual"] == tracker.residuals[-1].tolist()
    assert record["relative_loss"][0] == pytest.approx(float(losses[0]) / power)


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
    found = _sines.record(of, of, losses, power=5.0)
    assert found["steps_to_10_percent"] == [0, 10, 20, 30, 40, 50, 60, 70, 80, None]
    assert found["lost_again"] == [False, True] + [False] * 8
    assert found["frequencies_not_reached"] == 1
    assert found["final_loss"] == pytest.approx(0.4)
    assert found["trained_at"] == [None, None]  # 0.08 of the variance, but not for HOLD steps
    assert found["shown_steps"][-1] == 99


def test_the_deep_network_learns_all_frequencies_with_hat_and_not_with_relu():
    """The finding itself, one seed, 80 steps."""
    (hat,) = _sines.train(Row("hat", 8), 80, (0,), "cpu", quiet)
    (relu,) = _sines.train(Row("relu"), 80, (0,), "cpu", quiet)
    arrived = hat["steps_to_10_percent"]
    assert None not in arrived
    assert arrived[-1] <= 1.5 * arrived[0]
    assert set(relu["steps_to_50_percent"][4:]) == {None}


# ---- figures


def test_a_band_is_the_median_and_the_range_and_starts_after_zero():
    found = band("a", [0, 1, 2], [[9, 1, 4], [9, 3, NAN], [9, 2, None]])
    assert found == {
        "label": "a", "x": [1, 2], "y": [2, INF], "low": [1, 4], "high": [3, INF]
    }  # fmt: skip


def test_a_band_of_two_seeds_has_the_upper_one_as_its_line():
    assert band("a", [1], [[3], [1]])["y"] == [3]


def test_curves_are_the_figure_that_the_report_draws():
    series = [band("a", [1], [[1]])]
    found = curves("n", "t", [("p", series)], x="x", y="y", legend="l", scales="log linear")
    assert (found["kind"], found["x_scale"], found["y_scale"]) == ("curves", "log", "linear")
    assert found["panels"] == [{"title": "p", "series": series}]
    assert "x_ticks" not in found
    again = curves("n", "t", [], x="x", y="y", legend="l", ticks=(1, 2))
    assert again["x_ticks"] == [1, 2]


# ---- the control through the reference


def test_judge_takes_rounding_and_refuses_more():
    reference = [5.0, 4.0, 3.0, 2.0, 1.0]
    twin = [v * (1 + e) for v, e in zip(reference, (1e-7, 1e-6, 1e-5, 1e-4, 0.5), strict=True)]
    like = [v * (1 - e) for v, e in zip(reference, (2e-7, 3e-6, 2e-5, 5e-4, 0.1), strict=True)]
    found = _agreement.judge(like, reference, twin)
    assert found["agrees"]
    assert found["steps_compared"] == 4  # at the fifth, rounding alone has taken over
    assert found["largest_relative_difference"] == pytest.approx(5e-4)
    wrong = [v * (1 - e) for v, e in zip(reference, (2e-7, 3e-3, 2e-5, 5e-4, 0.1), strict=True)]
    assert not _agreement.judge(wrong, reference, twin)["agrees"]
    assert not _agreement.judge([NAN] * 5, reference, twin)["agrees"]
    assert not _agreement.judge(reference, reference, [9.0] * 5)["agrees"]  # nothing compared


def test_rounding_is_that_of_the_dtype():
    reference = [1.0, 1.0]
    like = [1.0, 1 + 2.0**-21]
    assert _agreement.judge(like, reference, reference)["agrees"]
    assert not _agreement.judge(like, reference, reference, eps=2.0**-52)["agrees"]


def test_a_wrong_gradient_shows_in_the_control(small, lab, monkeypatch):
    right = _agreement.compare((HAT,), lab)
    assert right["agrees"]
    assert right["compared"] == (right["backend"] != "reference")
    assert set(right["rows"]) == {"hat(2x), float32", "hat(2x), float64"}
    assert right["backend"] in _agreement.sentence(right)

    train = _agreement.train

    def drifting(row, dtype, backend, twin, **rest):
        (found,) = train(row, dtype, backend, twin, **rest)
        asked.append(backend)
        if len(asked) <= 2:  # the default backend comes first, in either dtype
            found["losses"] = [v * (1 + 1e-3 * i) for i, v in enumerate(found["losses"])]
        return [found]

    asked = []
    monkeypatch.setattr(_agreement, "train", drifting)
    wrong = _agreement.compare((HAT,), lab)
    assert asked == [right["backend"]] * 2 + ["reference"] * 4
    assert not wrong["agrees"]
    assert "too far" in _agreement.sentence({**wrong, "compared": True})


def test_relu_trains_alike_with_denormals_flushed(small, lab):
    """A kernel that compares with a subnormal number loses ReLU's slope in such a run."""
    found = _agreement.compare((RELU, Row("relu", 8)), lab)
    assert found["agrees"], _agreement.sentence(found)
