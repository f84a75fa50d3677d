"""The largest eigenpairs, against numpy.linalg.eigh of kernels that are formed."""

import json
import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from hatact.analysis import kernel_eigenpairs, ntk_eigenpairs
from hatact.nn import MLP, Hat, TriangleCascade
from hatact.spec import PiecewisePolynomial
from tests.support.repository import ROOT, environment
from tests.support.tangents import circle, known_kernel, tangent_kernel

np = pytest.importorskip("numpy")
pytest.importorskip("scipy")
PRODUCTS = {"times": 6, "and": 43}  # what the docstring says, for single and double eigenvalues


def network(activation, outputs=1, width=24):
    layers = nn.Linear(2, width), activation, nn.Linear(width, width), activation
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def points(n, dtype=torch.float64, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 2, dtype=torch.float64, generator=generator).to(dtype) * 2 - 1


def exact(kernel, modes):
    return torch.from_numpy(np.linalg.eigvalsh(kernel.double().numpy())[::-1][:modes].copy())


def judged(pairs, kernel, modes, tolerance=1e-4, relative_to_first=False):
    """The residuals that are promised, orthonormal vectors, the largest values in order."""
    values, vectors, kernel = pairs.values.double(), pairs.vectors.double(), kernel.double()
    assert pairs.values.shape == (modes,)
    assert pairs.vectors.shape == (len(kernel), modes)
    scale = values[0] if relative_to_first else values
    apart = (kernel @ vectors - vectors * values).norm(dim=0)
    assert bool((apart <= tolerance * scale + 1e-12 * values[0]).all())
    eye = torch.eye(modes, dtype=torch.float64)
    eps = torch.finfo(pairs.vectors.dtype).eps
    assert float((vectors.T @ vectors - eye).abs().max()) <= 100 * eps * math.sqrt(modes)
    assert bool((values[:-1] >= values[1:]).all())
    assert bool((values >= 0).all())
    expected = exact(kernel, modes)
    assert float((values - expected).abs().max()) <= tolerance * float(expected[0])


