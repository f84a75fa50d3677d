"""milkert2023: the trainings of every row, what they record and what they are given."""

import pytest
import torch

from hatact.claims.milkert2023 import _runs, approximation
from hatact.claims.targets.functions import FUNCTIONS
from tests.support.labs import quiet


def train(row="Theorem 3.1", data="dense", targets=("x³",), epochs=1, seeds=(0,)):
    return _runs.train(row, data, targets, epochs, seeds, "cpu", quiet)


def test_a_record_of_every_row():
    for row in approximation.ROWS:
        (record,) = train(row, targets=("x³", "sin x"))
        for of in record.values():
            assert of["lowest"] <= of["last"] < 2
            assert len(of["errors"]) == len(of["epochs"]) == 2
            stages = {"skip pre-train": ["drawn"]}.get(row, ["drawn", "pre-trained"])
            cascade = row in _runs.CASCADES
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
    x = torch.linspace(0, 1, _runs.SHAPE)
    f = _runs.cascades((3,), "theorem")(x[:, None])[:, 0]
    for target, sign in (("x³", -1), ("sin x", 1)):
        of = first[target]["shape"]
        assert list(of) == ["drawn", "pre-trained", "trained"]
        assert of["drawn"] == pytest.approx((x + sign * f).tolist(), abs=1e-6)
        wanted = FUNCTIONS[target](x)
        drawn, pre, last = ((torch.tensor(y) - wanted).square().mean() for y in of.values())
        assert last < pre < drawn
        assert last == pytest.approx(first[target]["last"], rel=0.1)
    (alone,) = train("Kaiming")
    assert list(alone["x³"]["shape"]) == ["drawn", "trained"]
