"""gradient_confusion against torch.autograd, a sample at a time, and the tangent kernel."""

import math
import sys

import pytest
import torch
from torch import nn

import hatact
from hatact.analysis import empirical_ntk, gradient_confusion
from hatact.nn import MLP, BWNetwork, Hat, LinearAct
from hatact.nn import ReLU as OurReLU
from tests.support.memory import Largest
from tests.support.tangents import Flat, between, frozen

DTYPES = {"fp32": torch.float32, "fp64": torch.float64}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-11}
module = sys.modules["hatact.analysis.gradient_confusion"]  # the function has the same name
PAIRS = torch.tensor([[0, 1], [5, 2], [3, 3], [1, 0], [0, 1], [6, 4], [2, 5], [0, 6], [4, 1]])


def squared(prediction, target):
    return (prediction - target).square().sum()


LOSSES = {
    "squared": squared,
    "absolute": lambda prediction, target: (prediction - target).abs().sum(),
    "huber": nn.functional.smooth_l1_loss,
    "of the prediction alone": lambda prediction, target: prediction.exp().sum(),
}


class Unused(nn.Linear):
    """A parameter that has no part in the output."""

    def __init__(self):
        super().__init__(2, 1)
        self.more = nn.Parameter(torch.ones(3))


class TwoShifts(nn.Linear):
    """torch gives both shifts one gradient, in the same memory."""

    def __init__(self):
        super().__init__(2, 3, bias=False)
        self.a, self.b = (nn.Parameter(torch.randn(1, 3)) for _ in range(2))

    def forward(self, x):
        return super().forward(x) + (self.a + self.b)


MODELS = {
    "relu": lambda: between(nn.ReLU()),
    "relu, in place": lambda: between(nn.ReLU(inplace=True)),
    "our relu": lambda: between(OurReLU()),
    "hat": lambda: between(Hat(2)),
    "tanh": lambda: between(nn.Tanh()),
    "three outputs": lambda: between(Hat(2), 3),
    "shape (n,)": lambda: Flat(*between(nn.Tanh())),
    "linear_act": lambda: nn.Sequential(LinearAct(2, 6, hatact.HAT.scaled(3)), nn.Linear(6, 1)),
    "mlp, fused": lambda: MLP(2, 16, 1, 4, hatact.HAT.scaled(4)),
    "mlp, layer by layer": lambda: MLP(2, 5, 2, 3, hatact.bspline(2)),
    "wavelets": lambda: BWNetwork(2, 8, 2, 1, 2.0, weight_norm=True),
    "wavelets, all options": lambda: BWNetwork(
        2, 8, 3, 2, 2.0, weight_norm=True, linear_layers=True, learn_c=True, skip=True
    ),
    "frozen": lambda: frozen(between(Hat(2)), "0.weight", "4.bias"),
    "unused": Unused,
    "two shifts": TwoShifts,
}


def data(n, dtype, outputs=1):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, 2, dtype=torch.float64, generator=generator)
    y = 2 * torch.randn(n, outputs, dtype=torch.float64, generator=generator)
    return x.to(dtype), y.to(dtype)


def gradients(model, loss, x, y):
    """(n, P), by backward passes."""
    weights = [p for p in model.parameters() if p.requires_grad]
    rows = []
    for point, target in zip(x, y, strict=True):
        value = loss(model(point[None])[0], target)
        found = torch.autograd.grad(value, weights, allow_unused=True)
        pairs = zip(found, weights, strict=True)
        rows.append(
            torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])
        )
    return torch.stack(rows).double()


def cosines(g, pairs):
    g = g / g.norm(dim=1, keepdim=True)
    return (g[pairs[:, 0]] * g[pairs[:, 1]]).sum(1)


