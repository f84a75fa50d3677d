"""shenouda2024: what a run on a problem does, and a wrong method from end to end."""

import math
from dataclasses import replace

import pytest
import torch

from hatact.claims.engine import Row
from hatact.claims.shenouda2024 import _compared, condition, ct, scale
from hatact.claims.targets import imaging
from hatact.claims.targets.methods import Method
from tests.support.labs import quiet
from tests.support.outcomes import judged

np = pytest.importorskip("numpy")
pytest.importorskip("skimage")
SIDE, SEEDS = 16, (3, 0)
HAT, GRID = Method("hat", 4, lr=1e-2), Method("grid", lr=3e-2)
KEYS = {
    "steps", "psnr_by_step", "psnr", "seen_psnr", "ssim", "image", "loss", "late_loss",
}  # fmt: skip
PROBLEMS = ("whole", "half", "blocks", "rays")


@pytest.fixture
def waves(small, monkeypatch):
    """A smooth image of noise, between black and white, which is given for every name."""
    noise = torch.nn.functional.avg_pool2d(torch.rand(1, 1, SIDE + 1, SIDE + 1), 2, 1)[0, 0]
    monkeypatch.setattr(imaging, "picture", lambda name, side: 0.3 + 0.4 * noise)
    return (0.3 + 0.4 * noise).numpy()


def run(row, name, steps=40, seeds=SEEDS):
    return imaging.train(row, name, "any", steps, 5 * (name == "rays"), seeds, "cpu", quiet)


def apart(a, b):
    """The root mean square."""
    return float(np.sqrt(((a - b) ** 2).mean()))


def told(psnr):
    """The root mean square that a PSNR says."""
    return 10 ** (-psnr / 20)


@pytest.mark.parametrize("name", PROBLEMS)
def test_what_is_told_is_so_of_the_image_that_is_shown(name, waves):
    records = run(HAT, name)
    assert len(records) == 2
    even = np.add.outer(range(SIDE), range(SIDE)) % 2 == 0
    for record in records:
        assert {*record} == KEYS
        levels = np.array(record["image"])
        assert levels.min() > 0  # nothing was clipped: to rounding this is the image
        assert levels.max() < 255
        made, rounding = levels / 255, 0.5 / 255
        seen, judged_at = {"whole": (even | ~even,) * 2, "half": (even, ~even)}.get(
            name, (None, even | ~even)
        )
        error = apart(made[judged_at], waves[judged_at])
        assert told(record["psnr"]) == pytest.approx(error, abs=rounding)
        if seen is None:
            assert record["seen_psnr"] is None
        else:
            error = apart(made[seen], waves[seen])
            assert told(record["seen_psnr"]) == pytest.approx(error, abs=rounding)
            assert math.sqrt(record["loss"]) == pytest.approx(error, abs=rounding)
        assert (len(record["steps"]), record["steps"][-1]) == (41, 40)
        assert len(record["psnr_by_step"]) == 41
        assert record["psnr_by_step"][-1] == record["psnr"] > record["psnr_by_step"][0]
        similarity = imaging.ssim(torch.from_numpy(made), torch.from_numpy(waves).double())
        assert record["ssim"] == pytest.approx(similarity, abs=0.02)
    assert records[0]["image"] != records[1]["image"]


@pytest.mark.parametrize(("name", "factor"), [("blocks", 4), ("rays", None)])
def test_the_loss_is_of_what_is_measured(name, factor, waves):
    (record,) = run(HAT, name, seeds=(0,))
    made = torch.tensor(record["image"]) / 255
    problem = imaging.problem(name, "any", angles=5)
    errors = (problem.measure(made.reshape(1, -1, 1))[0] - problem.y).numpy()
    rounding = 0.5 / 255 * (1 if factor else SIDE)
    assert math.sqrt(record["loss"]) == pytest.approx(math.sqrt((errors**2).mean()), abs=rounding)


def test_seen_and_held_out_pixels_are_not_mixed_up(waves):
    """Every pixel has a value of its own: a grid memorises what it sees, and that alone."""
    (record,) = run(GRID, "half", 120, (0,))
    assert record["seen_psnr"] > 30
    assert record["psnr"] < 20
    assert record["loss"] < 1e-3
    (whole,) = run(GRID, "whole", 120, (0,))
    assert whole["psnr"] == whole["seen_psnr"] > 30


def test_pixels_held_out_are_never_used(waves, monkeypatch):
    first = run(HAT, "half")
    even = torch.from_numpy(np.add.outer(range(SIDE), range(SIDE)) % 2 == 0)
    other = torch.where(even, torch.from_numpy(waves), torch.rand(SIDE, SIDE))
    monkeypatch.setattr(imaging, "picture", lambda name, side: other)
    for a, b in zip(first, run(HAT, "half"), strict=True):
        for key in ("image", "seen_psnr", "loss", "late_loss"):
            assert a[key] == b[key]
        assert a["psnr"] != b["psnr"]


