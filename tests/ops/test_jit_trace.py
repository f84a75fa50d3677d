"""torch.jit.trace records ops whole: the program runs, and is differentiable, at any batch."""

import copy
import io

import pytest
import torch

import hatact
from hatact import functional, nn

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.*is not supported in Python:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
MODULES = {
    "Hat": nn.Hat(2),
    "BSpline": nn.BSpline(3, centered=True),
    "PeriodicReLU": nn.PeriodicReLU(),
    "LinearAct": nn.LinearAct(3, 4, "hat"),
    "LinearAct of degree 3": nn.LinearAct(3, 4, "bspline", bias=False),
    "MLP": nn.MLP(3, 32, 2, 3, "hat", scale=2),
    "MLP, checkpointed": nn.MLP(3, 32, 2, 3, "bspline", checkpoint=True),
    "MLP, layer by layer": nn.MLP(3, 7, 2, 3, "hat", checkpoint=True),
    "BWNetwork": nn.BWNetwork(3, 32, 2, 1, learn_c=True),
    "TriangleCascade": nn.TriangleCascade(3, 3),
    "BSpline in place": torch.nn.Sequential(torch.nn.Linear(3, 3), nn.BSpline(inplace=True)),
    "Sequential": torch.nn.Sequential(torch.nn.Linear(3, 3), nn.Hat(inplace=True)),
}


@pytest.mark.parametrize("wants", [False, True], ids=["x", "x that requires grad"])
@pytest.mark.parametrize("grad", [False, True], ids=["without gradients", "with gradients"])
@pytest.mark.parametrize("name", MODULES)
def test_a_traced_module(name, grad, wants):
    torch.manual_seed(0)
    module = copy.deepcopy(MODULES[name])
    with torch.set_grad_enabled(grad):
        traced = torch.jit.trace(module, (torch.rand(4, 3, requires_grad=wants),))
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    for program in (traced, torch.jit.load(file)):
        x = torch.rand(7, 3, requires_grad=True)
        y, want = program(x), module(x)
        torch.testing.assert_close(y, want)
        weights = torch.randn_like(want)
        ours = torch.autograd.grad((weights * y).sum(), x, create_graph=True)[0]
        theirs = torch.autograd.grad((weights * want).sum(), x, create_graph=True)[0]
        torch.testing.assert_close(ours, theirs)
        if "BSpline" in name or "degree 3" in name or "checkpointed" in name:
            pair = [torch.autograd.grad(g.square().sum(), x)[0] for g in (ours, theirs)]
            assert pair[1].abs().max() > 0
            torch.testing.assert_close(*pair)


def test_in_place():
    traced = torch.jit.trace(nn.Hat(2, inplace=True), (torch.rand(4, 3),))
    x = torch.rand(5, 3)
    want = functional.hat(x, 2)
    assert torch.equal(traced(x), want)
    assert torch.equal(x, want)


def test_parameters_are_trained_through_a_trace():
    module = nn.MLP(3, 32, 1, 3, hatact.HAT)
    traced = torch.jit.trace(module, (torch.rand(4, 3),))
    x = torch.rand(9, 3)
    ours = torch.autograd.grad(traced(x).sum(), [*traced.parameters()])
    theirs = torch.autograd.grad(module(x).sum(), [*module.parameters()])
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)
