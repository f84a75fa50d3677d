"""Least-squares coefficients of known parts."""

import re

import pytest
import torch

from hatact.analysis import components


def parts(count, networks=3, points=20):
    generator = torch.Generator().manual_seed(0)
    drawn = torch.rand(count, networks, points, 1, dtype=torch.float64, generator=generator)
    return drawn.unbind()


def test_coefficients_are_exact_on_combinations():
    c, n = parts(2)
    fitted = components(c, n) @ (0.3 * c - 0.7 * n + 5)
    assert fitted.shape == (3, 3, 1)
    for coefficients in fitted[..., 0].tolist():
        assert coefficients == pytest.approx((0.3, -0.7, 5))


def test_they_are_those_of_torchs_least_squares():
    c, n, y = parts(3)
    columns = torch.cat([c, n, torch.ones_like(c)], -1)
    torch.testing.assert_close(components(c, n) @ y, torch.linalg.lstsq(columns, y).solution)


def test_what_is_orthogonal_and_an_offset_count_for_no_part():
    c = torch.tensor([-1.0, 1, -1, 1])[:, None]
    odd = torch.tensor([1.0, 1, -1, -1])[:, None]
    inverse = components(c)
    assert inverse.shape == (2, 4)
    assert (inverse @ (2 * c + 3 * odd + 4))[:, 0].tolist() == pytest.approx([2, 4])


def test_float32_parts_are_fitted_in_float64():
    c, n = (part.float() for part in parts(2))
    near = c + 1e-3 * n  # nearly dependent: float32 would lose three digits more
    single = components(c, near)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, components(c.double(), near.double()).float())


WRONG = [(), (torch.ones(5),), (torch.ones(5, 2),), (torch.ones(5, 1), torch.ones(4, 1))]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_parts_of_another_shape_are_refused(wrong):
    shapes = [tuple(part.shape) for part in wrong]
    message = f"parts must be of one shape (*, N, 1), at least one part; got {shapes}"
    with pytest.raises(ValueError, match=re.escape(message)):
        components(*wrong)


def test_whole_numbers_are_refused():
    with pytest.raises(TypeError, match=r"must be floating tensors; got \[torch.int64\]"):
        components(torch.ones(1, 4, 1, dtype=torch.int64))
