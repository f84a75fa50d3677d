"""hong2022/digits: the images, what decides it, what must not pass, and what it never trains on."""

import math
from dataclasses import replace

import pytest
import torch

from hatact.claims.engine.cache import Cache
from hatact.claims.engine.lab import Lab
from hatact.claims.engine.results import NOT_REPRODUCED, PARTLY, REPRODUCED, Settings
from hatact.claims.engine.runs import Row
from hatact.claims.engine.study import Rates, Study
from hatact.claims.hong2022 import digits
from hatact.claims.targets import digits as target

SMALL = 32
RELU = Row("relu")
LATE, FLAT = [(50, 200)] * 3, [(20, 28)] * 3
NEVER = [(50, None)] * 3
DIVERGED = [(None, None)] * 3


@pytest.fixture
def small(monkeypatch):
    """A narrow network on one thread, as a lab has it."""
    monkeypatch.setattr(target, "WIDTH", SMALL)


def quiet(share):
    pass


def train(row=RELU, k=1.0, steps=20, seeds=(0,)):
    return target.train(row, k, steps, seeds, "cpu", quiet)


def test_the_images():
    x, c = target.images()
    assert x.shape == (357, 64)
    assert c.shape == (357, 1)
    assert ((c == -1).sum(), (c == 1).sum()) == (183, 174)
    norms = x.double().norm(dim=1)
    assert norms.square().mean().sqrt() == pytest.approx(target.NORM)
    assert pytest.approx(9.371, abs=1e-3) == target.NORM
    assert x.min() == 0
    # as the module's docstring says
    assert (norms.mean(), norms.std()) == pytest.approx((9.34, 0.72), abs=0.005)
    assert norms.max() - norms.min() == pytest.approx(3.4, abs=0.05)


def test_noise_is_a_sine_of_the_norm():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.25], [0.0, 0.0]])
    torch.testing.assert_close(
        target.noise(x, 1.05)[:, 0], torch.sin(2 * math.pi * 1.05 * torch.tensor([5, 0.25, 0]))
    )
    assert not target.noise(x, 0).any()


def test_the_split_is_balanced_disjoint_and_the_seeds_own():
    x, _ = target.images()
    of = target.split(0)
    assert (len(of.x), len(of.held_x)) == (285, 72)
    assert ((of.c == 1).sum(), (of.held_c == 1).sum()) == (139, 35)
    rows = [tuple(image) for image in torch.cat([of.x, of.held_x]).tolist()]
    assert sorted(rows) == sorted(tuple(image) for image in x.tolist())
    assert not {*rows[:285]} & {*rows[285:]}
    assert torch.equal(of.x, target.split(0).x)
    assert not torch.equal(of.held_x, target.split(1).held_x)


@pytest.mark.parametrize("k", target.FREQUENCIES)
def test_least_squares_is_exact_on_combinations(k):
    of = target.split(0)
    c, n = of.c.double()[None], target.noise(of.x, k).double()[None]
    inverse = target.components(c, n)
    a, b, d = (inverse @ (0.3 * c - 0.7 * n + 5))[0, :, 0].tolist()
    assert (a, b, d) == pytest.approx((0.3, -0.7, 5))


def test_least_squares_leaves_out_what_is_orthogonal_and_works_without_noise():
    c = torch.tensor([-1.0, 1, -1, 1])[None, :, None]
    odd = torch.tensor([1.0, 1, -1, -1])[None, :, None]
    inverse = target.components(c, torch.zeros_like(c))
    assert (inverse @ (2 * c + 3 * odd + 4))[0, :, 0].tolist() == pytest.approx([2, 4])


def test_records_hold_the_residuals_of_what_was_learnt(small, monkeypatch):
    def fit(model, x, y, steps, advance, after):
        c, n = target.split(3).c, y[0] - target.split(3).c
        for step in range(steps + 1):
            out = min(step / 10 + 0.05, 1) * c + min(step / 20 + 0.025, 1) * n + 7
            after(step, out[None])
        return torch.ones(steps + 1, 1, dtype=torch.float64)

    monkeypatch.setattr(target, "fit", fit)
    [record] = train(steps=40, seeds=(3,))
    assert record["steps_to_10_percent"] == [9, 18]
    assert record["steps_to_50_percent"] == [5, 10]
    at_5 = record["residuals"][record["shown_steps"].index(5)]
    assert at_5 == pytest.approx([0.45, 0.725], abs=1e-4)


def test_held_out_images_are_never_trained_on(small, monkeypatch):
    before = train(steps=15)
    whole = target.split

    def spoilt(seed):
        of = whole(seed)
        return of._replace(held_x=torch.full_like(of.held_x, 3), held_c=-of.held_c)

    monkeypatch.setattr(target, "split", spoilt)
    after = train(steps=15)
    assert before[0]["loss"] == after[0]["loss"]
    assert before[0]["residuals"] == after[0]["residuals"]
    assert before[0]["held_out"] != after[0]["held_out"]


