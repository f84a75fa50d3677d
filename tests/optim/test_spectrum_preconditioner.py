"""The preconditioner, against dense matrices and gradients that torch.autograd gives."""

import copy
import io
import math

import pytest
import torch
from torch import nn

from hatact.analysis import empirical_ntk, flattened
from hatact.nn import Hat
from hatact.optim import SpectrumPreconditioner
from tests.support.memory import Largest
from tests.support.tangents import jacobian, known_kernel, tangent_kernel

pytest.importorskip("scipy")
N, MODES = 24, 6


def network(outputs=1, activation=None):
    act = nn.Tanh() if activation is None else activation
    return nn.Sequential(nn.Linear(2, 10), act, nn.Linear(10, outputs)).double()


def points(n=N, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 2, dtype=torch.float64, generator=generator) * 2 - 1


def shifted(values):
    """A g that is neither word; far from g(λ) = λ."""
    return values.sqrt() + 0.5


WAYS = {"last": "last", "first": "first", "a function": shifted}
G = {"last": flattened(MODES), "first": flattened(MODES, "first"), "a function": shifted}


def dense(kernel, g, modes=MODES):
    """S = I − Σ (1 − g(λ_i)/λ_i)·v_i·v_iᵀ of `torch.linalg.eigh`, term by term."""
    values, vectors = torch.linalg.eigh(kernel)
    values, vectors = values.flip(0)[:modes], vectors.flip(1)[:, :modes]
    s = torch.eye(len(kernel), dtype=torch.float64)
    for value, target, v in zip(values, g(values), vectors.T, strict=True):
        s -= (1 - target / value) * torch.outer(v, v)
    return s


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 4)])
@pytest.mark.parametrize("way", WAYS)
def test_apply_is_the_dense_matrix(way, shape):
    model, x = network(), points()
    s = dense(tangent_kernel(model, x), G[way])
    p = SpectrumPreconditioner(model, x, MODES, WAYS[way])
    r = torch.randn(N, *shape, dtype=torch.float64)
    expected = (s @ r.reshape(N, -1)).reshape(r.shape)
    torch.testing.assert_close(p.apply(r), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_of_a_matrix_and_beyond_four_points_a_mode(way):
    kernel, _ = known_kernel(torch.tensor([0.8**i for i in range(50)]).double())
    p = SpectrumPreconditioner.from_kernel(kernel, MODES, WAYS[way])
    s = p.apply(torch.eye(50, dtype=torch.float64))
    torch.testing.assert_close(s, dense(kernel, G[way]), rtol=0, atol=1e-4)
    torch.testing.assert_close(p.eigenvalues, torch.tensor([0.8**i for i in range(MODES)]).double())
    assert p.vectors.shape == (50, MODES)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("way", WAYS)
def test_the_gradient_of_the_loss_is_that_of_the_docstring(way, outputs):
    """(2/N)·Jᵀ·S·r with N = r.numel(), and the loss rᵀ·S·r/N."""
    model, x = network(outputs), points()
    y = torch.randn(N, outputs, dtype=torch.float64)
    s, j = dense(tangent_kernel(model, x), G[way]), jacobian(model, x)
    p = SpectrumPreconditioner(model, x, MODES, WAYS[way])
    loss = p.loss(model(x), y)
    loss.backward()
    r = (model(x) - y).detach()
    assert loss.shape == ()
    torch.testing.assert_close(loss.detach(), (r * (s @ r)).sum() / r.numel())
    gradient = torch.cat([w.grad.flatten() for w in model.parameters()])
    expected = 2 / r.numel() * torch.einsum("nop,no->p", j, s @ r)
    torch.testing.assert_close(gradient, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("index", [None, [3, 5, 0]])
def test_with_g_of_the_eigenvalues_themselves_it_is_the_mean_squared_error(index):
    model, x, y = network(2), points(), torch.randn(N, 2, dtype=torch.float64)
    p = SpectrumPreconditioner(model, x, MODES, lambda values: values)
    chosen = slice(None) if index is None else index
    loss = p.loss(model(x)[chosen], y[chosen], index)
    plain = nn.functional.mse_loss(model(x)[chosen], y[chosen])
    torch.testing.assert_close(loss, plain)
    for got, expected in zip(
        torch.autograd.grad(loss, list(model.parameters())),
        torch.autograd.grad(plain, list(model.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(got, expected)


CHOSEN = [1, 2, 5, 7, 11]
MASK = torch.zeros(N, dtype=torch.bool).index_fill(0, torch.tensor(CHOSEN), True)
INDICES = {
    "a list": (CHOSEN, CHOSEN),
    "a tensor": (torch.tensor(CHOSEN), CHOSEN),
    "int32": (torch.tensor(CHOSEN, dtype=torch.int32), CHOSEN),
    "uint8": (torch.tensor(CHOSEN, dtype=torch.uint8), CHOSEN),
    "all of uint8": (torch.arange(N, dtype=torch.uint8), list(range(N))),
    "a mask": (MASK, CHOSEN),
    "a mask as a list": (MASK.tolist(), CHOSEN),
    "a slice": (slice(2, 20, 3), [2, 5, 8, 11, 14, 17]),
    "from the end": ([-1, 0, -N], [N - 1, 0, 0]),
    "twice the same": ([4, 4], [4, 4]),
}


@pytest.mark.parametrize("what", INDICES)
def test_a_mini_batch_is_the_formula(what):
    """S_I = I − (n/|I|)·V_I·D·V_Iᵀ."""
    index, rows = INDICES[what]
    model, x = network(), points()
    s, eye = dense(tangent_kernel(model, x), G["last"]), torch.eye(N, dtype=torch.float64)
    part = (eye - s)[rows][:, rows]
    s_i = torch.eye(len(rows), dtype=torch.float64) - N / len(rows) * part
    p = SpectrumPreconditioner(model, x, MODES)
    r = torch.randn(len(rows), 2, dtype=torch.float64)
    torch.testing.assert_close(p.apply(r, index), s_i @ r, rtol=1e-8, atol=1e-8)
    y = torch.randn(len(rows), 2, dtype=torch.float64)
    expected = ((r - y) * (s_i @ (r - y))).sum() / r.numel()
    torch.testing.assert_close(p.loss(r, y, index), expected, rtol=1e-8, atol=1e-8)


def test_what_a_mini_batch_comes_to_on_average():
    """Of all pairs: 1 − 1/|I| of the whole, and what a row gives itself n/|I| times."""
    kernel, _ = known_kernel(torch.tensor([4.0, 2.0, 1.0, 0.5, 0.2]).double())
    p = SpectrumPreconditioner.from_kernel(kernel, 2)
    d = p.apply(torch.eye(5, dtype=torch.float64)) - torch.eye(5)
    r, drawn, times = torch.randn(5, dtype=torch.float64), torch.zeros(5).double(), torch.zeros(5)
    for i in range(5):
        for j in range(5):
            taken = p.apply(r[[i, j]], [i, j]) - r[[i, j]]
            for row, value in zip((i, j), taken, strict=True):
                drawn[row] += value
                times[row] += 1
    own = 5 / 2 * d.diag() * r  # what a row that is given gets of itself
    rest = d @ r / 2
    torch.testing.assert_close(drawn / times, own + rest)


class Linear(nn.Module):
    """f = A·w of fixed features, so the kernel A·Aᵀ does not change in training."""

    def __init__(self, features):
        super().__init__()
        self.features = features
        self.w = nn.Parameter(torch.zeros(features.shape[1], dtype=torch.float64))

    def forward(self, x):
        return self.features[x] @ self.w


@pytest.mark.parametrize("n", [20, 60])
def test_one_step_at_the_rate_leaves_nothing_of_the_leading_modes(n):
    kernel, vectors = known_kernel(torch.tensor([0.7**i for i in range(n)]).double())
    model, x = Linear(torch.linalg.cholesky(kernel + 1e-12 * torch.eye(n))), torch.arange(n)
    p = SpectrumPreconditioner(model, x, 6)
    y = torch.randn(n, dtype=torch.float64)
    assert p.rate() == pytest.approx(n / (2 * 0.7**5), rel=1e-6)
    optimiser = torch.optim.SGD(model.parameters(), lr=p.rate())
    p.loss(model(x), y).backward()
    optimiser.step()
    left = vectors.T @ (y - model(x).detach())
    before = vectors.T @ y
    assert float((left[:6] / before[:6]).abs().max()) < 1e-4
    ratio = 1 - torch.tensor([0.7**i / 0.7**5 for i in range(6, n)]).double()
    torch.testing.assert_close(left[6:] / before[6:], ratio, rtol=0, atol=1e-4)


def test_the_rate_is_the_largest_eigenvalue_that_is_left():
    kernel = torch.diag(torch.tensor([8.0, 4.0, 2.0, 1.0]).double())

    def rate(modes, way):
        return SpectrumPreconditioner.from_kernel(kernel, modes, way).rate()

    assert rate(2, "last") == pytest.approx(4 / (2 * 4))
    assert rate(3, "first") == pytest.approx(4 / (2 * 8))
    assert rate(2, lambda values: values * 3) == pytest.approx(4 / (2 * 24))
    assert rate(3, lambda values: values * 0) == pytest.approx(4 / (2 * 2))
    assert isinstance(rate(1, "last"), float)


def test_descent_is_that_of_the_linearised_network():
    """r_t = (I − (2η/N)·K·S)ᵗ·r₀, for a model whose kernel stays."""
    kernel, _ = known_kernel(torch.tensor([0.6**i for i in range(16)]).double())
    model, x = Linear(torch.linalg.cholesky(kernel)), torch.arange(16)
    p, y = SpectrumPreconditioner(model, x, 4), torch.randn(16, dtype=torch.float64)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.3 * p.rate())
    step = torch.eye(16) - 2 * 0.3 * p.rate() / 16 * kernel @ dense(kernel, flattened(4), 4)
    r = -y
    for _ in range(20):
        optimiser.zero_grad()
        p.loss(model(x), y).backward()
        optimiser.step()
        r = step @ r
    torch.testing.assert_close(model(x).detach() - y, r, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("made", [torch.optim.Adam, torch.optim.LBFGS, torch.optim.AdamW])
def test_other_optimisers_take_the_gradient(made):
    model, x = network(), points()
    y = torch.sin(3 * x[:, :1])
    p, losses = SpectrumPreconditioner(model, x, MODES), []
    optimiser = made(model.parameters(), lr=0.01 if made is not torch.optim.LBFGS else 0.1)

    def closure():
        optimiser.zero_grad()
        loss = p.loss(model(x), y)
        loss.backward()
        losses.append(float(loss.detach()))
        return loss

    for _ in range(60 if made is not torch.optim.LBFGS else 5):
        optimiser.step(closure)
    assert losses[-1] < 0.5 * losses[0]


def test_refresh_follows_the_model():
    model, x = network(), points()
    p = SpectrumPreconditioner(model, x, MODES)
    old = p.vectors
    with torch.no_grad():
        model[0].weight.mul_(3)
    assert p.vectors is old
    p.refresh()
    expected = dense(tangent_kernel(model, x), G["last"])
    torch.testing.assert_close(p.apply(torch.eye(N).double()), expected, rtol=0, atol=1e-9)
    assert not torch.equal(p.vectors, old)


@pytest.mark.parametrize("n", [N, 80])
def test_a_refresh_that_fails_keeps_what_was(n):
    model, x = network(), points(n)
    p, r = SpectrumPreconditioner(model, x, MODES), torch.randn(n, dtype=torch.float64)
    before, rate = p.apply(r), p.rate()
    with torch.no_grad():
        model[2].weight[0, 0] = math.nan
    with pytest.raises(RuntimeError, match="the S of before is kept: a kernel must be finite") as e:
        p.refresh()
    assert isinstance(e.value.__cause__, ValueError)
    assert torch.equal(p.apply(r), before)
    assert p.rate() == rate
    with torch.no_grad():
        model[2].weight[0, 0] = 1
    p.refresh()
    assert not torch.equal(p.apply(r), before)


def test_a_refresh_with_a_g_that_fails_keeps_what_was():
    model, x, factor = network(), points(), [1.0]
    p = SpectrumPreconditioner(model, x, MODES, lambda values: values * factor[0])
    factor[0] = -1.0
    with pytest.raises(RuntimeError, match="kept: g must be finite and not negative"):
        p.refresh()
    r = torch.randn(N, dtype=torch.float64)
    torch.testing.assert_close(p.apply(r), r)


def test_of_a_matrix_there_is_no_refresh():
    p = SpectrumPreconditioner.from_kernel(torch.eye(4), 2)
    with pytest.raises(ValueError, match="refresh needs a model; this S is that of a kernel"):
        p.refresh()


@pytest.mark.parametrize("way", WAYS)
def test_a_state_goes_through_a_file_into_another(way):
    model, x = network(), points()
    p = SpectrumPreconditioner(model, x, MODES, WAYS[way])
    file = io.BytesIO()
    torch.save(p.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    assert set(state) == {"modes", "flatten", "eigenvalues", "vectors"}
    other = SpectrumPreconditioner(network(), x, MODES, WAYS[way])
    of_matrix = SpectrumPreconditioner.from_kernel(empirical_ntk(network(), x), MODES, WAYS[way])
    r = torch.randn(N, 2, dtype=torch.float64)
    for q in (other, of_matrix):
        assert not torch.allclose(q.apply(r), p.apply(r))
        q.load_state_dict(state)
        assert torch.equal(q.apply(r), p.apply(r))
        assert q.rate() == p.rate()
        assert q.vectors.data_ptr() != state["vectors"].data_ptr()


def test_a_state_of_another_dtype_becomes_that_of_the_one_that_takes_it():
    model, x = network(), points()
    p = SpectrumPreconditioner(model, x, MODES)
    q = SpectrumPreconditioner(copy.deepcopy(model).float(), x.float(), MODES)
    q.load_state_dict(p.state_dict())
    assert q.vectors.dtype == q.eigenvalues.dtype == torch.float32
    torch.testing.assert_close(q.vectors, p.vectors.float())


def test_states_of_others_are_refused():
    kernel, _ = known_kernel(torch.arange(9.0, 0, -1).double())
    p = SpectrumPreconditioner.from_kernel(kernel, 3)
    r = torch.randn(9, dtype=torch.float64)
    before = p.apply(r)

    def state(kernel=kernel, modes=3, way="last"):
        return SpectrumPreconditioner.from_kernel(kernel, modes, way).state_dict()

    why = r"the same modes, flatten and points, \(3, 'last', \(9, 3\)\); got "
    for given, got in (
        (state(modes=2), r"\(2, 'last', \(9, 2\)\)"),
        (state(way="first"), r"\(3, 'first', \(9, 3\)\)"),
        (state(way=shifted), r"\(3, None, \(9, 3\)\)"),
        (state(kernel=kernel[:8, :8]), r"\(3, 'last', \(8, 3\)\)"),
    ):
        with pytest.raises(ValueError, match=why + got):
            p.load_state_dict(given)
    broken = state() | {"eigenvalues": torch.full((3,), math.nan)}
    with pytest.raises(ValueError, match="the state must be finite; got eigenpairs that are not"):
        p.load_state_dict(broken)
    broken = state() | {"vectors": torch.full((9, 3), math.inf)}
    with pytest.raises(ValueError, match="the state must be finite; got eigenpairs that are not"):
        p.load_state_dict(broken)
    for values in ([3.0, 2.0], [1.0, 2.0, 3.0], [3.0, 2.0, -1.0], [3.0, 2.0, 0.0]):
        with pytest.raises(ValueError, match="must hold 3 eigenvalues above 0, the largest first"):
            p.load_state_dict(state() | {"eigenvalues": torch.tensor(values)})
    with pytest.raises(ValueError, match=r"it lacks \['flatten', 'modes', 'vectors'\]"):
        p.load_state_dict({"eigenvalues": torch.ones(3)})
    assert torch.equal(p.apply(r), before)


@pytest.mark.parametrize("s_dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_residuals_of_every_dtype(dtype, s_dtype):
    kernel, _ = known_kernel(torch.tensor([0.5**i for i in range(12)]).double())
    p = SpectrumPreconditioner.from_kernel(kernel.to(s_dtype), 4)
    r = torch.randn(12).to(dtype).requires_grad_()
    wider = torch.promote_types(dtype, s_dtype)
    applied = p.apply(r)
    assert applied.dtype == wider
    expected = dense(kernel, flattened(4), 4) @ r.detach().double()
    torch.testing.assert_close(applied.detach().double(), expected, rtol=0, atol=2e-5)
    loss = p.loss(r, torch.zeros(12, dtype=dtype))
    loss.backward()
    assert (loss.dtype, r.grad.dtype) == (wider, dtype)
    torch.testing.assert_close(
        r.grad.double(), 2 / 12 * expected, rtol=0, atol=4 * torch.finfo(dtype).eps + 1e-5
    )


def test_whole_numbers_as_residual():
    p = SpectrumPreconditioner.from_kernel(torch.diag(torch.tensor([4.0, 1.0])), 2)
    assert p.apply(torch.tensor([8, 3])).tolist() == pytest.approx([2.0, 3.0])


def test_the_meta_device_gives_shapes_and_leaves_s_where_it_is():
    kernel, _ = known_kernel(torch.tensor([0.5**i for i in range(12)]).double())
    p, r = SpectrumPreconditioner.from_kernel(kernel, 4), torch.randn(12, 2, dtype=torch.float64)
    before = p.apply(r)
    for index, rows in ((None, 12), ([1, 2], 2), (slice(3), 3)):
        applied = p.apply(torch.empty(rows, 2, device="meta"), index)
        assert (applied.device.type, applied.shape) == ("meta", (rows, 2))
    assert p.vectors.device.type == "cpu"
    assert torch.equal(p.apply(r), before)


def test_chunks_and_the_name():
    model, x = network(activation=Hat(2)), points(60)
    whole, parts = (SpectrumPreconditioner(model, x, 5, chunk=c) for c in (None, 7))
    r = torch.randn(60, dtype=torch.float64)
    torch.testing.assert_close(parts.apply(r), whole.apply(r), rtol=0, atol=1e-4)
    assert repr(whole) == "SpectrumPreconditioner(points=60, modes=5, flatten=last)"
    of_function = SpectrumPreconditioner.from_kernel(torch.eye(4), 2, shifted)
    assert repr(of_function) == "SpectrumPreconditioner(points=4, modes=2, flatten=g)"


def test_nothing_is_left_on_the_model():
    model, x = network(), points()
    SpectrumPreconditioner(model, x, MODES).refresh()
    assert all(w.grad is None and w.requires_grad for w in model.parameters())


BAD_INDICES = {
    "floats": ([1.0, 2.0], r"not empty; got torch.float32 of shape \(2,\)"),
    "complex": (torch.ones(2, dtype=torch.complex64), "got torch.complex64"),
    "a short mask": ([True, False], r"a mask of 24, .*; got torch.bool of shape \(2,\)"),
    "two dimensions": ([[1, 2]], r"got torch.int64 of shape \(1, 2\)"),
    "a number": (3, r"got torch.int64 of shape \(\)"),
    "an empty list": ([], r"not empty; got torch.float32 of shape \(0,\)"),
    "an empty slice": (slice(5, 5), r"not empty; got torch.int64 of shape \(0,\)"),
    "an empty mask": (torch.zeros(N, dtype=torch.bool), r"got torch.int64 of shape \(0,\)"),
    "too large": ([0, N], f"must lie in -24 … 23; got {N}"),
    "too small": ([0, -N - 1], f"must lie in -24 … 23; got {-N - 1}"),
}


@pytest.mark.parametrize("what", BAD_INDICES)
def test_bad_indices(what):
    index, why = BAD_INDICES[what]
    p = SpectrumPreconditioner(network(), points(), MODES)
    with pytest.raises(ValueError, match=why):
        p.apply(torch.ones(2), index)
    with pytest.raises(ValueError, match=why):
        p.loss(torch.ones(2), torch.zeros(2), index)


def test_bad_residuals():
    p = SpectrumPreconditioner(network(), points(), MODES)
    with pytest.raises(ValueError, match=r"a row for each of 24 points; got shape \(23,\)"):
        p.apply(torch.ones(23))
    with pytest.raises(ValueError, match=r"a row for each of 24 points; got shape \(\)"):
        p.apply(torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"a row for each of 3 points; got shape \(24,\)"):
        p.apply(torch.ones(N), [1, 2, 3])
    with pytest.raises(ValueError, match=r"must have one shape; got \(24, 1\) and \(24,\)"):
        p.loss(torch.ones(N, 1), torch.ones(N))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"modes": 0}, "from 1 to the number of points, 24; got 0|at least 1; got 0"),
        ({"modes": N + 1}, "from 1 to the number of points, 24; got 25"),
        ({"modes": 2.0}, "modes must be a whole number"),
        ({"modes": 2, "flatten": "middle"}, "the 'last' or the 'first'; got 'middle'"),
        ({"modes": 2, "flatten": lambda v: -v}, "g must be finite and not negative"),
        ({"modes": 2, "flatten": lambda v: v[:1]}, "a value for each of 2 eigenvalues"),
        ({"modes": 2, "chunk": 0}, "a chunk must hold at least 1 point; got 0"),
    ],
)
def test_bad_arguments(given, why):
    with pytest.raises(ValueError, match=why):
        SpectrumPreconditioner(network(), points(), **given)


def test_modes_that_are_only_rounding_and_kernels_that_are_zero():
    linear = nn.Linear(2, 1).double()  # of rank 3
    why = "eigenvalue 4 must be above the rounding of the first, .*: ask for 3 modes or fewer"
    with pytest.raises(ValueError, match=f"{why}$"):
        SpectrumPreconditioner(linear, points(), 4)
    with pytest.raises(ValueError, match=f"{why}, or take float64$"):
        SpectrumPreconditioner(copy.deepcopy(linear).float(), points().float(), 4)
    with pytest.raises(ValueError, match=r"eigenvalue 5 must be above.*ask for 3 modes or fewer"):
        SpectrumPreconditioner(linear, points(60), 5)
    assert len(SpectrumPreconditioner(linear, points(), 3).eigenvalues) == 3
    for n in (4, 40):
        with pytest.raises(ValueError, match="must have an eigenvalue above 0; got 0"):
            SpectrumPreconditioner.from_kernel(torch.zeros(n, n), 2)
    with pytest.raises(ValueError, match="a kernel must be symmetric"):
        SpectrumPreconditioner.from_kernel(torch.ones(4, 4).triu(), 2)
    with pytest.raises(ValueError, match="parameters that require a gradient; got none"):
        SpectrumPreconditioner(nn.Tanh(), points(), 2)


@pytest.mark.parametrize("n", [60, 100])
@pytest.mark.parametrize("seed", range(3))
def test_in_float32_every_number_of_modes_that_is_taken_is_stable(seed, n):
    """The radius of (2η/n)·K·S at the rate, K in float64: over 2 a linear model diverges."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1)
    )
    x = torch.rand(n, 2) * 2 - 1
    kernel = empirical_ntk(copy.deepcopy(model).double(), x.double())
    taken, refused = [], 0
    for modes in range(4, 40, 3):
        try:
            p = SpectrumPreconditioner(model, x, modes)
        except ValueError:
            refused += 1
            continue
        dense = p.apply(torch.eye(n, dtype=torch.float64))
        moved = 2 * p.rate() / n * kernel @ dense
        taken.append(float(torch.linalg.eigvals(moved).abs().max()))
    assert refused
    assert len(taken) > 2
    assert max(taken) < 1.5


@pytest.mark.parametrize("outputs", [1, 3, 8])
def test_the_rate_is_stable_whatever_the_number_of_outputs(outputs):
    """The kernel of all points and outputs, under S on each output."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, outputs)).double()
    x = points()
    p = SpectrumPreconditioner(model, x, 6)
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(f, [*model.parameters()])])
        for o in range(outputs)
        for f in [model(x[i : i + 1])[0, o] for i in range(len(x))]
    ]
    j = torch.stack(rows)
    s = torch.block_diag(*[p.apply(torch.eye(len(x), dtype=torch.float64))] * outputs)
    moved = 2 * p.rate() / (len(x) * outputs) * (j @ j.T) @ s
    largest = float(torch.linalg.eigvals(moved).abs().max())
    assert 1 / outputs**2 - 1e-9 <= largest <= 1 + 1e-9


