"""Kernels with other eigenvalues: against dense matrices, numpy.linalg.eigh and solve."""

import math

import pytest
import torch
from torch import nn

from hatact.analysis import ModifiedSpectrumKernel, empirical_ntk, flattened, shallow_relu_ntk
from hatact.nn import Hat
from hatact.optim import SpectrumPreconditioner
from tests.support.tangents import circle, known_kernel

np = pytest.importorskip("numpy")


def gauss(x1, x2):
    return torch.exp(-torch.cdist(x1, x2).square() * 3)


def powers(x1, x2):
    """Of rank 6 in two dimensions."""
    return (1 + x1 @ x2.T) ** 2


def points(n, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 2, dtype=torch.float64, generator=generator) * 2 - 1


def root(values):
    return values.sqrt()


WAYS = {"last": flattened(7), "first": flattened(7, "first"), "root": root}


def test_flattened_by_hand():
    values = torch.tensor([9.0, 4.0, 2.0, 1.0])
    assert flattened(3)(values).tolist() == [2, 2, 2, 1]
    assert flattened(3, "first")(values).tolist() == [9, 9, 9, 1]
    assert flattened(1)(values).tolist() == flattened(1, "first")(values).tolist() == [9, 4, 2, 1]
    assert flattened(4)(values).tolist() == [1, 1, 1, 1]
    assert values.tolist() == [9, 4, 2, 1]


@pytest.mark.parametrize("way", ["last", "first"])
def test_gram_is_k_times_s_of_the_preconditioner(way):
    x = circle(60)
    kernel = shallow_relu_ntk(x)
    p = SpectrumPreconditioner.from_kernel(kernel, 7, way)
    s = p.apply(torch.eye(60, dtype=torch.float64))
    gram = ModifiedSpectrumKernel(shallow_relu_ntk, x, flattened(7, way)).gram()
    for product in (kernel @ s, s @ kernel):
        assert float(torch.linalg.matrix_norm(gram - product, 2)) <= 1e-4 * float(p.eigenvalues[0])


@pytest.mark.parametrize("way", WAYS)
def test_its_eigenvalues_are_those_of_g(way):
    x = points(40)
    made = ModifiedSpectrumKernel(gauss, x, WAYS[way])
    values = np.linalg.eigvalsh(gauss(x, x).numpy())[::-1]
    values = values[values > 40 * np.finfo(float).eps * values[0]]
    np.testing.assert_allclose(made.eigenvalues, values, rtol=1e-6, atol=1e-13 * values[0])
    expected = np.sort(WAYS[way](torch.from_numpy(values.copy())).numpy())[::-1]
    got = np.linalg.eigvalsh(made.gram().numpy())[::-1]
    np.testing.assert_allclose(got[: len(values)], expected, rtol=1e-4, atol=1e-8 * expected[0])
    np.testing.assert_allclose(got[len(values) :], 0, atol=1e-12 * expected[0])
    assert got.shape == (40,)


@pytest.mark.parametrize("g", [flattened(30), flattened(30, "first"), root])
def test_k_times_s_of_a_network_at_500_points(g):
    """The preconditioner's pairs come of Lanczos' method, K of Jacobians."""
    model = nn.Sequential(nn.Linear(2, 24), Hat(4), nn.Linear(24, 24), Hat(4), nn.Linear(24, 1))
    x = points(500)
    kernel = empirical_ntk(model.double(), x)
    s = SpectrumPreconditioner(model, x, 30, g).apply(torch.eye(500, dtype=torch.float64))
    values = torch.from_numpy(np.linalg.eigvalsh(kernel.numpy())[::-1].copy())
    expected = torch.cat([g(values[:30]), values[30:]]).sort(descending=True).values
    got = np.linalg.eigvals((kernel @ s).numpy())
    assert np.abs(got.imag).max() <= 1e-4 * values[0]
    apart = np.abs(np.sort(got.real)[::-1] - expected.numpy())
    assert (apart[:30] <= 1e-4 * expected.numpy()[:30]).all()
    assert apart.max() <= 1e-4 * expected[0]


