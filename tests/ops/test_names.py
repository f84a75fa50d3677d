"""A name, a spec and a module are one activation in every function, eager and traced."""

from fractions import Fraction

import pytest
import torch

import hatact
from hatact import analysis, nn
from hatact import functional as F

of_dynamo = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
GIVEN = {  # every way to write hat(8x), as an argument and its scale
    "a name": ("hat", 8),
    "a spec": (hatact.HAT, 8.0),
    "a scaled spec": (hatact.HAT.scaled(8), 1),
    "a spec and a rest": (hatact.HAT.scaled(Fraction(8, 3)), 3),
    "a module": (nn.Hat(8), 1),
    "a module and a rest": (nn.Piecewise("hat", scale=2), 4),
    "a fraction": ("hat", Fraction(8)),
}
W1, W2, B1, B2 = (
    torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 4
    for shape in ((32, 3), (2, 32), (32,), (2,))
)
FUNCTIONS = {
    "piecewise": lambda x, f, s: F.piecewise(x, f, scale=s),
    "linear_act": lambda x, f, s: F.linear_act(x, W1, B1, f, scale=s),
    "mlp": lambda x, f, s: F.mlp(x, [W1, W2], [B1, B2], f, scale=s),
    "mlp, checkpointed": lambda x, f, s: F.mlp(x, [W1, W2], None, f, True, scale=s),
    "mlp, layer by layer": lambda x, f, s: F.mlp(x, [W1[:7], W2[:, :7]], None, f, scale=s),
    "mlp of one layer": lambda x, f, s: F.mlp(x, [W1], [B1], f, scale=s),
}


def _x():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(9, 3, generator=generator, dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_eager(function, given):
    call, x = FUNCTIONS[function], _x()
    y, want = call(x, *GIVEN[given]), call(x, hatact.HAT.scaled(8), 1)
    assert torch.equal(y, want)
    assert torch.equal(*(torch.autograd.grad(t.square().sum(), x)[0] for t in (y, want)))


TRACED = [
    *(("piecewise", given) for given in GIVEN),
    *((function, "a name") for function in FUNCTIONS if function != "piecewise"),
    ("linear_act", "a module and a rest"),
    ("mlp", "a spec and a rest"),
]


@of_dynamo
@pytest.mark.parametrize(("function", "given"), TRACED)
def test_traced(function, given):
    torch.compiler.reset()
    of, scale = GIVEN[given]
    call, x = FUNCTIONS[function], _x()
    traced = torch.compile(lambda x: call(x, of, scale), fullgraph=True, backend="aot_eager")
    y, want = traced(x), call(x, hatact.HAT.scaled(8), 1)
    torch.testing.assert_close(y, want, rtol=1e-12, atol=1e-13)
    ours, theirs = (torch.autograd.grad(t.square().sum(), x)[0] for t in (y, want))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("function", [F.hat, F.bspline, F.bw_relu])
def test_centered_traced(function, centered):
    torch.compiler.reset()
    x = _x()

    def call(x):
        return function(x, scale=0.5, centered=centered)

    traced = torch.compile(call, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(traced(x), call(x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_under_transforms(function, given):
    call, x = FUNCTIONS[function], _x().detach()
    of, scale = GIVEN[given]
    ours = torch.func.grad(lambda x: call(x, of, scale).square().sum())(x)
    theirs = torch.func.grad(lambda x: call(x, hatact.HAT.scaled(8), 1).square().sum())(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_none(function):
    call, x = FUNCTIONS[function], _x()
    with pytest.raises(ValueError, match="an activation must be"):
        call(x, "hta", 1)
    for scale in (0, True, torch.tensor(2.0), "8"):
        with pytest.raises(ValueError, match="the scale must be a positive real number"):
            call(x, "hat", scale)


def test_analysis():
    pytest.importorskip("scipy")
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for kernel in (analysis.nngp, analysis.ntk):
        want = kernel(hatact.HAT.scaled(8), 3, x)
        for of, scale in GIVEN.values():
            assert torch.equal(kernel(of, 3, x, scale=scale), want)
    for of in ("hat", nn.Hat()):
        assert torch.equal(analysis.gram(of, 8), analysis.gram(hatact.HAT, 8))
        assert torch.equal(analysis.eigenvalues(of, 8), analysis.eigenvalues(hatact.HAT, 8))
        assert analysis.condition_number(of, 8) == analysis.condition_number(hatact.HAT, 8)
        assert analysis.mesh_descent(of, 8, [1], 1.0) == analysis.mesh_descent(
            hatact.HAT, 8, [1], 1.0
        )
    for call in (
        lambda: analysis.gram("hta", 8),
        lambda: analysis.eigenvalues("hta", 8),
        lambda: analysis.condition_number("hta", 8),
        lambda: analysis.mesh_descent("hta", 8, [1], 1.0),
        lambda: analysis.ntk("hta", 3, x),
        lambda: analysis.nngp(torch.relu, 3, x),
    ):
        with pytest.raises(ValueError, match="an activation must be"):
            call()