@pytest.mark.parametrize(("decay", "stable"), [(0.5, True), (2.0, False)])
def test_mini_batches_need_many_points_for_the_spread_of_the_modes(decay, stable):
    """Half of 400 points, four modes: λ_1/λ_m is 10 or 10⁴, and |I| against m·(λ_1/λ_m)² counts."""
    n, rank = 400, 4
    left = torch.linalg.qr(torch.randn(n, rank, dtype=torch.float64)).Q
    x = left * torch.logspace(0, -decay, rank, dtype=torch.float64)
    y = left.sum(1, keepdim=True)
    model = nn.Linear(rank, 1, bias=False).double()
    nn.init.zeros_(model.weight)
    p = SpectrumPreconditioner(model, x, rank)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.3 * p.rate())
    torch.manual_seed(0)
    for _ in range(30):
        for part in torch.randperm(n).split(200):
            optimiser.zero_grad()
            p.loss(model(x[part]), y[part], index=part).backward()
            optimiser.step()
    apart = float((model(x) - y).detach().norm() / y.norm())
    assert (apart < 0.1) if stable else (apart > 1)


def test_mini_batches_learn_the_leading_modes_sooner_than_without():
    """A linear model, its target in the span of its modes, of which 4 are replaced."""
    n, rank = 200, 8
    left = torch.linalg.qr(torch.randn(n, rank, dtype=torch.float64)).Q
    x = left * torch.logspace(1, -1, rank, dtype=torch.float64)
    y = left[:, :4].sum(1, keepdim=True)

    def left_after(preconditioned):
        torch.manual_seed(0)
        model = nn.Linear(rank, 1, bias=False).double()
        nn.init.zeros_(model.weight)
        p = SpectrumPreconditioner(model, x, 4 if preconditioned else 1)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.3 * p.rate())
        for _ in range(20):
            for part in torch.randperm(n).split(100):
                optimiser.zero_grad()
                p.loss(model(x[part]), y[part], index=part).backward()
                optimiser.step()
        return float((model(x) - y).detach().norm() / y.norm())

    assert left_after(True) < 0.1 < 0.4 < left_after(False)


def test_to_apply_it_no_matrix_of_the_points_is_made():
    p = SpectrumPreconditioner(nn.Linear(2, 1).double(), points(500), 3)
    r = torch.randn(500, 2, dtype=torch.float64)
    with Largest() as made:
        p.apply(r)
        p.apply(r[:100], torch.arange(100))
    assert made.numbers <= 500 * 3
