"""The Radon transform against scikit-image's, and its adjoint against the matrix."""

import math
import warnings

import pytest
import torch
from torch.autograd import grad, gradcheck, gradgradcheck

from hatact.analysis import radon, tomography
from hatact.analysis.tomography import sinograms
from tests.support.memory import Largest, Saved

np = pytest.importorskip("numpy")
SIZES = [2, 3, 16, 33, 64]


def image(n, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, n, dtype=torch.float64, generator=generator).to(dtype) + 0.1


def some_angles(n=12, seed=0):
    """Random ones, and those where pixels meet pixels."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(n, dtype=torch.float64, generator=generator) * 800 - 400
    return torch.cat([drawn, torch.tensor([0.0, 45.0, 90.0, 180.0, 270.0, 360.0, -90.0])])


def of_skimage(image, angles):
    transform = pytest.importorskip("skimage.transform")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Radon transform: image must be zero outside")
        found = transform.radon(image.numpy(), angles.numpy(), circle=True)
    return torch.from_numpy(found)


def turned(image, degrees, centre):
    """One column of the sinogram by loops: bilinear values about a centre, 0 outside."""
    n = len(image)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    sums = []
    for i in range(n):
        total = 0.0
        for j in range(n):
            column = cos * (i - centre) + sin * (j - centre) + centre
            row = cos * (j - centre) - sin * (i - centre) + centre
            for r in (math.floor(row), math.floor(row) + 1):
                for q in (math.floor(column), math.floor(column) + 1):
                    if 0 <= r < n and 0 <= q < n:
                        total += float(image[r, q]) * (1 - abs(row - r)) * (1 - abs(column - q))
        sums.append(total)
    return torch.tensor(sums, dtype=torch.float64)


@pytest.mark.parametrize("n", SIZES)
def test_it_is_skimages(n):
    for seed in range(3):
        x, angles = image(n, seed), some_angles(seed=seed)
        found = radon(x, angles)
        assert found.dtype == torch.float64
        assert found.shape == (n, len(angles))
        torch.testing.assert_close(found, of_skimage(x, angles), rtol=0, atol=1e-12 * n)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_by_loops(n):
    x, angles = image(n), some_angles(5)
    expected = torch.stack([turned(x, float(a), n // 2) for a in angles], 1)
    torch.testing.assert_close(radon(x, angles), expected, rtol=0, atol=1e-12)


def test_about_the_middle_it_would_be_another():
    """Of even sizes: of odd ones (N − 1)/2 is N//2."""
    for n, apart in ((16, True), (17, False)):
        x, angles = image(n), torch.tensor([30.0, 100.0, 217.0])
        other = torch.stack([turned(x, float(a), (n - 1) / 2) for a in angles], 1)
        difference = float((radon(x, angles) - other).norm() / other.norm())
        assert difference > 0.01 if apart else difference < 1e-12


def test_by_hand():
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]])
    found = radon(x, [0, 90, 180, 270])
    expected = [[12.0, 15.0, 19.0], [25.0, 15.0, 6.0], [19.0, 15.0, 12.0], [6.0, 15.0, 25.0]]
    torch.testing.assert_close(found.T, torch.tensor(expected))
    assert radon(torch.tensor([[2.5]]), [0.0, 17.0, -400.0]).tolist() == [[2.5, 2.5, 2.5]]


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_the_gradient_is_the_exact_adjoint(n):
    angles = some_angles(5)
    units = torch.eye(n * n, dtype=torch.float64).view(-1, n, n)
    matrix = torch.stack([radon(unit, angles).flatten() for unit in units], 1)
    x = image(n).requires_grad_()
    y = radon(x, angles)
    torch.testing.assert_close(y.flatten(), matrix @ x.flatten(), rtol=0, atol=1e-12)
    for seed in range(3):
        g = torch.randn(y.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        (back,) = torch.autograd.grad(y, x, g, retain_graph=True)
        torch.testing.assert_close(back.flatten(), matrix.T @ g.flatten(), rtol=0, atol=1e-12)


def test_it_is_linear_and_differentiable():
    x, z, angles = image(16), image(16, 1), some_angles()
    torch.testing.assert_close(
        radon(2 * x - 3 * z, angles), 2 * radon(x, angles) - 3 * radon(z, angles),
        rtol=0, atol=1e-12,
    )  # fmt: skip
    assert gradcheck(lambda x: radon(x, angles), image(4).requires_grad_())


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float32, 1e-5), (torch.bfloat16, 2**-8), (torch.float16, 2**-11)],
    ids=str,
)
def test_other_dtypes(dtype, tolerance):
    """The halves are rounded once: to half a unit in the last place."""
    x, angles = image(33, dtype=dtype).requires_grad_(), some_angles()
    found = radon(x, angles)
    assert found.dtype == dtype
    torch.testing.assert_close(
        found.double(), radon(x.double(), angles), rtol=1.01 * tolerance, atol=1e-4
    )
    found.sum().backward()
    assert x.grad.dtype == dtype
    assert x.grad.isfinite().all()


