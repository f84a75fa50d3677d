"""Names, scales, flags and `inplace` as users and other packages write them."""

import pytest
import torch
from torch.utils.checkpoint import checkpoint

import hatact
from hatact import functional as F
from hatact import nn

CENTERED = {
    "hat": (nn.Hat, F.hat, 1),
    "bw_relu": (nn.BWReLU, F.bw_relu, 1.5),
    **{
        f"bspline{d}": (
            lambda *a, _d=d, **k: nn.BSpline(_d, *a, **k),
            lambda x, *a, _d=d, **k: F.bspline(x, _d, *a, **k),
            (d + 1) / 2,
        )
        for d in range(6)
    },
}


@pytest.mark.parametrize("name", CENTERED)
def test_centered(place, name):
    module, function, middle = CENTERED[name]
    x = torch.linspace(-3, 3, 41, dtype=torch.float64, device=place.device)
    for scale in (1, 4, 0.3):
        want = function(scale * x + middle)
        assert want.abs().max() > 0
        torch.testing.assert_close(module(scale, centered=True)(x), want, rtol=1e-12, atol=1e-13)
        torch.testing.assert_close(function(x, scale, centered=True), want, rtol=1e-12, atol=1e-13)
        again = F.piecewise(x, hatact.activation(name, scale, centered=True))
        torch.testing.assert_close(again, want, rtol=1e-12, atol=1e-13)
    low, high = module(4, centered=True).spec.support
    assert low == -high == -middle / 4
    assert repr(module(4, centered=True)).endswith("scale=4, centered=True)")


@pytest.mark.parametrize("flag", [1, 0, None, "yes"], ids=repr)
def test_flags_are_true_or_false(flag):
    for make in (nn.Hat, nn.BSpline, nn.BWReLU, nn.ReLU, nn.TriangleWave, nn.PeriodicReLU):
        with pytest.raises(TypeError, match="inplace must be True or False; got") as raised:
            make(inplace=flag)
        advice = str(raised.value).split("write ")[1].replace("degree", "3")
        for call in advice.split(", and for a scale "):
            eval(f"nn.{call}", {"nn": nn})
    with pytest.raises(TypeError, match="inplace must be True or False; got"):
        nn.Piecewise("hat", flag)
    for make in (nn.Hat, nn.BSpline, nn.BWReLU):
        with pytest.raises(TypeError, match="centered must be True or False; got"):
            make(centered=flag)
    x = torch.zeros(3)
    for call in (F.hat, F.bspline, F.bw_relu, lambda x, **k: F.piecewise(x, "hat", **k)):
        with pytest.raises(TypeError, match="inplace must be True or False; got"):
            call(x, inplace=flag)
    for call in (F.hat, F.bspline, F.bw_relu):
        with pytest.raises(TypeError, match="centered must be True or False; got"):
            call(x, centered=flag)
    for name in ("bias", "checkpoint"):
        with pytest.raises(TypeError, match=f"{name} must be True or False; got"):
            nn.MLP(2, 32, 1, 2, "hat", **{name: flag})
    with pytest.raises(TypeError, match="bias must be True or False; got"):
        nn.LinearAct(2, 3, "hat", bias=flag)
    with pytest.raises(TypeError, match="checkpoint must be True or False; got"):
        F.mlp(x, [torch.zeros(1, 3)], None, "hat", flag)


@pytest.mark.parametrize("degree", range(6))
def test_bspline_in_place_where_no_gradient_is_needed(place, degree):
    x = torch.randn(9, 3, device=place.device)
    module = nn.BSpline(degree, 2, inplace=True)
    want = nn.BSpline(degree, 2)(x)
    for forward in (module, lambda x: F.bspline(x, degree, 2, inplace=True)):
        z = x.clone()
        assert forward(z) is z
        assert torch.equal(z, want)
    with torch.no_grad():  # as a checkpoint's first pass runs, after which x is needed
        z = x.clone().requires_grad_()
        assert (module(z) is z) == (degree <= 1)