NETWORKS = {
    "relu": lambda: network(nn.ReLU()),
    "hat": lambda: network(Hat(8)),
    "mlp": lambda: MLP(2, 16, 1, 4, PiecewisePolynomial.from_truncated_powers((0,), (1,), 1)),
    "three outputs": lambda: network(Hat(4), 3, 12),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_eigenpairs_of_a_network(name):
    n, modes = (500, 40) if name != "three outputs" else (150, 15)
    model, x = NETWORKS[name]().double(), points(n)
    kernel = tangent_kernel(model, x)
    pairs = ntk_eigenpairs(model, x, modes)
    judged(pairs, kernel, modes)
    relative = (pairs.values - exact(kernel, modes)).abs() / exact(kernel, modes)
    assert float(relative.max()) < 1e-6
    assert 2 * modes <= pairs.products <= 6 * modes
    again = ntk_eigenpairs(model, x, modes)
    assert again.products == pairs.products
    assert torch.equal(again.values, pairs.values)
    assert torch.equal(again.vectors, pairs.vectors)


@pytest.mark.parametrize(("chunk", "n"), [(1, 9), (40, 100), (100, 100), (1000, 100)])
def test_chunks_change_nothing_but_rounding(chunk, n):
    model, x = network(Hat(4), 2, 8).double(), points(n)
    whole, parts = ntk_eigenpairs(model, x, 2), ntk_eigenpairs(model, x, 2, chunk)
    torch.testing.assert_close(parts.values, whole.values, rtol=1e-9, atol=0)
    judged(parts, tangent_kernel(model, x), 2)


def test_float32_keeps_what_it_promises():
    model, x = network(Hat(8)), points(300, torch.float32)
    pairs = ntk_eigenpairs(model, x, 30)
    assert pairs.values.dtype == pairs.vectors.dtype == torch.float32
    judged(pairs, tangent_kernel(model.double(), x.double()), 30, 1e-4, relative_to_first=True)


@pytest.mark.parametrize("modes", [50, 100, 199, 200])
def test_up_to_four_points_a_mode_the_kernel_is_decomposed(modes):
    model, x = network(nn.Tanh(), 1, 8).double(), points(200)
    pairs = ntk_eigenpairs(model, x, modes)
    assert pairs.products == 0
    kernel = tangent_kernel(model, x)
    torch.testing.assert_close(
        pairs.values, exact(kernel, modes).clamp(min=0), rtol=0, atol=1e-12 * float(pairs.values[0])
    )
    judged(pairs, kernel, modes, 1e-9, relative_to_first=True)


def test_beyond_it_is_never_formed(monkeypatch):
    def formed(*args, **kwargs):
        raise AssertionError("the kernel was formed")

    monkeypatch.setattr(sys.modules["hatact.analysis.eigenpairs"], "empirical_ntk", formed)
    model = network(nn.Tanh())
    assert ntk_eigenpairs(model, points(41, torch.float32), 10).products > 0
    with pytest.raises(AssertionError, match="the kernel was formed"):
        ntk_eigenpairs(model, points(40, torch.float32), 10)


class Waves(nn.Module):
    """Σ_k c_k·(a_k·cos kθ + b_k·sin kθ): on the circle every eigenvalue is double, n·c_k²/2."""

    def __init__(self, scales):
        super().__init__()
        self.scales = torch.tensor(scales, dtype=torch.float64)
        self.weights = nn.Parameter(torch.randn(2, len(scales), dtype=torch.float64))

    def forward(self, x):
        angles = torch.atan2(x[:, 1], x[:, 0])[:, None] * torch.arange(1, len(self.scales) + 1)
        waves = self.scales * torch.stack([angles.cos(), angles.sin()])
        return torch.einsum("cnk,ck->n", waves, self.weights)


@pytest.mark.parametrize("modes", [1, 2, 7, 8, 20])
def test_double_eigenvalues_are_all_found(modes):
    scales = [1.0 / k for k in range(1, 13)]
    pairs = ntk_eigenpairs(Waves(scales), circle(200), modes)
    expected = torch.tensor([100 * c**2 for c in scales for _ in range(2)][:modes])
    torch.testing.assert_close(pairs.values, expected.double(), rtol=1e-6, atol=0)
    judged(pairs, tangent_kernel(Waves(scales), circle(200)), modes)
    assert pairs.products <= PRODUCTS["times"] * modes + PRODUCTS["and"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("copies", "modes"), [(10, 6), (10, 12), (20, 10), (20, 30)])
def test_many_copies_of_an_eigenvalue(copies, modes, dtype):
    values = torch.tensor([1 / (1 + i // copies) for i in range(260)], dtype=torch.float64)
    kernel, _ = known_kernel(values)
    pairs = kernel_eigenpairs(kernel.to(dtype), modes)
    judged(pairs, kernel, modes, relative_to_first=dtype == torch.float32)


@pytest.mark.parametrize("nearest", [0.97, 0.985])
def test_copies_that_are_searched_for_are_as_good_as_the_rest(nearest):
    """The next eigenvalues are close, so the search ends long before the vector is right."""
    values = torch.cat([torch.ones(3), torch.linspace(nearest, 0.3, 597)]).double()
    kernel, _ = known_kernel(values)
    judged(kernel_eigenpairs(kernel, 3), kernel, 3)


RANKS = {"random": 3, "all ones": 1, "zero": 0, "an axis": 1, "two axes": 2}


@pytest.mark.parametrize("modes", [1, 2, 6])
@pytest.mark.parametrize("what", RANKS)
def test_a_rank_below_the_modes(what, modes):
    kernel, factor = torch.zeros(60, 60).double(), torch.randn(60, 3).double()
    if what == "random":
        kernel = factor @ factor.T
        kernel = (kernel + kernel.T) / 2
    elif what == "all ones":
        kernel += 1
    elif what != "zero":
        kernel[range(RANKS[what]), range(RANKS[what])] = 1.0
    pairs = kernel_eigenpairs(kernel, modes)
    judged(pairs, kernel, modes)
    assert bool((pairs.values[RANKS[what] :] <= 1e-12).all())
    assert torch.equal(kernel_eigenpairs(kernel, modes).vectors, pairs.vectors)


def test_a_network_that_is_zero_everywhere():
    pairs = ntk_eigenpairs(TriangleCascade(2), points(30, torch.float32)[:, :1] + 5, 3)
    assert pairs.values.tolist() == [0, 0, 0]
    assert torch.equal(pairs.vectors.T @ pairs.vectors, torch.eye(3))


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12, 1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_scale_of_a_kernel_does_not_matter(dtype, scale):
    values = torch.tensor([0.8**i for i in range(80)], dtype=torch.float64)
    kernel, _ = known_kernel(values * scale)
    pairs = kernel_eigenpairs(kernel.to(dtype), 12)
    judged(pairs, kernel, 12, relative_to_first=dtype == torch.float32)


def test_x_may_require_a_gradient_and_nothing_is_left_on_the_model():
    model, x = network(Hat(4)), points(60, torch.float32).requires_grad_()
    before = [p.clone() for p in model.parameters()]
    pairs = ntk_eigenpairs(model, x, 5)
    with torch.no_grad():
        assert torch.equal(ntk_eigenpairs(model, x, 5).values, pairs.values)
    assert not pairs.values.requires_grad
    assert not pairs.vectors.requires_grad
    assert all(p.grad is None for p in [x, *model.parameters()])
    assert all(map(torch.equal, model.parameters(), before))


def test_a_kernel_that_requires_a_gradient_and_is_symmetric_but_for_rounding():
    kernel, _ = known_kernel(torch.arange(50, 0, -1.0).double())
    apart = kernel.clone()
    apart[3, 7] += 1e-13
    for modes in (4, 40):
        pairs = kernel_eigenpairs(apart.requires_grad_(), modes)
        assert not pairs.values.requires_grad
        torch.testing.assert_close(pairs.values, torch.arange(50, 50 - modes, -1.0).double())


def test_without_scipy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse.linalg", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'hatact\[verify\]'") as got:
        kernel_eigenpairs(torch.eye(50), 2)
    assert got.value.name == "scipy"
    assert kernel_eigenpairs(torch.eye(8), 2).values.tolist() == [1, 1]


@pytest.mark.parametrize("n", [8, 60])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(n, number):
    model = network(nn.Tanh())
    model[2].weight.data[0, 0] = number
    with pytest.raises(ValueError, match="a kernel must be finite; got"):
        ntk_eigenpairs(model, points(n, torch.float32), 2)


@pytest.mark.parametrize("modes", [0, -1, 61, 2.0, True, "3", None])
def test_bad_modes(modes):
    why = f"a whole number from 1 to the number of points, 60; got {modes!r}$"
    with pytest.raises(ValueError, match=why):
        ntk_eigenpairs(network(nn.Tanh()), points(60, torch.float32), modes)
    with pytest.raises(ValueError, match=why):
        kernel_eigenpairs(torch.eye(60), modes)


NAN = torch.eye(3)
NAN[1, 2] = NAN[2, 1] = float("nan")


@pytest.mark.parametrize(
    ("kernel", "why"),
    [
        (torch.eye(3).half(), "must be float32 or float64; got torch.float16"),
        (torch.eye(3).long(), "must be float32 or float64; got torch.int64"),
        (torch.ones(3, 4), r"must be a square matrix; got shape \(3, 4\)"),
        (torch.ones(3), r"must be a square matrix; got shape \(3,\)"),
        (torch.ones(0, 0), r"must be a square matrix; got shape \(0, 0\)"),
        (NAN, "must be finite; got 2 that are not"),
        (-torch.eye(3), "positive semi-definite, to √eps .*; got eigenvalues from -1 to -1"),
        (torch.diag(torch.tensor([1.0, 0.0, -1e-3])), r"got eigenvalues from -0.001 to 1"),
        (torch.ones(3, 3).triu(), r"must be symmetric; got max\|K − Kᵀ\| = 1 with max\|K\| = 1"),
    ],
)
def test_bad_kernels(kernel, why):
    with pytest.raises(ValueError, match=why):
        kernel_eigenpairs(kernel, 1)


def test_what_rounding_makes_negative_is_0():
    pairs = kernel_eigenpairs(torch.diag(torch.tensor([1.0, 0.0, -1e-4])), 3)
    assert pairs.values.tolist() == [1, 0, 0]


@pytest.mark.parametrize("n", [8, 60])
def test_bad_models_and_chunks(n):
    x = points(n, torch.float32)
    with pytest.raises(ValueError, match="a chunk must hold at least 1 point; got 0"):
        ntk_eigenpairs(network(nn.Tanh()), x, 2, 0)
    with pytest.raises(ValueError, match="parameters that require a gradient; got none"):
        ntk_eigenpairs(nn.ReLU(), x, 2)
    with pytest.raises(ValueError, match=r"eval mode .*; got Dropout '1' in training mode"):
        ntk_eigenpairs(nn.Sequential(nn.Linear(2, 1), nn.Dropout()), x, 2)
    with pytest.raises(
        ValueError, match=rf"a row for every point, \d+; got shape \(({2 * n}|4),\)"
    ):
        ntk_eigenpairs(nn.Sequential(nn.Linear(2, 2), nn.Flatten(0)), x, 2)


@pytest.mark.slow
@pytest.mark.apart
@pytest.mark.parametrize(("activation", "chunk"), [("relu", "2500"), ("hat", "0")])
def test_10000_points_of_five_layers_of_256(activation, chunk):
    """In a process of its own, of which the peak memory is that of nothing else."""
    code = [sys.executable, "-m", "tests.support.children.eigenpairs"]
    run = subprocess.run(
        [*code, activation, chunk], env=environment(), cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["products"] <= 400
    assert found["apart"] <= 1e-4
    assert found["away"] <= 1e-4
    assert found["flat"] <= 1e-4  # |λ(K·S)/λ_m − 1|, on the span of the vectors
    assert found["peak"] < 4 * 2**30