@pytest.mark.parametrize("row", [HAT, replace(GRID, unit=3)], ids=str)
def test_the_rate_falls_to_a_tenth(row, waves, monkeypatch):
    optimisers, rates = [], []
    made = Method.optimiser_of

    def noted(self, model):
        optimiser = made(self, model)
        optimiser.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
        optimisers.append(optimiser)
        return optimiser

    monkeypatch.setattr(Method, "optimiser_of", noted)
    run(row, "whole", 10)
    assert rates == pytest.approx([row.rate * 0.1 ** (t / 10) for t in range(10)])
    assert optimisers[0].param_groups[0]["lr"] == pytest.approx(row.rate / 10)


@pytest.mark.parametrize("name", PROBLEMS)
def test_smoothing_flattens_the_image(name, waves, monkeypatch):
    halves = torch.arange(SIDE).ge(SIDE // 2).float().expand(SIDE, SIDE)
    monkeypatch.setattr(imaging, "picture", lambda name, side: halves)

    def spread(smoothing):
        (record,) = run(replace(GRID, smoothing=smoothing), name, 150, (0,))
        return np.array(record["image"]).std(), record["loss"]

    (without, loss), (much, more) = spread(0), spread(100)
    assert much < without / 3
    black = float(imaging.problem(name, "any", angles=5).y.square().mean())
    assert 5 * loss < more < black  # the loss is of the data alone, and not of the variation


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("row", [HAT, GRID], ids=str)
def test_a_batch_of_seeds_is_its_seeds_one_by_one(row, name, waves):
    for both, seed in zip(run(row, name, 8), SEEDS, strict=True):
        (alone,) = run(row, name, 8, (seed,))
        for key in ("psnr", "ssim", "loss", "late_loss"):
            assert both[key] == pytest.approx(alone[key], rel=1e-4, abs=1e-4)
        assert np.abs(np.array(both["image"]) - alone["image"]).max() <= 1


@pytest.mark.parametrize("steps", [1, 7])
def test_the_shares_of_the_work_sum_to_one(steps, waves):
    shares = []
    imaging.train(HAT, "rays", "any", steps, 2, SEEDS, "cpu", shares.append)
    assert sum(shares) == pytest.approx(1)


def test_of_a_long_run_a_few_steps_are_looked_at(waves, monkeypatch):
    monkeypatch.setattr(imaging, "LOOKS", 4)
    (record,) = run(HAT, "whole", 11, (0,))
    assert record["steps"] == [0, 2, 4, 6, 8, 10, 11]
    assert len(record["psnr_by_step"]) == 7


def test_a_network_that_diverges_gives_a_record(waves):
    (record,) = run(replace(Method("relu", optimiser="sgd"), unit=1e12), "whole", 8, (0,))
    assert not math.isfinite(record["psnr"])
    assert _compared.decide([record], [{"psnr": 1.0}], {HAT: [{"psnr": 1.0}]})[0] == (
        "not reproduced"
    )


@pytest.fixture
def relu_in_place_of_all(monkeypatch):
    """This is the wrong method: whatever a row says, its network has torch's ReLU."""
    monkeypatch.setattr(Row, "module", lambda self: torch.nn.ReLU())


@pytest.fixture
def thumbnail(small, monkeypatch):
    """The claim of a small phantom: networks not too narrow, 150 steps, few rows, apt rates."""
    monkeypatch.setattr(imaging, "SIDES", dict.fromkeys(imaging.SIDES, 24))
    monkeypatch.setattr(imaging, "WIDTH", 48)
    monkeypatch.setattr(_compared, "STEPS", {"quick": 150})
    rows = {
        "bw": Method("bw_relu", 2, lr=1e-2),
        "relu": Method("relu", lr=1e-2),
        "siren": Method("siren", 15),
        "grid": ct.PROBLEM.rows["grid"],
    }
    return _compared.claim(
        [replace(ct.PROBLEM, rows=rows)], ct.references, name="", source="", recorded={}
    )


def test_the_phantom_passes_from_end_to_end(thumbnail, lab):
    outcome = judged(thumbnail, lab)
    assert outcome.verdict == "reproduced", outcome.reason


def test_the_phantom_with_relu_in_place_of_bw_relu_does_not(thumbnail, lab, relu_in_place_of_all):
    outcome = judged(thumbnail, lab)
    assert outcome.verdict == "not reproduced", outcome.reason


def test_the_scale_of_relus_does_nothing(small, lab, relu_in_place_of_all, monkeypatch):
    monkeypatch.setattr(_compared, "STEPS", {"quick": 20})
    monkeypatch.setattr(scale, "RELU", replace(scale.RELU, lr=3e-3))
    rows = {name: tuple(replace(row, lr=3e-3) for row in of) for name, of in scale.WAVELETS.items()}
    monkeypatch.setattr(scale, "WAVELETS", rows)
    outcome = judged(scale.CLAIM, lab)
    assert outcome.verdict == "not reproduced", outcome.reason


def test_features_of_bw_relus_are_better_conditioned(lab):
    assert judged(condition.CLAIM, lab).verdict == "reproduced"


def test_features_of_relus_in_their_place_are_not(lab, relu_in_place_of_all):
    outcome = judged(condition.CLAIM, lab)
    assert outcome.verdict == "not reproduced", outcome.reason