@pytest.mark.parametrize("degree", range(6))
def test_bspline_in_place_in_training(place, degree):
    """As timm builds it: act_layer(inplace=True), after a layer with weights."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 5, device=place.device)
    x = torch.randn(9, 3, device=place.device)
    z = layer(x)
    before = z.detach().clone()
    y = nn.BSpline(degree, inplace=True)(z)
    want = F.bspline(layer(x), degree)
    assert torch.equal(y, want)
    assert (y is z) == (degree <= 1)
    assert torch.equal(z.detach(), y.detach() if degree <= 1 else before)
    ours, theirs = (torch.autograd.grad(t.sum(), layer.weight)[0] for t in (y, want))
    assert torch.equal(ours, theirs)


def test_piecewise_and_the_functions_raise_there():
    z = torch.zeros(3, requires_grad=True) * 1
    for call in (
        nn.Piecewise("bspline", inplace=True),
        lambda z: F.bspline(z, inplace=True),
        lambda z: F.piecewise(z, hatact.bspline(2), inplace=True),
    ):
        with pytest.raises(ValueError, match="inplace=True needs a spec of degree at most 1"):
            call(z)


@pytest.mark.parametrize("reentrant", [False, True])
def test_bspline_in_place_in_a_checkpoint(place, reentrant):
    x = torch.randn(9, 3, device=place.device, requires_grad=True)

    def gradient(module):
        y = checkpoint(lambda z: module(z), x * 1, use_reentrant=reentrant)
        return torch.autograd.grad(y.square().sum(), x)[0] if not reentrant else _backward(y, x)

    ours, theirs = (gradient(nn.BSpline(3, 2.0, inplace=i)) for i in (True, False))
    assert torch.equal(ours, theirs)


def _backward(y, x):
    x.grad = None
    y.square().sum().backward()
    return x.grad


def test_bspline_in_place_under_transforms(place):
    x = torch.randn(9, device=place.device)

    def loss(of):
        return lambda x: of(2 * x).sum()

    ours, theirs = (
        torch.func.grad(loss(of))(x) for of in (nn.BSpline(3, inplace=True), nn.BSpline(3))
    )
    assert torch.equal(ours, theirs)


def test_names_and_scales_of_the_modules():
    hat8 = hatact.HAT.scaled(8)
    for module in (
        nn.MLP(2, 32, 1, 3, "hat", scale=8),
        nn.MLP(2, 32, 1, 3, activation="hat", scale=8),
        nn.MLP(2, 32, 1, 3, hatact.HAT.scaled(2), scale=4),
        nn.MLP(2, 32, 1, 3, nn.Hat(8)),
        nn.MLP(2, 32, 1, 3, nn.Hat(2), scale=4),
        nn.LinearAct(2, 3, "hat", scale=8),
        nn.LinearAct(2, 3, activation=nn.Hat(8)),
    ):
        assert module.activation == hat8
    assert nn.Piecewise("hat", scale=8).spec == nn.Piecewise(nn.Hat(8)).spec == hat8
    assert nn.Piecewise("bspline").spec == hatact.bspline(3)
    assert nn.LinearAct(2, 3, "bw_relu").activation == hatact.BW_RELU


def test_reprs():
    mlp = nn.MLP(2, 32, 1, 2, "hat", scale=8, checkpoint=True)
    assert repr(mlp).splitlines()[:2] == [
        "MLP(",
        "  activation=(hat, scale=8), checkpoint=True",
    ]
    assert repr(nn.LinearAct(2, 3, "bspline", scale=0.5)) == (
        "LinearAct(in_features=2, out_features=3, bias=True, activation=(bspline3, scale=0.5))"
    )
    assert repr(nn.Piecewise("hardtanh")) == "Piecewise(hardtanh, scale=1)"
    assert repr(nn.Piecewise("hat", True)) == "Piecewise(hat, scale=1, inplace=True)"
    own = hatact.PiecewisePolynomial((0, 0.5), ((0,), (1, 0), (0.5,)))
    assert repr(nn.Piecewise(own)) == "Piecewise(knots=(0, 0.5), degree=1)"
    one = hatact.PiecewisePolynomial((0,), ((0,), (1, 0, 0)))
    assert repr(nn.Piecewise(one)) == "Piecewise(knots=(0,), degree=2)"
    many = hatact.PiecewisePolynomial(range(9), ((0,),) * 10)
    assert repr(nn.Piecewise(many)) == "Piecewise(knots=9, degree=0)"
    turning = hatact.PiecewisePolynomial((0,), ((0,), (1, 0, 0)), 1)
    assert repr(nn.Piecewise(turning)) == "Piecewise(knots=(0,), degree=2, period=1)"
