"""The image that is fitted, its halves, and what is never trained on."""

import pytest
import torch

from hatact.claims.engine.runs import (
    Row,
)
from hatact.claims.targets import images
from tests.support.labs import quiet


def test_camera_and_its_halves():
    pytest.importorskip("skimage")
    image = images.picture("camera")
    assert image.shape == (64, 64)
    assert 0 <= image.min() < image.max() <= 1
    x, even = images.pixel_grid(64)
    assert x.shape == (4096, 2)
    assert int(even.sum()) == 2048
    assert x[0].tolist() == [-1, -1]
    assert x[1].tolist() == pytest.approx([-1, -1 + 2 / 63])  # (row, column), row-major
    odd = ~even.reshape(64, 64)
    changed = torch.where(odd, torch.zeros_like(image), image)
    mean = images.neighbour_mean
    assert torch.equal(mean(image)[odd], mean(changed)[odd])  # it looks at even pixels only
    with pytest.raises(ValueError, match="at most 512; got 600"):
        images.picture("camera", 600)


def test_held_out_pixels_are_never_used(monkeypatch):
    torch.manual_seed(0)
    image = torch.rand(8, 8)
    _, even = images.pixel_grid(8)
    other = torch.where(even.reshape(8, 8), image, torch.rand(8, 8))
    monkeypatch.setattr(images, "BANDS", (1, 3))
    pictures = {"one": image, "another": other}
    monkeypatch.setattr(images, "picture", pictures.__getitem__)
    found = [images.train(Row("hat"), name, 25, (0, 1), "cpu", quiet) for name in pictures]
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
    assert images.grey(image) == [[0, 0, 128], [255, 255, 64]]
