"""torch.compile, torch.export and opcheck."""

import shutil
from fractions import Fraction

import pytest
import torch

import hatact
from hatact import HAT, RELU, functional, nn
from tests.support.points import plain, smooth_points
from tests.support.specs import SPECS

every_name = pytest.mark.parametrize(
    "name", ["relu", "hat", "bspline3", "triangle_wave", "ragged", "sawtooth"]
)


@pytest.fixture(autouse=True)
def _fresh_dynamo():
    torch.compiler.reset()


def _check(f, name, compiler, x):
    """Forward and backward of the compiled f against the plain formula."""
    compiled = torch.compile(f, fullgraph=True, backend=compiler)
    x = x.clone().requires_grad_()
    y = compiled(x)
    (gx,) = torch.autograd.grad(y.cos().sum(), x)
    z = plain(x, name)
    (expected,) = torch.autograd.grad(z.cos().sum(), x)
    torch.testing.assert_close(y, z, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(gx, expected, rtol=1e-12, atol=1e-13)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x.detach()), z.detach(), rtol=1e-12, atol=1e-13)


@every_name
def test_functional(name):
    _check(lambda x: functional.piecewise(x, SPECS[name]), name, "aot_eager", smooth_points(name))


@pytest.mark.parametrize("name", ["hat", "triangle_wave"])
def test_module(name):
    _check(nn.Piecewise(SPECS[name]), name, "aot_eager", smooth_points(name))


@pytest.mark.skipif(
    not any(map(shutil.which, ("g++", "clang++", "c++"))), reason="Inductor needs a C++ compiler"
)
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")  # torch's own
@pytest.mark.parametrize("name", ["hat", "bspline3", "triangle_wave"])
def test_inductor(name):
    _check(lambda x: functional.piecewise(x, SPECS[name]), name, "inductor", smooth_points(name))


def test_values_at_the_edges_survive_compilation():
    x = torch.tensor([-torch.inf, -1, 0, 1, 2, torch.inf, torch.nan], requires_grad=True)
    for spec in (RELU, HAT, hatact.bspline(3)):
        compiled = torch.compile(
            lambda x, spec=spec: functional.piecewise(x, spec), fullgraph=True, backend="aot_eager"
        )
        y, expected = compiled(x), functional.piecewise(x, spec)
        torch.testing.assert_close(y, expected, rtol=0, atol=0, equal_nan=True)
        got = torch.autograd.grad(y[1:5].sum(), x)[0]
        expected = torch.autograd.grad(expected[1:5].sum(), x)[0]
        assert torch.equal(got[:6], expected[:6])


@pytest.mark.parametrize(
    ("module", "formula"),
    [
        (nn.Hat(4), lambda x: functional.hat(4 * x)),
        (nn.Hat(0.3), lambda x: functional.hat(0.3 * x)),
        (nn.BSpline(2, 3), lambda x: functional.bspline(3 * x, 2)),
        (nn.BWReLU(9), lambda x: functional.bw_relu(9 * x)),
        (nn.ReLU(), torch.relu),
        (nn.TriangleWave(), lambda x: functional.piecewise(x, SPECS["triangle_wave"])),
        (nn.PeriodicReLU(), lambda x: functional.piecewise(x, SPECS["periodic_relu"])),
    ],
    ids=["hat4", "hat0.3", "bspline2", "bw_relu9", "relu", "triangle", "periodic_relu"],
)
def test_named_modules(module, formula):
    x = torch.linspace(-1, 1, 41, dtype=torch.float64)
    y = torch.compile(module, fullgraph=True, backend="aot_eager")(x)
    torch.testing.assert_close(y, formula(x), rtol=1e-12, atol=1e-13)


def test_scale_arguments():
    x = torch.linspace(-1, 3, 23, dtype=torch.float64)
    for f in (
        lambda x: functional.hat(x, 2.5),
        lambda x: functional.hat(x, scale=7),
        lambda x: functional.bspline(x, 3, 2.0),
        lambda x: functional.bspline(x, degree=2),
        lambda x: functional.bw_relu(x, scale=0.5),
    ):
        y = torch.compile(f, fullgraph=True, backend="aot_eager")(x)
        torch.testing.assert_close(y, f(x), rtol=1e-12, atol=1e-13)


def test_mixed_shapes_and_dtypes():
    """One compiled function meets several shapes, dynamic ones too, and several dtypes."""
    f = torch.compile(functional.hat, fullgraph=True, backend="aot_eager")
    for shape in ((3,), (5,), (2, 7), (8, 7), (2, 3, 4), (), (0, 3)):
        x = torch.randn(shape)
        torch.testing.assert_close(f(x), functional.hat(x), rtol=0, atol=0)
    torch.compiler.reset()  # the cache of one function holds eight variants
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        x = torch.randn(9).to(dtype)
        assert torch.equal(f(x), functional.hat(x))


def test_a_compiled_training_step():
    """A network with modules around ours, in one graph: the same step as eager."""

    def build():
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Linear(2, 16), nn.Hat(4), torch.nn.Linear(16, 16), nn.BSpline(3, 2.0),
            torch.nn.Linear(16, 1),
        ).double()  # fmt: skip

    x = torch.randn(32, 2, dtype=torch.float64)
    eager, compiled = build(), build()
    run = torch.compile(compiled, fullgraph=True, backend="aot_eager")
    for network, forward in ((eager, eager), (compiled, run)):
        (forward(x) ** 2).mean().backward()
        assert all(p.grad is not None for p in network.parameters())
    for a, b in zip(eager.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-11, atol=1e-13)


def test_transforms_under_compile():
    x = smooth_points("bspline3")

    def f(x):
        return functional.bspline(x, 3).sum()

    for transform in (
        torch.func.grad(f),
        torch.func.vmap(torch.func.grad(f)),
        lambda x: torch.func.jvp(f, (x,), (torch.ones_like(x),))[1],
    ):
        compiled = torch.compile(transform, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(x), transform(x), rtol=1e-11, atol=1e-13)


@every_name
def test_export(name):
    module = nn.Piecewise(SPECS[name])
    x = smooth_points(name)
    program = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    assert "hatact" not in str(program.graph), "aten operations alone"
    torch.testing.assert_close(program.module()(x), module(x), rtol=1e-12, atol=1e-13)
    longer = smooth_points(name, 17)
    torch.testing.assert_close(program.module()(longer), module(longer), rtol=1e-12, atol=1e-13)


def test_the_reference_is_traced_whatever_is_forced(place):
    x = smooth_points("bspline3").to(place.device)
    y = torch.compile(functional.bspline, fullgraph=True, backend="aot_eager")(x)
    torch.testing.assert_close(y, plain(x, "bspline3"), rtol=1e-13, atol=1e-14)


def test_a_scale_that_changes():
    x = torch.randn(50, requires_grad=True)
    hat = torch.compile(functional.hat, fullgraph=True, backend="aot_eager")
    for scale in (1, 1.0, 2.0, 3.5, 8, Fraction(1, 3)):
        torch.testing.assert_close(hat(x, scale), functional.hat(x, scale))


def test_periodic_slopes_where_rounding_leaves_the_period():
    spec = SPECS["triangle_wave"]
    compiled = torch.compile(lambda x: functional.piecewise(x, spec), backend="aot_eager")
    x = torch.linspace(1e6, 1.005e6, 20_001, requires_grad=True)
    (slope,) = torch.autograd.grad(compiled(x).sum(), x)
    assert bool((slope.abs() > 1).all())  # ±π/(2√2) everywhere