def test_angles_in_every_form():
    x, angles = image(9), [0.0, 33.3, -120.0]
    expected = radon(x, torch.tensor(angles, dtype=torch.float64))
    for form in (angles, tuple(angles), np.array(angles)):
        assert torch.equal(radon(x, form), expected)
    assert torch.equal(radon(x, [0, 90]), radon(x, torch.tensor([0, 90])))
    assert torch.equal(radon(x, np.array([0, 90])), radon(x, [0.0, 90.0]))
    torch.testing.assert_close(radon(x, torch.tensor(angles)), expected, rtol=0, atol=1e-4)
    assert torch.equal(radon(x.float(), angles), radon(x.float(), np.array(angles)))


@pytest.mark.parametrize("n", [1, 2, 9])
def test_several_images_at_once(n):
    images, angles = torch.stack([image(n, seed) for seed in range(4)]), some_angles()
    found = sinograms(images, angles)
    assert found.shape == (4, n, len(angles))
    for x, sinogram in zip(images, found, strict=True):
        torch.testing.assert_close(sinogram, radon(x, angles), rtol=0, atol=1e-13)


@pytest.fixture(params=[1, 100, 300], ids="{} at once".format)
def pieces(request, monkeypatch):
    """Of 12 angles of 5² pixels: an angle, 4 angles, or all at once."""
    monkeypatch.setattr(tomography, "AT_ONCE", request.param)


def test_some_angles_at_a_time_are_as_all(pieces):
    x, angles = image(5).requires_grad_(), some_angles(5)
    expected = torch.stack([turned(x.detach(), float(a), 2) for a in angles], 1)
    torch.testing.assert_close(radon(x.detach(), angles), expected, rtol=0, atol=1e-12)
    y = radon(x, angles)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    g = torch.randn_like(y)
    (back,) = grad(y, x, g)
    units = torch.eye(25, dtype=torch.float64).view(25, 5, 5)
    want = (sinograms(units, angles) * g).sum((1, 2)).view(5, 5)
    torch.testing.assert_close(back, want, rtol=0, atol=1e-12)


def test_some_angles_at_a_time_are_differentiable_twice(pieces):
    x, angles = image(3).requires_grad_(), some_angles(5)
    assert gradcheck(lambda x: radon(x, angles), x)
    assert gradgradcheck(lambda x: radon(x, angles).square(), x)


def test_transforms_of_some_angles_at_a_time(pieces):
    images, angles = torch.stack([image(3), image(3, 1)]), some_angles(5)

    def f(x):
        return sinograms(x[None], angles)[0]

    torch.testing.assert_close(torch.func.vmap(f)(images), sinograms(images, angles))
    jacobian = torch.func.jacrev(f)(images[0]).view(3, 12, 9)
    units = sinograms(torch.eye(9, dtype=torch.float64).view(9, 3, 3), angles)
    torch.testing.assert_close(jacobian, units.permute(1, 2, 0))


def test_memory_does_not_grow_with_the_angles(monkeypatch):
    n = 32
    monkeypatch.setattr(tomography, "AT_ONCE", 4 * n * n)
    x = image(n).requires_grad_()
    for angles in (8, 64):
        with Largest() as made, Saved() as kept:
            y = radon(x, torch.linspace(0, 180, angles))
            (back,) = grad(y.sum(), x)
        assert back.shape == (n, n)
        assert made.numbers == max(2 * 4 * n * n, n * angles)  # two coordinates a pixel
        stored = {t.untyped_storage().data_ptr(): t.nbytes for t in kept.tensors}
        assert sum(stored.values()) <= x.nbytes + 2**10