@pytest.mark.parametrize("way", WAYS)
def test_the_nystrom_form_is_its_definition(way):
    x, some, others = points(25), points(6, 2), points(4, 3)
    made = ModifiedSpectrumKernel(gauss, x, WAYS[way])
    expected = np.zeros((6, 4))
    left, right = gauss(some, x).numpy(), gauss(others, x).numpy()
    for value, g, v in zip(made.eigenvalues, made.modified, made.vectors.T, strict=True):
        expected += float(g / value**2) * np.outer(left @ v.numpy(), right @ v.numpy())
    scale = np.abs(expected).max()
    np.testing.assert_allclose(made(some, others), expected, rtol=0, atol=1e-11 * scale)
    torch.testing.assert_close(made(some), made(some, some))
    torch.testing.assert_close(made(x), made.gram(), rtol=0, atol=1e-6)
    assert made(x[:1], x).shape == (1, 25)


def test_with_g_of_the_eigenvalues_themselves_it_is_the_kernel():
    x = points(12)
    made = ModifiedSpectrumKernel(powers, x, lambda values: values)
    assert len(made.eigenvalues) == 6
    torch.testing.assert_close(made.gram(), powers(x, x))
    others = points(9, 2)
    torch.testing.assert_close(made(others), powers(others, others), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("way", WAYS)
def test_without_a_ridge_it_predicts_as_the_kernel_does(way):
    x, others = circle(31), circle(7)
    y = torch.sin(3 * torch.atan2(x[:, 1], x[:, 0])) + x[:, 0]
    alone = np.linalg.solve(shallow_relu_ntk(x).numpy(), y.numpy())
    fitted = ModifiedSpectrumKernel(shallow_relu_ntk, x, WAYS[way]).fit(y)
    np.testing.assert_allclose(
        fitted.predict(others), shallow_relu_ntk(others, x).numpy() @ alone, atol=1e-8
    )
    torch.testing.assert_close(fitted.predict(x), y)


@pytest.mark.parametrize("columns", [(), (1,), (3,)])
@pytest.mark.parametrize("way", WAYS)
def test_with_a_ridge_it_is_ridge_regression_with_the_new_kernel(way, columns):
    x, others, ridge = points(30), points(9, 2), 0.02
    y = torch.randn(30, *columns, dtype=torch.float64)
    made = ModifiedSpectrumKernel(gauss, x, WAYS[way], 1e-9)
    fitted = made.fit(y, ridge)
    system = made.gram().numpy() + ridge * np.eye(30)
    expected = made(others, x).numpy() @ np.linalg.solve(system, y.numpy())
    assert fitted.predict(others).shape == (9, *columns)
    np.testing.assert_allclose(fitted.predict(others), expected, atol=1e-6)
    plain = gauss(x, x).numpy() + ridge * np.eye(30)
    other = gauss(others, x).numpy() @ np.linalg.solve(plain, y.numpy())
    assert np.abs(other - expected).max() > 1e-3


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_modes_of_which_g_is_zero_are_left_out(ridge):
    x = circle(20)
    y = torch.randn(20, dtype=torch.float64)
    made = ModifiedSpectrumKernel(shallow_relu_ntk, x, lambda v: torch.where(v >= v[4], v, 0))
    kept = made.vectors[:, :5]
    shares = made.eigenvalues[:5] / (made.eigenvalues[:5] + ridge) * (kept.T @ y)
    torch.testing.assert_close(made.fit(y, ridge).predict(x), kept @ shares)


def test_whole_numbers_as_values():
    x = circle(9)
    made = ModifiedSpectrumKernel(shallow_relu_ntk, x, flattened(3))
    torch.testing.assert_close(made.fit(torch.arange(9)).predict(x), torch.arange(9.0).double())


def test_what_is_below_the_cutoff_is_dropped():
    kernel, _ = known_kernel(torch.tensor([4.0, 2.0, 1.0, 0.1, 0.0]).double())
    x = torch.arange(5)[:, None]

    def k(x1, x2):
        return kernel[x1[:, 0]][:, x2[:, 0]]

    for cutoff, kept in ((None, 4), (0.0, 4), (0.02, 4), (0.03, 3), (0.2, 3), (0.3, 2), (0.9, 1)):
        made = ModifiedSpectrumKernel(k, x, lambda v: v, cutoff)
        if cutoff == 0.0:  # what rounding made of the last may be above 0
            assert len(made.eigenvalues) in (4, 5)
        else:
            assert len(made.eigenvalues) == kept
            assert made.vectors.shape == (5, kept)


def test_g_may_write_to_what_it_is_given():
    x = circle(20)

    def written(values):
        values[:3] = values[2]
        return values

    made = ModifiedSpectrumKernel(shallow_relu_ntk, x, written)
    expected = ModifiedSpectrumKernel(shallow_relu_ntk, x, flattened(3))
    assert torch.equal(made.eigenvalues, expected.eigenvalues)
    assert torch.equal(made.modified, expected.modified)
    p = SpectrumPreconditioner.from_kernel(shallow_relu_ntk(x), 3, written)
    r = torch.randn(20, dtype=torch.float64)
    own = SpectrumPreconditioner.from_kernel(shallow_relu_ntk(x), 3)
    torch.testing.assert_close(p.apply(r), own.apply(r))


@pytest.mark.parametrize("modes", [0, -2, 1.0, True, None, "3"])
def test_bad_numbers_of_modes(modes):
    with pytest.raises(ValueError, match=f"modes must be .*, at least 1; got {modes!r}"):
        flattened(modes)


def test_bad_words_and_too_few_eigenvalues():
    with pytest.raises(ValueError, match="to the 'last' or the 'first'; got 'middle'"):
        flattened(3, "middle")
    with pytest.raises(ValueError, match="g flattens 3 eigenvalues; got 2"):
        flattened(3)(torch.ones(2))


BAD_G = {
    "one number": (lambda v: 1.0, r"a value for each of 5 eigenvalues; got shape \(\)"),
    "too few": (lambda v: v[:3], r"a value for each of 5 eigenvalues; got shape \(3,\)"),
    "negative": (lambda v: v - v[2], r"finite and not negative; got g\(.*\) = -"),
    "infinite": (lambda v: 1 / (v - v[0]), "finite and not negative; got .*inf"),
    "NaN": (lambda v: v * math.nan, "finite and not negative; got .* = nan"),
}


@pytest.mark.parametrize("what", BAD_G)
def test_bad_g(what):
    g, why = BAD_G[what]
    with pytest.raises(ValueError, match=why):
        ModifiedSpectrumKernel(gauss, circle(5), g)
    with pytest.raises(ValueError, match=why):
        SpectrumPreconditioner.from_kernel(known_kernel(torch.arange(9.0))[0], 5, g)


BAD_KERNELS = {
    "not square": (lambda a, b: torch.ones(5, 4), {}, r"square matrix; got shape \(5, 4\)"),
    "of others": (lambda a, b: torch.eye(4), {}, "a row for each of 5 points; got 4"),
    "not symmetric": (lambda a, b: torch.ones(5, 5).triu(), {}, "must be symmetric"),
    "NaN": (lambda a, b: torch.full((5, 5), math.nan), {}, "must be finite; got 25 that are not"),
    "zero": (lambda a, b: torch.zeros(5, 5), {}, "above the cutoff and 0; the largest is 0"),
    "negative": (
        lambda a, b: -torch.eye(5),
        {},
        "must be positive semi-definite, .* from -1 to -1",
    ),
    "cutoff of 1": (gauss, {"cutoff": 1.0}, r"must lie in \[0, 1\); got 1.0"),
    "negative cutoff": (gauss, {"cutoff": -1e-9}, r"must lie in \[0, 1\); got -1e-09"),
    "NaN cutoff": (gauss, {"cutoff": math.nan}, r"must lie in \[0, 1\); got nan"),
}


@pytest.mark.parametrize("what", BAD_KERNELS)
def test_bad_kernels_and_cutoffs(what):
    kernel, given, why = BAD_KERNELS[what]
    with pytest.raises(ValueError, match=why):
        ModifiedSpectrumKernel(kernel, circle(5), lambda values: values, **given)


@pytest.mark.parametrize(
    ("y", "ridge", "why"),
    [
        (torch.ones(4), 0.0, r"a value or a row for each of 5 points; got shape \(4,\)"),
        (torch.ones(5, 1, 1), 0.0, r"got shape \(5, 1, 1\)"),
        (torch.tensor(1.0), 0.0, r"got shape \(\)"),
        (torch.ones(5), -1e-9, "finite and not negative; got -1e-09"),
        (torch.ones(5), math.inf, "finite and not negative; got inf"),
        (torch.ones(5), math.nan, "finite and not negative; got nan"),
    ],
)
def test_bad_values_and_ridges(y, ridge, why):
    with pytest.raises(ValueError, match=why):
        ModifiedSpectrumKernel(gauss, circle(5), lambda values: values).fit(y, ridge)