def close(found, expected, dtype):
    assert found.dtype == dtype
    torch.testing.assert_close(
        found.double(), expected, rtol=0, atol=TOLERANCE[dtype], equal_nan=True
    )


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_cosine_of_the_gradients(name, dtype):
    model = MODELS[name]().to(dtype)
    x, y = data(7, dtype, len(model(torch.zeros(1, 2, dtype=dtype)).flatten()))
    if name == "shape (n,)":
        y = y[:, 0]
    expected = cosines(gradients(model, squared, x, y), PAIRS)
    assert float(expected.min()) < 0.9
    for chunk in (2, 3, None):
        found = gradient_confusion(model, squared, x, y, PAIRS, chunk=chunk)
        assert not found.requires_grad
        close(found, expected, dtype)
        assert float(found[2]) == pytest.approx(1, abs=1e-6)  # i = j
        assert torch.equal(found[0], found[4])
        torch.testing.assert_close(found[[0, 1]], found[[3, 6]])


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss, dtype):
    model = between(nn.Tanh(), 3).to(dtype)
    x, y = data(7, dtype, 3)
    expected = cosines(gradients(model, LOSSES[loss], x, y), PAIRS)
    close(gradient_confusion(model, LOSSES[loss], x, y, PAIRS), expected, dtype)


def test_whole_numbers_as_points_and_classes_as_targets():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Tanh(), nn.Linear(3, 4)).double()
    x, y = torch.tensor([0, 4, 4, 2, 1, 0, 3]), torch.tensor([0, 1, 3, 2, 2, 0, 1])
    expected = cosines(gradients(model, nn.functional.cross_entropy, x, y), PAIRS)
    found = gradient_confusion(model, nn.functional.cross_entropy, x, y, PAIRS.int(), 3)
    close(found, expected, torch.float64)


def test_images():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), Hat(2), nn.Flatten(), nn.Linear(8, 2)).double()
    x, y = torch.randn(7, 1, 4, 4, dtype=torch.float64), torch.randn(7, 2, dtype=torch.float64)
    expected = cosines(gradients(model, squared, x, y), PAIRS)
    close(gradient_confusion(model, squared, x, y, PAIRS, 4), expected, torch.float64)


def test_of_one_output_and_the_squared_error_it_is_the_tangent_kernel():
    model = between(Hat(2)).double()
    x, y = data(9, torch.float64)
    pairs = torch.cartesian_prod(torch.arange(9), torch.arange(9))
    kernel = empirical_ntk(model, x)
    signs = (model(x) - y).detach().sign()[:, 0]
    assert signs.unique().numel() == 2
    size = kernel.diag().sqrt()
    expected = signs[:, None] * signs * kernel / (size[:, None] * size)
    found = gradient_confusion(model, squared, x, y, pairs, chunk=4)
    torch.testing.assert_close(found, expected.flatten(), rtol=0, atol=1e-11)
    assert float(found.min()) < -0.2


def test_a_dead_network_has_no_cosines():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.ones(3, 2))
        model[0].bias.zero_()
    x = torch.tensor([[1.0, 2], [-1, -2], [3, 1]])
    found = gradient_confusion(model, squared, x, torch.ones(3, 1), torch.tensor([[0, 1], [0, 2]]))
    assert math.isnan(found[0])
    assert not math.isnan(found[1])


def test_a_residual_of_zero_has_no_cosines():
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 2]]))
        model.bias.fill_(3)
    x, y = torch.arange(8.0).reshape(4, 2), torch.tensor([[1.0], [11], [2], [3]])
    assert model(x[1]).tolist() == [11]
    pairs = torch.tensor([[0, 1], [2, 3], [1, 1], [3, 1]])
    found = gradient_confusion(model, squared, x, y, pairs)
    assert found.isnan().tolist() == [True, False, True, True]


def test_gradients_that_are_not_finite_have_no_cosines():
    model = nn.Linear(2, 1)
    x = torch.tensor([[1.0, 2], [1, 1], [0, 3]])
    y = torch.tensor([[0.0], [3e38], [1]])
    with torch.no_grad():
        model.weight.fill_(1)

    def steep(prediction, target):
        return (prediction - target).sum() * torch.where(target > 1e38, math.inf, 1.0).sum()

    found = gradient_confusion(model, steep, x, y, torch.tensor([[0, 1], [0, 2], [1, 2]]))
    assert found.isnan().tolist() == [True, False, True]


