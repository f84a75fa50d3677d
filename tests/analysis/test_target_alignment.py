"""The share of a target in the first eigenvectors of a kernel."""

import pytest
import torch

from hatact.analysis import kernel_eigenpairs, target_alignment


def vectors(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]


def test_it_is_the_sum_of_squared_products_with_the_centred_target():
    v, y = vectors(12), torch.arange(12.0) ** 2
    found = target_alignment(v[:, :5], y)
    centred = y.double() - y.double().mean()
    known = [
        sum(float(v[:, j] @ centred) ** 2 for j in range(m + 1)) / float(centred @ centred)
        for m in range(5)
    ]
    assert found.tolist() == pytest.approx(known, rel=1e-12)
    assert target_alignment(v, y)[-1] == pytest.approx(1, abs=1e-12)
    assert found.dtype == torch.float64


def test_a_target_is_all_in_its_own_vector_and_its_mean_does_not_count():
    n = 16
    wave = torch.sin(2 * torch.pi * 3 * torch.arange(n, dtype=torch.float64) / n)
    others = torch.cos(2 * torch.pi * torch.arange(n, dtype=torch.float64) / n)
    basis = torch.stack([others / others.norm(), wave / wave.norm()], 1)
    for target in (wave, 5 + 3 * wave, (5 + 3 * wave)[:, None]):
        assert target_alignment(basis, target).tolist() == pytest.approx([0, 1], abs=1e-12)


def test_it_takes_eigenvectors_of_a_kernel_in_float32():
    x = torch.linspace(-1, 1, 40)[:, None]
    kernel = torch.exp(-((x - x.T) ** 2))
    found = target_alignment(kernel_eigenpairs(kernel, 10).vectors, x[:, 0])
    assert bool((found.diff() >= 0).all())
    assert 0.99 < float(found[-1]) <= 1 + 1e-5


@pytest.mark.parametrize(
    ("v", "y", "rule"),
    [
        (torch.eye(3), torch.ones(4), "shape"),
        (torch.eye(3)[0], torch.ones(3), "shape"),
        (torch.eye(3), torch.ones(3, 2), "shape"),
        (torch.ones(3, 0), torch.ones(3), "m at least 1"),
        ([[1.0]], torch.ones(1), "tensors; got list"),
        (torch.eye(3), torch.ones(3), "constant; got 1"),
        (torch.eye(3), torch.zeros(3), "constant; got 0"),
        (torch.eye(3), torch.tensor([1.0, float("nan"), 0]), "finite"),
        (2 * torch.eye(3), torch.tensor([1.0, 2, 0]), "orthonormal"),
    ],
)
def test_bad_input_is_refused(v, y, rule):
    with pytest.raises(ValueError, match=rule):
        target_alignment(v, y)
