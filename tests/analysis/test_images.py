"""Images as targets: pixels, halves, neighbours."""

import math
import sys

import pytest
import torch

from hatact.analysis import images


def test_camera_and_its_halves():
    pytest.importorskip("skimage")
    image = images.picture("camera", 64)
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
    with pytest.raises(ValueError, match="at least 1 and at most 512; got 600"):
        images.picture("camera", 600)


def test_a_network_must_beat_the_mean_of_the_neighbours_on_the_odd_pixels():
    rows = torch.arange(6.0)[:, None]
    edge = torch.tensor([1.0, 0, 0, 0, 0, 1])  # there a ramp's mirrored neighbours are off by one
    even = (rows + torch.arange(6)) % 2 == 0
    odd_edges = (edge[:, None] * ~even).sum() / (~even).sum()
    ramp = (rows / 10).expand(6, 6)
    assert images.neighbour_psnr(ramp) == pytest.approx(10 * math.log10(1 / (odd_edges * 0.05**2)))
    spike = torch.zeros(6, 6)
    spike[2, 3] = 0.5  # an odd pixel: its even neighbours do not count
    assert images.neighbour_psnr(spike) == pytest.approx(10 * math.log10(18 / 0.25))


def test_a_picture_is_grey_from_0_to_255_and_clipped():
    image = torch.tensor([[-1.0, 0.0, 0.5], [1.0, 2.0, 0.25]])
    assert images.grey(image) == [[0, 0, 128], [255, 255, 64]]


def test_without_scikit_image_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ModuleNotFoundError, match=r"hatact\[verify\]") as missing:
        images.picture("camera", 64)
    assert missing.value.name == "skimage"


@pytest.mark.parametrize("name", ["horse", "shepp_logan_phantom", "lfw_subset", "logo"])
def test_other_pictures_are_refused(name):
    pytest.importorskip("skimage")
    with pytest.raises(ValueError, match="of bytes, grey or in three colours; got torch"):
        images.picture(name, 16)


def test_bad_sides_and_shapes():
    pytest.importorskip("skimage")
    with pytest.raises(ValueError, match="at least 1 and at most 512; got 0"):
        images.picture("camera", 0)
    with pytest.raises(ValueError, match=r"must be \(side, side\); got \(4, 6\)"):
        images.neighbour_psnr(torch.rand(4, 6))
    assert images.grey(torch.tensor([[float("nan"), 1.0]])) == [[0, 255]]
