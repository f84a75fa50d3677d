"""All ten digits: how they are split, and that classifiers of them learn."""

import pytest
import torch

from hatact.claims.targets import ten_digits
from tests.support.labs import quiet


def test_images_are_split_by_the_seed():
    x, y, held_x, held_y = ten_digits.images(0)
    assert (len(x), len(held_x)) == (1438, 359)
    assert (len(y), len(held_y)) == (len(x), len(held_x))
    assert (x.min(), x.max()) == (0, 1)
    assert {*y.tolist()} == {*held_y.tolist()} == {*range(10)}
    assert not torch.equal(x, ten_digits.images(1)[0])


@pytest.mark.parametrize("activation", ["cascade", "relu", "sigmoid"])
def test_training_lowers_the_loss(activation):
    first, second = ten_digits.train(activation, 1e-2, 3, (0, 1), "cpu", quiet)
    for record in (first, second):
        assert len(record["accuracy"]) == len(record["loss"]) == 3
        assert record["loss"][-1] < record["loss"][0]
        assert record["accuracy"][-1] > 0.3
    assert first["loss"] != second["loss"]