def test_held_out_labels_are_clean_and_without_noise_there_is_one_residual(small):
    [noisy], [clean] = train(k=1.0, steps=1), train(k=0, steps=1)
    assert noisy["held_out"][0] == clean["held_out"][0]  # the same network, before any update
    assert noisy["loss"][0] != clean["loss"][0]
    assert len(clean["residuals"][0]) == len(clean["steps_to_10_percent"]) == 1


def case(runs, other=None):
    """The same arrivals at both levels and rates, or others at the second rate."""
    levels = dict.fromkeys(digits.LEVELS, runs)
    return {"1e-4": levels, "best": levels if other is None else dict.fromkeys(levels, other)}


def test_it_reproduces():
    verdict, reason = digits.decide(case(LATE), case(FLAT), 500)
    assert verdict == REPRODUCED
    assert "at 1e-4 ReLU 4, Hat 1.4 to 10 % and ReLU 4, Hat 1.4 to 50 %; at best" in reason
    assert digits.decide(case(NEVER), case(FLAT), 150)[0] == REPRODUCED
    assert digits.decide(case(LATE), case([(20, 10)]), 500)[0] == REPRODUCED


@pytest.mark.parametrize(
    ("relu", "hat", "horizon"),
    [
        (LATE, LATE, 500),
        (FLAT, FLAT, 500),
        (FLAT, LATE, 500),
        (LATE, NEVER, 500),
        (LATE, DIVERGED, 500),
        (DIVERGED, FLAT, 500),
        (NEVER, FLAT, 149),  # too short to tell
        (LATE, [(20, 28), (20, 31), (20, 31)], 500),
        (LATE, [(20, 28), (20, 31)], 500),  # half of the seeds
        ([(50, 200), (50, 149)], FLAT, 500),
        (LATE, [(0, 2)], 500),
    ],
)
def test_it_does_not(relu, hat, horizon):
    assert digits.decide(case(relu), case(hat), horizon)[0] == NOT_REPRODUCED


def test_one_rate_of_two_is_partly_and_one_level_of_two_is_nothing():
    assert digits.decide(case(LATE), case(LATE, FLAT), 500)[0] == PARTLY
    assert digits.decide(case(FLAT, LATE), case(FLAT), 500)[0] == PARTLY
    mixed = {rate: {10: FLAT, 50: LATE} for rate in case(FLAT)}
    assert digits.decide(case(LATE), mixed, 500)[0] == NOT_REPRODUCED
    assert "never to 10 %" in digits.decide(case(LATE), case(NEVER), 500)[1]


class Asked(Lab):
    """Remembers every task."""

    def __init__(self, path):
        super().__init__("cpu", Cache(path, print, False), 0, quiet)
        self.asked = []

    def run(self, tasks):
        self.asked += tasks
        return super().run(tasks)


def shrunken(monkeypatch, steps):
    def study(settings, k=digits.K):
        return Study(target.train, steps, 1e-3, {"k": k})

    monkeypatch.setattr(digits, "study", study)
    monkeypatch.setattr(digits, "SCALE_STEPS", steps)


def test_relu_in_hats_place_is_not_reproduced(small, monkeypatch, tmp_path):
    shrunken(monkeypatch, 150)
    relus = (digits.RELU, digits.RELU)
    monkeypatch.setattr(digits, "BEST", relus)
    monkeypatch.setattr(digits, "HAT", digits.RELU)
    monkeypatch.setattr(digits, "PROTOCOL", tuple(replace(row, lr=1e-3) for row in relus))
    outcome = digits.judge(Settings(True, 1), Asked(tmp_path))
    assert outcome.verdict == NOT_REPRODUCED
    assert "ReLU 0" not in outcome.reason  # it has learnt the labels


@pytest.mark.parametrize("quick", [True, False])
def test_the_plan_is_what_the_judge_asks_for(small, monkeypatch, tmp_path, quick):
    shrunken(monkeypatch, 12)
    settings, lab = Settings(quick, 1), Asked(tmp_path)

    def recorded(self, lab, rows, settings, by):
        lab.run(self.search_tasks(rows, settings))
        return Rates({row: row for row in rows}, {})

    monkeypatch.setattr(Study, "search", recorded)
    outcome = digits.judge(settings, lab)
    assert {t.identity() for t in lab.asked} == {t.identity() for t in digits.tasks(settings)}
    assert len(outcome.figures[0]["panels"][0]["series"]) == (1 if quick else 4)
    assert len(outcome.figures[1]["panels"]) == 4
    assert len(outcome.tables[0]["columns"]) == len(outcome.tables[0]["rows"][0])
    assert all(math.isfinite(m.value) or m.unit for m in outcome.measures)


def test_a_diverged_run_has_learnt_nothing():
    record = {"late_loss": math.inf, "steps_to_10_percent": [3, 30]}
    assert digits._arrived(record, 10) == (None, None)
    assert digits._arrived({**record, "late_loss": 1.0}, 10) == [3, 30]