def test_what_is_taken_at_once():
    """30 angles of 48² and 100 are: there nothing is computed again."""
    for angles in (30, 100):
        with Largest() as made:
            sinograms(image(48)[None], torch.linspace(0, 180, angles).double())
        assert made.numbers == 2 * angles * 48 * 48


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_of_no_values_the_shape(dtype, pieces):
    found = radon(torch.ones(5, 5, dtype=dtype, device="meta"), some_angles(5))
    assert (found.shape, found.dtype, found.is_meta) == ((5, 12), dtype, True)


def test_there_is_no_forward_mode():
    """As the docstring says: torch's grid_sample has none."""
    with pytest.raises(NotImplementedError, match="forward AD with grid_sampler_2d"):
        torch.func.jvp(lambda x: radon(x, [30.0]), (image(4),), (image(4),))


def holed(value):
    x = image(4)
    x[1, 2] = value
    return x


BAD = {
    "no pixels": (torch.ones(0, 0), [0.0], ValueError, r"must be square.*; got \(0, 0\)"),
    "a vector": (torch.ones(4), [0.0], ValueError, r"must be square, .*; got \(4,\)"),
    "a batch": (torch.ones(1, 4, 4), [0.0], ValueError, r"must be square, .*; got \(1, 4, 4\)"),
    "a number": (torch.tensor(1.0), [0.0], ValueError, r"must be square, .*; got \(\)"),
    "wide": (torch.ones(4, 5), [0.0], ValueError, r"must be square, .*; got \(4, 5\)"),
    "NaN": (holed(math.nan), [0.0], ValueError, "the image must be finite"),
    "inf": (holed(-math.inf), [0.0], ValueError, "the image must be finite"),
    "integers": (torch.ones(4, 4).long(), [0.0], TypeError, "floating tensor; got torch.int64"),
    "complex": (torch.ones(4, 4) * 1j, [0.0], TypeError, "floating tensor; got torch.complex64"),
    "an array": (image(4).numpy(), [0.0], TypeError, "must be a floating tensor; got ndarray$"),
    "lists": (image(4).tolist(), [0.0], TypeError, "must be a floating tensor; got list$"),
    "no image": (None, [0.0], TypeError, "must be a floating tensor; got NoneType$"),
    "no angles": (image(4), [], ValueError, "angles must be at least one; got none"),
    "an angle": (image(4), 30.0, ValueError, r"in one dimension, \(A\); got shape \(\)$"),
    "a 0-d angle": (image(4), torch.tensor(30.0), ValueError, r"in one dimension, .* shape \(\)$"),
    "angles in rows": (image(4), [[0.0, 1.0]], ValueError, r"one dimension, .* shape \(1, 2\)$"),
    "a string": (image(4), "30", TypeError, "^angles must be real numbers .*; got '30'$"),
    "strings": (image(4), ["30", "x"], TypeError, r"^angles must be real .*; got \['30', 'x'\]$"),
    "array of strings": (image(4), np.array(["30"]), TypeError, "^angles must be real numbers"),
    "unlike rows": (image(4), [[1.0], []], TypeError, r"^angles must be real numbers"),
    "no numbers": (image(4), None, TypeError, "^angles must be real numbers .*; got None$"),
    "complex list": (image(4), [1j], TypeError, r"^angles must be real numbers .*; got \[1j\]$"),
    "complex angles": (image(4), torch.ones(2) * 1j, TypeError, "real .* torch.complex64 on cpu$"),
    "meta angles": (image(4), torch.ones(2, device="meta"), TypeError, "real .* on meta$"),
    "NaN angle": (image(4), [0.0, math.nan], ValueError, r"must be finite.*; got \[0.0, nan\]"),
    "inf angle": (image(4), [math.inf], ValueError, r"must be finite.*; got \[inf\]"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    x, angles, error, says = BAD[case]
    with pytest.raises(error, match=says):
        radon(x, angles)
