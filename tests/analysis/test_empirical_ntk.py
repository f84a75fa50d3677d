"""The empirical tangent kernel, against Jacobians that torch.autograd gives row by row."""

import copy
import random
import sys

import pytest
import torch
from torch import nn

import hatact
from hatact.analysis import empirical_ntk
from hatact.nn import (
    MLP,
    BSpline,
    BWReLU,
    Hat,
    LinearAct,
    PeriodicReLU,
    Piecewise,
    TriangleCascade,
    TriangleWave,
)
from hatact.nn import ReLU as OurReLU
from tests.support.memory import Largest
from tests.support.random_specs import random_spec
from tests.support.tangents import Flat, between, frozen, tangent_kernel

DTYPES = {"fp32": torch.float32, "fp64": torch.float64}
module = sys.modules["hatact.analysis.empirical_ntk"]  # the function has the same name
MODERATE = ("few cells", "skipping", "every cell", "uneven", "fractions", "many")
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}


class Tied(nn.Module):
    """One matrix used twice."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 2)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(torch.tanh(self.first(x)))


MODELS = {
    "relu": lambda: between(nn.ReLU()),
    "relu, in place": lambda: between(nn.ReLU(inplace=True)),
    "tanh": lambda: between(nn.Tanh()),
    "hat": lambda: between(Hat(4)),
    "hat, in place": lambda: between(Hat(4, inplace=True)),
    "spline": lambda: between(BSpline(3, 2.0)),
    "spline of degree 5": lambda: between(BSpline(5)),
    "wavelet": lambda: between(BWReLU(2)),
    "wavelet, in place": lambda: between(BWReLU(2, inplace=True)),
    "triangle wave": lambda: between(TriangleWave()),
    "periodic": lambda: between(PeriodicReLU(inplace=True)),
    "our relu": lambda: between(OurReLU()),
    "three outputs": lambda: between(Hat(2), 3),
    "shape (N,)": lambda: Flat(*between(nn.Tanh())),
    "linear_act": lambda: nn.Sequential(
        LinearAct(2, 6, hatact.HAT.scaled(3)),
        LinearAct(6, 6, hatact.bspline(2)),
        LinearAct(6, 2, hatact.RELU, bias=False),
    ),
    "mlp, fused": lambda: MLP(2, 16, 1, 4, hatact.HAT.scaled(4)),
    "mlp, layer by layer": lambda: MLP(2, 5, 2, 3, hatact.bspline(2)),
    "mlp, checkpoint": lambda: MLP(2, 16, 1, 3, hatact.RELU, checkpoint=True),
    "cascade": lambda: nn.Sequential(
        nn.Linear(2, 3), nn.Sigmoid(), TriangleCascade(3, 3), nn.Linear(3, 2)
    ),
    "frozen": lambda: frozen(between(Hat(2)), "0.weight", "4.bias"),
    "tied": Tied,
}


def points(n, dtype, seed=1, shape=(2,)):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, dtype=torch.float64, generator=generator).to(dtype)


def close(kernel, expected):
    assert kernel.dtype == expected.dtype
    assert kernel.shape == expected.shape
    assert float((kernel - expected).abs().max()) <= TOLERANCE[kernel.dtype] * float(
        expected.abs().max()
    )


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("name", MODELS)
def test_it_is_the_product_of_the_jacobians(name, dtype):
    model = MODELS[name]().to(dtype)
    x, others = points(7, dtype), points(4, dtype, 2)
    expected = tangent_kernel(model, x)
    assert float(expected.abs().max()) > 0.01
    for chunk in (None, 3) if dtype == torch.float32 else (None, 3, 7, 100):
        kernel = empirical_ntk(model, x, chunk=chunk)
        close(kernel, expected)
        assert torch.equal(kernel, kernel.T)
    close(empirical_ntk(model, x, others, 3), tangent_kernel(model, x, others))
    close(empirical_ntk(model, others, x), tangent_kernel(model, others, x))


def test_a_point_at_a_time():
    model, x, others = (
        between(Hat(4), 2).double(),
        points(5, torch.float64),
        points(3, torch.float64),
    )
    close(empirical_ntk(model, x, chunk=1), tangent_kernel(model, x))
    close(empirical_ntk(model, x, others, chunk=1), tangent_kernel(model, x, others))
    close(empirical_ntk(model, x[:1]), tangent_kernel(model, x[:1]))


def convolution():
    return nn.Sequential(nn.Conv2d(1, 3, 3), Hat(2), nn.Flatten(), nn.Linear(12, 2))


def normed():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
    model.append(nn.Dropout(0.5)).append(nn.Linear(12, 1))
    model(points(20, torch.float32, 3, (1, 4, 4)))  # statistics that are not 0 and 1
    return model.eval()


@pytest.mark.parametrize("made", [convolution, normed])
def test_images_and_batch_norm_in_eval_mode(made):
    model = made().double()
    x = points(5, torch.float64, 4, (1, 4, 4))
    before = copy.deepcopy(model.state_dict())
    close(empirical_ntk(model, x, chunk=2), tangent_kernel(model, x))
    for name, kept in model.state_dict().items():
        assert torch.equal(kept, before[name])


def test_whole_numbers_as_points():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2)).double()
    x = torch.tensor([0, 4, 4, 2])
    close(empirical_ntk(model, x, chunk=3), tangent_kernel(model, x))


@pytest.mark.parametrize("context", [torch.no_grad, torch.enable_grad])
def test_nothing_is_left_on_the_model(context):
    model = between(Hat(4))
    model(points(3, torch.float32)).sum().backward()
    before = [(p.clone(), p.grad.clone(), p._version) for p in model.parameters()]
    x = points(5, torch.float32).requires_grad_()
    with context():
        kernel = empirical_ntk(model, x, chunk=2)
    assert not kernel.requires_grad
    assert x.grad is None
    for p, (value, grad, version) in zip(model.parameters(), before, strict=True):
        assert torch.equal(p, value)
        assert torch.equal(p.grad, grad)
        assert p._version == version
        assert p.requires_grad
    assert model.training


def test_a_step_of_descent_moves_the_residual_as_the_docstring_says():
    """r ← (I − (2η/n)·K)·r, up to η²: half the rate leaves a quarter."""
    model, x, y = between(nn.Tanh()).double(), points(6, torch.float64), points(6, torch.float64, 5)
    y = y[:, :1]
    kernel, r = empirical_ntk(model, x), (model(x) - y).detach()
    errors = []
    for rate in (1e-3, 5e-4):
        moved = copy.deepcopy(model)
        (moved(x) - y).square().mean().backward()
        torch.optim.SGD(moved.parameters(), rate).step()
        after = moved(x).detach() - y
        errors.append(float((after - (r - 2 * rate / 6 * kernel @ r)).norm()))
    assert errors[0] < 1e-5
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)


class Scalar(nn.Linear):
    def forward(self, x):
        return super().forward(x).sum()


class Mixed(nn.Linear):
    """One row, whatever it is given."""

    def forward(self, x):
        return super().forward(x).mean(0, keepdim=True)


def mixed_dtypes():
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1).double())


def in_training(layer):
    return lambda: nn.Sequential(nn.Linear(2, 3), layer(), nn.Linear(3, 1))


def without_statistics():
    return in_training(lambda: nn.BatchNorm1d(3, track_running_stats=False))().eval()


EVAL = r"must be in eval mode \(model.eval\(\)\).*; got {} '1' in training mode"
BAD_MODELS = {
    "no parameters": (nn.ReLU, "must have parameters that require a gradient; got none"),
    "all frozen": (
        lambda: frozen(nn.Linear(2, 1), "weight", "bias"),
        "must have parameters that require a gradient; got none",
    ),
    "two dtypes": (
        mixed_dtypes,
        "all float32 or all float64, on one device; got torch.float32 on cpu, torch.float64 on cpu",
    ),
    "bfloat16": (lambda: nn.Linear(2, 1).bfloat16(), "got torch.bfloat16 on cpu"),
    "batch norm": (in_training(lambda: nn.BatchNorm1d(3)), EVAL.format("BatchNorm1d")),
    "dropout": (in_training(nn.Dropout), EVAL.format("Dropout")),
    "alpha dropout": (in_training(nn.FeatureAlphaDropout), EVAL.format("FeatureAlphaDropout")),
    "random slopes": (in_training(nn.RReLU), EVAL.format("RReLU")),
    "no statistics": (without_statistics, "must keep running statistics.*got BatchNorm1d '1'"),
    "a scalar": (lambda: Scalar(2, 1), r"must give a row for every point, 2; got shape \(\)"),
    "one row": (lambda: Mixed(2, 1), r"must give a row for every point, 2; got shape \(1, 1\)"),
}


@pytest.mark.parametrize("what", BAD_MODELS)
def test_bad_models(what):
    made, why = BAD_MODELS[what]
    with pytest.raises(ValueError, match=why):
        empirical_ntk(made(), torch.rand(4, 2))


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((torch.rand(4, 2), None, 0), "a chunk must hold at least 1 point; got 0"),
        ((torch.rand(4, 2), None, -3), "a chunk must hold at least 1 point; got -3"),
        ((torch.rand(0, 2),), r"at least one point on either side; got shapes \(0, 2\)"),
        ((torch.rand(4, 2), torch.rand(0, 2)), r"got shapes \(4, 2\) and \(0, 2\)"),
        ((torch.tensor(1.0),), r"got shapes \(\) and \(\)"),
    ],
)
def test_bad_points_and_chunks(arguments, why):
    with pytest.raises(ValueError, match=why):
        empirical_ntk(nn.Linear(2, 1), *arguments)


@pytest.mark.parametrize("chunk", [3, None])
def test_no_tensor_is_larger_than_the_result_or_two_chunks_of_the_jacobian(chunk, monkeypatch):
    monkeypatch.setattr(module, "HELD", 5000)
    hidden = [nn.Linear(2, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh()]
    model = nn.Sequential(*hidden, nn.Linear(40, 2))
    count = 2 * sum(p.numel() for p in model.parameters())
    with Largest() as made:
        empirical_ntk(model, torch.rand(24, 2), chunk=chunk)
    assert made.numbers <= max(24 * 24, (chunk or 1) * count)


def test_many_points_of_a_small_model_are_taken_in_blocks(monkeypatch):
    monkeypatch.setattr(module, "MOST", 7)
    x = torch.rand(30, 2, dtype=torch.float64)
    model = nn.Linear(2, 1).double()
    ones = torch.cat([x, torch.ones(30, 1)], 1)
    with Largest() as made:
        kernel = empirical_ntk(model, x)
    torch.testing.assert_close(kernel, ones @ ones.T)
    assert made.numbers == 30 * 30  # the result alone


@pytest.mark.parametrize("seed", range(4))
def test_random_specs_against_the_formula_of_one_hidden_layer(seed):
    """K = 1 + Σ_r σ(z_r)·σ(z′_r) + a_r²·σ′(z_r)·σ′(z′_r)·(x·x′ + 1), σ evaluated by the spec."""
    rng, judged = random.Random(seed), 0
    torch.manual_seed(seed)
    while judged < 6:
        kind, spec = random_spec(rng)
        if kind not in MODERATE:
            continue
        judged += 1
        model = nn.Sequential(nn.Linear(2, 5), Piecewise(spec), nn.Linear(5, 1)).double()
        x = torch.rand(7, 2, dtype=torch.float64) * 4 - 1
        z, a = model[0](x).detach(), model[2].weight.detach()[0]
        slope = spec.derivative()
        value, rise = (
            torch.tensor([[float(f(t)) for t in row] for row in z.tolist()], dtype=torch.float64)
            for f in (spec, slope)
        )
        pulled = rise * a
        expected = 1 + value @ value.T + (pulled @ pulled.T) * (x @ x.T + 1)
        found = empirical_ntk(model, x, chunk=rng.choice((1, 3, 7)))
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(expected.max()))
