"""The small digits: their pixels and labels, and where they come from."""

import re
import sys

import pytest
import torch

from hatact.analysis.digits import digits, hold_out


def test_the_images_and_their_digits():
    pytest.importorskip("sklearn")
    pixels, shown = digits()
    assert (pixels.shape, pixels.dtype) == ((1797, 64), torch.float32)
    assert (shown.shape, shown.dtype) == ((1797,), torch.int64)
    assert (pixels.min(), pixels.max()) == (0, 1)
    assert torch.equal(16 * pixels, (16 * pixels).round())
    assert (shown.bincount()[[3, 8]]).tolist() == [183, 174]
    ink = pixels.sum(1)
    assert ink[shown == 8].mean() > ink[shown == 1].mean()  # labels belong to their images


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"hatact\[verify\]") as missing:
        digits()
    assert missing.value.name == "sklearn"


def test_the_same_share_of_every_class_is_held_out():
    labels = torch.arange(100) % 3  # 34, 33 and 33
    held = hold_out(labels, 0.25, 7)
    assert (held.shape, held.dtype) == ((100,), torch.bool)
    assert labels[held].bincount().tolist() == [8, 8, 8]
    assert torch.equal(held, hold_out(labels, 0.25, 7))
    assert not torch.equal(held, hold_out(labels, 0.25, 8))
    assert not hold_out(labels, 0, 7).any()
    assert hold_out(labels, 1, 7).all()


@pytest.mark.parametrize(("shape", "share"), [((4, 1), 0.5), ((), 0.5), ((4,), -0.1), ((4,), 1.1)])
def test_a_share_is_of_a_row_of_labels_and_in_0_to_1(shape, share):
    message = rf"share lie in \[0, 1\]; got {re.escape(str(shape))} and {share}"
    with pytest.raises(ValueError, match=message):
        hold_out(torch.zeros(shape), share, 0)
