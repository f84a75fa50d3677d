"""The condition of features: against NumPy, and what does not count."""

import math

import pytest
import torch

from hatact.analysis import feature_condition

np = pytest.importorskip("numpy")
SHAPES = [(40, 12), (12, 40), (9, 9), (1, 5), (5, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_of_random_features_it_is_numpys(shape, dtype):
    features = torch.randn(shape, dtype=dtype)
    found = feature_condition(features)
    values = np.linalg.svd(features.double().numpy(), compute_uv=False)
    np.testing.assert_allclose(found.values.numpy(), values, rtol=1e-10)
    assert found.values.dtype == torch.float64
    assert found.condition == pytest.approx(values[0] / values[-1], rel=1e-8)
    assert (found.rank, found.dead) == (min(shape), 0)


def test_it_is_of_float64_also_where_the_features_are_not():
    """In float32 the third value could not be told from 0."""
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 3)))
    features = torch.from_numpy(turn * [1, 1e-3, 1e-9]).float()
    found = feature_condition(features)
    assert found.rank == 3
    values = np.linalg.svd(features.double().numpy(), compute_uv=False)
    assert found.condition == pytest.approx(values[0] / values[2], rel=1e-4)
    assert found.condition > 1e8


def test_rounding_of_features_of_float32_counts_as_rank():
    """As the docstring says: three neurons' combinations, and all that float32 makes of them."""
    basis, mix = torch.randn(200, 3).double(), torch.randn(3, 50).double()
    assert feature_condition(basis @ mix).rank == 3
    assert feature_condition(basis.float() @ mix.float()).rank == 50


@pytest.mark.parametrize(("rank", "shape"), [(1, (30, 8)), (5, (30, 8)), (3, (8, 30))])
def test_of_a_lower_rank_the_smallest_value_that_counts_is_taken(rank, shape):
    n, width = shape
    features = torch.randn(n, rank).double() @ torch.randn(rank, width).double()
    found = feature_condition(features)
    values = np.linalg.svd(features.numpy(), compute_uv=False)
    assert found.rank == rank == np.linalg.matrix_rank(features.numpy())
    assert found.condition == pytest.approx(values[0] / values[rank - 1], rel=1e-8)
    assert found.condition < 1e4
    assert len(found.values) == 8


def test_dead_columns_and_copies_lower_the_rank_and_not_the_condition():
    features = torch.randn(20, 6).double()
    alone = feature_condition(features)
    dead = feature_condition(torch.cat([features, torch.zeros(20, 3)], 1))
    assert (dead.rank, dead.dead, alone.dead) == (6, 3, 0)
    assert dead.condition == pytest.approx(alone.condition, rel=1e-9)
    turned, _ = torch.linalg.qr(features)
    assert feature_condition(turned).condition == pytest.approx(1)
    copied = feature_condition(torch.cat([turned, turned[:, :1]], 1))
    assert (copied.rank, copied.dead) == (6, 0)
    assert copied.condition == pytest.approx(math.sqrt(2))  # a column twice is √2 as long


def test_a_column_that_one_point_reaches_is_not_dead():
    features = torch.zeros(7, 3)
    features[2, 1] = -4
    found = feature_condition(features)
    assert (found.condition, found.rank, found.dead) == (1, 1, 2)


def test_of_nothing_but_zeros_it_is_inf():
    found = feature_condition(torch.zeros(4, 3))
    assert (found.condition, found.rank, found.dead) == (math.inf, 0, 3)
    assert found.values.tolist() == [0, 0, 0]


def test_it_needs_no_gradient():
    features = torch.randn(6, 3, requires_grad=True)
    assert not feature_condition(features).values.requires_grad


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (5,), (), (2, 3, 4)], ids=str)
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(N, W\), not empty; got shape") as error:
        feature_condition(torch.ones(shape))
    assert str(error.value).endswith(str(shape))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value):
    features = torch.ones(4, 3)
    features[1, 2] = value
    with pytest.raises(ValueError, match="features must be finite"):
        feature_condition(features)
