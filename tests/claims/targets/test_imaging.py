"""What is measured of an image: against NumPy and scikit-image, and what is refused."""

import re

import pytest
import torch

from hatact.analysis.images import pixel_grid
from hatact.claims.targets import imaging

np = pytest.importorskip("numpy")
SIDE = 12


@pytest.fixture
def image(monkeypatch):
    """A random image, 0 outside the disc that lies in it, which is given for every name."""
    i, j = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    found = torch.rand(SIDE, SIDE) * torch.from_numpy(i**2 + j**2 < (SIDE // 2) ** 2)
    monkeypatch.setattr(imaging, "SIDES", dict.fromkeys(imaging.SIDES, SIDE))
    monkeypatch.setattr(imaging, "picture", lambda name, side: found)
    return found


@pytest.fixture
def made():
    """What two networks make of the image, (2, SIDE², 1), and the same as images."""
    out = torch.rand(2, SIDE**2, 1)
    return out, out.reshape(2, SIDE, SIDE).numpy()


def halves():
    i, j = np.mgrid[:SIDE, :SIDE]
    return torch.from_numpy((i + j) % 2 == 0).reshape(-1)


def test_every_pixel(image, made):
    problem = imaging.problem("whole", "any")
    assert torch.equal(problem.image, image)
    assert torch.equal(problem.x, pixel_grid(SIDE)[0])
    assert torch.equal(problem.y, image.reshape(-1, 1))
    assert torch.equal(problem.measure(made[0]), made[0])
    assert problem.seen.all()


def test_half_of_the_pixels(image):
    problem, even = imaging.problem("half", "any"), halves()
    assert torch.equal(problem.seen, even)
    assert torch.equal(problem.x, pixel_grid(SIDE)[0][even])
    assert problem.y.tolist() == [[v] for v in image.reshape(-1)[even].tolist()]
    out = torch.rand(2, SIDE**2 // 2, 1)
    assert torch.equal(problem.measure(out), out)


def means(pixels):
    """Of blocks of FACTOR × FACTOR, in NumPy."""
    f = imaging.FACTOR
    n, *_, side = pixels.shape
    return pixels.reshape(n, side // f, f, side // f, f).mean((2, 4))


def test_means_of_blocks(image, made):
    problem, (out, images) = imaging.problem("blocks", "any"), made
    assert problem.seen is None
    assert torch.equal(problem.x, pixel_grid(SIDE)[0])
    np.testing.assert_allclose(problem.y.numpy(), means(image.numpy()[None])[0], rtol=1e-5)
    np.testing.assert_allclose(problem.measure(out).numpy(), means(images), rtol=1e-5)


@pytest.mark.parametrize("angles", [1, 5])
def test_sums_along_rays(image, made, angles):
    transform = pytest.importorskip("skimage.transform")
    problem, (out, images) = imaging.problem("rays", "any", angles=angles), made
    theta = [180 * a / angles for a in range(angles)]
    assert problem.seen is None
    assert torch.equal(problem.x, pixel_grid(SIDE)[0])
    i, j = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    inside = i**2 + j**2 <= (SIDE // 2) ** 2  # elsewhere scikit-image counts 0, and says so
    expected = transform.radon(image.double().numpy(), theta, circle=True)
    np.testing.assert_allclose(problem.y.numpy(), expected, atol=1e-4)
    within = torch.from_numpy(images * inside)
    measured = problem.measure(within.reshape(out.shape)).numpy()
    expected = [transform.radon(f * inside.astype(float), theta, circle=True) for f in images]
    np.testing.assert_allclose(measured, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["whole", "half", "blocks", "rays"])
def test_what_is_measured_of_the_image_itself_is_what_is_given(image, name):
    problem = imaging.problem(name, "any", angles=4)
    flat = image.reshape(1, -1, 1)
    out = flat[:, problem.seen] if name == "half" else flat
    torch.testing.assert_close(problem.measure(out)[0], problem.y)
    assert len(problem.x) == out.shape[1]


def test_every_name_has_a_side_and_a_cost():
    assert set(imaging.SIDES) == set(imaging.COST) == {"whole", "half", "blocks", "rays"}
    assert imaging.SIDES["blocks"] % imaging.FACTOR == 0


def test_directions_are_spread_over_half_a_turn():
    assert imaging.directions(3).tolist() == [0, 60, 120]
    assert imaging.directions(1).tolist() == [0]
    assert imaging.directions(7).dtype == torch.float64


def test_another_problem_and_no_angle_are_refused(image):
    message = "the problem must be one of whole, half, blocks, rays; got 'third'"
    with pytest.raises(ValueError, match=message):
        imaging.problem("third", "camera")
    with pytest.raises(ValueError, match="at least one; got"):
        imaging.problem("rays", "camera", angles=0)


def test_block_means_by_hand():
    image = torch.tensor([[1.0, 3, 5, 7], [1, 3, 1, 3]])
    assert imaging.block_means(image, 2).tolist() == [[2, 4]]
    assert torch.equal(imaging.block_means(image, 1), image)


@pytest.mark.parametrize(
    ("image", "factor", "message"),
    [
        (torch.rand(0, 4), 2, "finite and two-dimensional; got shape (0, 4)"),
        (torch.rand(4), 2, "finite and two-dimensional; got shape (4,)"),
        (torch.rand(1, 4, 4), 2, "finite and two-dimensional; got shape (1, 4, 4)"),
        (torch.full((4, 4), torch.nan), 2, "finite and two-dimensional; got shape (4, 4)"),
        (torch.full((4, 4), torch.inf), 2, "finite and two-dimensional; got shape (4, 4)"),
        (torch.rand(4, 6), 4, "must divide the sides (4, 6); got 4"),
        (torch.rand(6, 4), 4, "must divide the sides (6, 4); got 4"),
        (torch.rand(4, 4), 0, "must divide the sides (4, 4); got 0"),
        (torch.rand(4, 4), -2, "must divide the sides (4, 4); got -2"),
    ],
)
def test_what_has_no_blocks_is_refused(image, factor, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        imaging.block_means(image, factor)