@pytest.mark.parametrize("scale", [1e-25, 1e-36, 1e25])
def test_tiny_and_huge_gradients_have_their_cosines(scale):
    """Their squares are 0 or infinite in float32."""
    model = between(Hat(2), 2)
    x, y = data(7, torch.float32, 2)

    def scaled(prediction, target):
        return scale * squared(prediction, target)

    expected = cosines(gradients(model, squared, x, y), PAIRS)
    found = gradient_confusion(model, scaled, x, y, PAIRS)
    close(found, expected, torch.float32)


def test_a_residual_of_1e_25():
    model = nn.Linear(2, 1)
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    x, y = data(7, torch.float32)
    expected = cosines(gradients(model, squared, x, y), PAIRS)
    found = gradient_confusion(model, squared, x, 1e-25 * y, PAIRS)
    close(found, expected, torch.float32)


def test_no_pairs():
    found = gradient_confusion(
        nn.Linear(2, 1), squared, *data(3, torch.float32), torch.empty(0, 2, dtype=torch.long)
    )
    assert found.shape == (0,)
    assert found.dtype == torch.float32


def test_nothing_is_left_on_the_model():
    model = between(Hat(2))
    x, y = data(7, torch.float32)
    model(x).sum().backward()
    before = [(p.clone(), p.grad.clone(), p._version) for p in model.parameters()]
    x.requires_grad_()
    kept = PAIRS.clone()
    with torch.no_grad():
        found = gradient_confusion(model, squared, x, y, PAIRS)
    close(found, cosines(gradients(model, squared, x, y), PAIRS), torch.float32)
    assert x.grad is None
    assert torch.equal(PAIRS, kept)
    for p, (value, grad, version) in zip(model.parameters(), before, strict=True):
        assert torch.equal(p, value)
        assert torch.equal(p.grad, grad)
        assert p._version == version
        assert p.requires_grad
    fresh = between(Hat(2))
    gradient_confusion(fresh, squared, *data(7, torch.float32), PAIRS)
    assert all(p.grad is None for p in fresh.parameters())


def wide():
    return nn.Sequential(nn.Linear(2, 50), nn.Tanh(), nn.Linear(50, 50), nn.Linear(50, 1))


@pytest.mark.parametrize("chunk", [2, 5])
def test_no_more_gradients_are_held_than_a_chunk(chunk):
    """Of the matrix of 2500 weights alone."""
    model, pairs = wide(), torch.randint(0, 24, (30, 2))
    x, y = data(24, torch.float32)
    with Largest() as made:
        found = gradient_confusion(model, squared, x, y, pairs, chunk=chunk)
    assert 2 * 2500 <= made.numbers <= chunk * 2500 + 30 * 50
    close(found, cosines(gradients(model, squared, x, y), pairs), torch.float32)


def test_by_default_as_many_as_fit(monkeypatch):
    model, pairs = wide(), torch.cartesian_prod(torch.arange(12), torch.arange(12))
    monkeypatch.setattr(module, "HELD", 5 * sum(p.numel() for p in model.parameters()))
    monkeypatch.setattr(module, "PAIRS", 10_000)
    x, y = data(12, torch.float32)
    with Largest() as made:
        found = gradient_confusion(model, squared, x, y, pairs)
    assert made.numbers <= 5 * 2500
    close(found, cosines(gradients(model, squared, x, y), pairs), torch.float32)
    monkeypatch.setattr(module, "HELD", 1)  # two are held all the same
    torch.testing.assert_close(gradient_confusion(model, squared, x, y, pairs), found)


def test_samples_that_no_pair_names_cost_nothing():
    x, y = data(24, torch.float32)
    pairs = torch.tensor([[3, 4], [4, 5]])
    with Largest() as made:
        gradient_confusion(wide(), squared, x, y, pairs)
    assert made.numbers <= 3 * 2500


class Scalar(nn.Linear):
    def forward(self, x):
        return super().forward(x).sum()


class Twice(nn.Linear):
    def forward(self, x):
        return torch.cat([super().forward(x)] * 2)


def in_training(layer):
    return lambda: nn.Sequential(nn.Linear(2, 3), layer(), nn.Linear(3, 1))


