"""Simple functions: their points, and what is kept of the errors."""

import pytest
import torch

from hatact.baselines import Lessons
from hatact.claims.targets import functions
from hatact.claims.targets.functions import FUNCTIONS


def test_the_points():
    x, held, between = functions.points("sparse").values()
    assert len(x) == len(held) == 10
    assert not {*x.tolist()} & {*held.tolist()}
    assert (x[0], held[-1]) == (0, 1)
    assert between.tolist() == held[:-1].tolist()
    (dense,) = functions.points("dense").values()
    assert (len(dense), dense[0], dense[-1]) == (500, 0, 1)


@pytest.mark.parametrize(("name", "inputs", "count"), [("x³ − x", 1, 500), ("r³", 2, 1600)])
def test_the_box(name, inputs, count):
    x, y = functions.box(name)
    assert (x.shape, y.shape) == ((count, inputs), (count, 1))
    assert (x.min(), x.max()) == (-1, 1)
    x = x[7].double()
    expected = x[0] ** 3 - x[0] if inputs == 1 else (x[0] ** 2 + x[1] ** 2) ** 1.5
    assert y[7].item() == pytest.approx(float(expected), rel=1e-5)


def told(**history):
    """Lessons of one network that had these errors."""
    lessons = Lessons([FUNCTIONS["x³"]], functions.points("sparse"), (4,))
    for name, errors in history.items():
        lessons.history[name] += [torch.tensor([error]) for error in errors]
    return lessons


def test_a_record_is_of_the_epoch_with_the_lowest_error():
    errors = {"lowest": [3.0, 1.0, 2.0], "test": [4.0, 5.0, 6.0], "between": [0.5, 0.25, 0.0]}
    (record,) = functions.records(told(**errors))
    assert record == {
        "lowest": 1, "test": 5, "between": 0.25, "last": 2, "epochs": [0, 1, 2],
        "errors": errors["lowest"],
    }  # fmt: skip


def test_a_diverged_epoch_is_never_the_lowest():
    errors = [float("nan"), 2.0, 3.0]
    (record,) = functions.records(told(lowest=errors, test=errors, between=errors))
    assert (record["lowest"], record["last"]) == (2.0, 3.0)


def test_some_sixty_epochs_are_kept_to_the_ends():
    errors = [float(i) for i in range(1000)]
    (record,) = functions.records(told(lowest=errors, test=errors, between=errors))
    assert (len(record["epochs"]), record["epochs"][0], record["epochs"][-1]) == (61, 0, 999)
    assert record["errors"] == record["epochs"]
