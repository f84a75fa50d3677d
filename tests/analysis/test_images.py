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
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(ModuleNotFoundError, match=r"hatact\[verify\]") as missing:
        images.ssim(torch.rand(8, 8), torch.rand(8, 8))
    assert missing.value.name == "skimage"


@pytest.mark.parametrize("name", ["horse", "lfw_subset", "logo"])
def test_other_pictures_are_refused(name):
    pytest.importorskip("skimage")
    message = r"grey or in three colours, or grey of numbers in \[0, 1\]; got torch"
    with pytest.raises(ValueError, match=message):
        images.picture(name, 16)


def test_a_picture_of_numbers_is_taken_as_it_is():
    data = pytest.importorskip("skimage.data")
    pixels = data.shepp_logan_phantom()  # (400, 400), of which 48 blocks of 8 leave 8 at a side
    blocks = pixels[8:392, 8:392].reshape(48, 8, 48, 8).mean((1, 3))
    image = images.picture("shepp_logan_phantom", 48)
    assert image.dtype == torch.float32
    assert float((image.double() - torch.from_numpy(blocks)).abs().max()) < 1e-6
    assert image.max() == 1


@pytest.mark.parametrize("value", [-0.01, 1.01, math.nan, math.inf])
def test_a_picture_of_other_numbers_is_refused(value, monkeypatch):
    data, np = pytest.importorskip("skimage.data"), pytest.importorskip("numpy")
    pixels = np.full((8, 8), 0.5)
    monkeypatch.setattr(data, "camera", lambda: pixels)
    assert images.picture("camera", 4).tolist() == [[0.5] * 4] * 4
    pixels[3, 5] = value
    with pytest.raises(ValueError, match=r"in \[0, 1\]; got torch.float64 of shape \(8, 8\)"):
        images.picture("camera", 4)


def test_the_similarity_is_scikit_images():
    metrics = pytest.importorskip("skimage.metrics")
    u, noise = torch.rand(16, 12), torch.randn(16, 12)
    found = []
    for strength in (0, 0.05, 0.5):
        f = u + strength * noise  # outside [0, 1] too
        found.append(images.ssim(f, u))
        a, b = f.double().numpy(), u.double().numpy()
        assert found[-1] == metrics.structural_similarity(a, b, data_range=1)
    assert found[0] == 1 > found[1] > found[2]
    assert images.ssim(0.01 * u, 0.01 * u.flip(0)) > 0.9  # the range is 1, and not that of u


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_similarity_of_what_diverged_is_nan(value):
    pytest.importorskip("skimage")
    f = torch.rand(8, 8)
    f[3, 4] = value
    assert math.isnan(images.ssim(f, torch.rand(8, 8)))
    assert math.isnan(images.ssim(torch.rand(8, 8), f))


SHAPES = [((8, 8), (8, 9)), ((8, 8), (9, 8)), ((6, 8), (6, 8)), ((8, 6), (8, 6)), ((64,), (64,)),
          ((8, 8, 8), (8, 8, 8)), ((0, 8), (0, 8))]  # fmt: skip


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_the_similarity_of_other_shapes_is_refused(shapes):
    pytest.importorskip("skimage")
    with pytest.raises(ValueError, match=r"^the images must have one shape, .* 7 pixels") as error:
        images.ssim(*map(torch.ones, shapes))
    assert str(error.value).endswith(f"got {shapes[0]} and {shapes[1]}")
    assert images.ssim(torch.ones(7, 7), torch.ones(7, 7)) == 1


def test_bad_sides_and_shapes():
    pytest.importorskip("skimage")
    with pytest.raises(ValueError, match="at least 1 and at most 512; got 0"):
        images.picture("camera", 0)
    with pytest.raises(ValueError, match=r"must be \(side, side\); got \(4, 6\)"):
        images.neighbour_psnr(torch.rand(4, 6))
    assert images.grey(torch.tensor([[float("nan"), 1.0]])) == [[0, 255]]