EVAL = r"must be in eval mode \(model.eval\(\)\).*; got {} '1' in training mode"
BAD_MODELS = {
    "no parameters": (nn.ReLU, "must have parameters that require a gradient; got none"),
    "all frozen": (
        lambda: frozen(nn.Linear(2, 1), "weight", "bias"),
        "must have parameters that require a gradient; got none",
    ),
    "two dtypes": (
        lambda: nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1).double()),
        "all float32 or all float64, on one device; got torch.float32 on cpu, torch.float64 on cpu",
    ),
    "bfloat16": (lambda: nn.Linear(2, 1).bfloat16(), "got torch.bfloat16 on cpu"),
    "batch norm": (in_training(lambda: nn.BatchNorm1d(3)), EVAL.format("BatchNorm1d")),
    "dropout": (in_training(nn.Dropout), EVAL.format("Dropout")),
    "no statistics": (
        lambda: in_training(lambda: nn.BatchNorm1d(3, track_running_stats=False))().eval(),
        "must keep running statistics.*got BatchNorm1d '1'",
    ),
    "a scalar": (lambda: Scalar(2, 1), r"must give a row for every point; got \(\) for one"),
    "two rows": (lambda: Twice(2, 1), r"must give a row for every point; got \(2, 1\) for one"),
}


@pytest.mark.parametrize("what", BAD_MODELS)
def test_bad_models(what):
    made, why = BAD_MODELS[what]
    with pytest.raises(ValueError, match=why):
        gradient_confusion(made(), squared, *data(7, torch.float32), PAIRS)


X, Y = torch.rand(7, 2), torch.rand(7, 1)


def altered(t, value):
    t = t.clone()
    t[1, 0] = value
    return t


@pytest.mark.parametrize(
    ("x", "y", "pairs", "chunk", "why"),
    [
        (X, Y, PAIRS, 1, "a chunk must be an int of at least 2 samples; got 1"),
        (X, Y, PAIRS, 0, "a chunk must be an int of at least 2 samples; got 0"),
        (X, Y, PAIRS, -3, "a chunk must be an int of at least 2 samples; got -3"),
        (X, Y[:6], PAIRS, None, r"as many targets as points.*got shapes \(7, 2\) and \(6, 1\)"),
        (X[:0], Y[:0], PAIRS, None, r"at least one; got shapes \(0, 2\) and \(0, 1\)"),
        (X[0, 0], Y, PAIRS, None, r"got shapes \(\) and \(7, 1\)"),
        (X, Y[0, 0], PAIRS, None, r"got shapes \(7, 2\) and \(\)"),
        (X, Y, PAIRS.float(), None, r"integers, \(k, 2\); got torch.float32 of shape \(9, 2\)"),
        (X, Y, PAIRS.T, None, r"integers, \(k, 2\); got torch.int64 of shape \(2, 9\)"),
        (X, Y, PAIRS[0], None, r"integers, \(k, 2\); got torch.int64 of shape \(2,\)"),
        (X, Y, PAIRS + 1, None, "of samples 0 … 6; got 1 … 7"),
        (X, Y, PAIRS - 1, None, "of samples 0 … 6; got -1 … 5"),
        (altered(X, math.nan), Y, PAIRS, None, "points must be finite"),
        (altered(X, -math.inf), Y, PAIRS, None, "points must be finite"),
        (X, altered(Y, math.inf), PAIRS, None, "targets must be finite"),
    ],
)
def test_bad_input(x, y, pairs, chunk, why):
    with pytest.raises(ValueError, match=why):
        gradient_confusion(nn.Linear(2, 1), squared, x, y, pairs, chunk)


@pytest.mark.parametrize(
    ("loss", "why"),
    [
        (lambda p, t: (p - t).square(), r"must be a scalar tensor; got \(1,\)"),
        (lambda p, t: 3.0, "must be a scalar tensor; got float"),
    ],
)
def test_bad_losses(loss, why):
    with pytest.raises(ValueError, match=why):
        gradient_confusion(nn.Linear(2, 1), loss, X, Y, PAIRS)
