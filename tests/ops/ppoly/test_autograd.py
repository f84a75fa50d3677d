"""Derivatives of every spec on every backend, by finite differences and by torch on the formula."""

import pytest
import torch
from torch.autograd import forward_ad, grad, gradcheck, gradgradcheck

from hatact import HAT, RELU, autograd, bspline, functional
from tests.support.points import NAMES, plain, smooth_points, spare_the_interpreter
from tests.support.specs import SPECS

every_spec = pytest.mark.parametrize("name", NAMES)
raw = torch.ops.hatact.ppoly


@every_spec
def test_gradcheck(place, name):
    spare_the_interpreter(place, name)
    spec = SPECS[name]
    x = smooth_points(name).to(place.device).view(3, 3).t().requires_grad_()
    g = torch.linspace(-2, 1.5, 9, dtype=torch.float64, device=x.device).view(3, 3)
    g.requires_grad_()
    forward = {"check_forward_ad": True, "check_batched_forward_grad": True}
    checks = {"check_batched_grad": True, **forward}
    assert gradcheck(lambda x: functional.piecewise(x, spec), x, **checks)
    assert gradcheck(lambda x, g: autograd.ppoly(x, g, spec), (x, g), **checks)
    assert gradcheck(lambda x, g: raw(x, g, *spec.numbers), (x, g), **checks)
    assert gradcheck(lambda g: raw(x.detach(), g, *spec.numbers), (g,), **checks)


@every_spec
def test_gradgradcheck(place, name):
    spare_the_interpreter(place, name)
    spec = SPECS[name]
    x = smooth_points(name, 4).to(place.device).requires_grad_()
    g = torch.linspace(-2, 1.5, 4, dtype=torch.float64, device=x.device).requires_grad_()
    checks = {"check_fwd_over_rev": True, "check_rev_over_rev": True, "check_batched_grad": True}
    assert gradgradcheck(lambda x: functional.piecewise(x, spec), x, **checks)
    assert gradgradcheck(lambda x, g: autograd.ppoly(x, g, spec), (x, g), **checks)
    assert gradgradcheck(lambda x, g: raw(x, g, *spec.numbers), (x, g), **checks)


@every_spec
def test_derivatives_are_the_specs_own(place, name):
    """Every order, to the last bit: knots, ±inf and NaN included.

    What is coded has the last piece's slope at a NaN, and is flat beyond the first derivative.
    """
    spec = SPECS[name]
    coded, slopes = spec.slopes is not None, spec.derivative().pieces
    x = torch.tensor([*spec.numbers[0], *smooth_points(name).tolist(), torch.inf, torch.nan])
    x = x.to(place.device).requires_grad_()
    y = functional.piecewise(x, spec)
    for order in range(3):
        spec = spec.derivative()
        (y,) = grad(y, x, torch.ones_like(y), create_graph=True)
        expected = raw(x.detach(), torch.ones_like(x), *spec.numbers)
        if coded and order:
            expected = torch.zeros_like(expected)
        elif coded and spec.period is None:
            expected[x.isnan()] = float(slopes[-1][-1])
        torch.testing.assert_close(y.detach(), expected, rtol=0, atol=0, equal_nan=True)
        assert y.requires_grad


def test_relu_convention(place):
    x = torch.tensor([-1.0, -0.0, 0.0, 1.0], device=place.device, requires_grad=True)
    (gx,) = grad(functional.piecewise(x, RELU).sum(), x)
    assert gx.tolist() == [0, 0, 0, 1]


def test_zero_second_derivative_is_zeros_not_an_error(place):
    x = torch.tensor([0.5, 1.5, 3.0], device=place.device, requires_grad=True)
    for f in (functional.hat, functional.bw_relu, lambda x: functional.piecewise(x, RELU)):
        (gx,) = grad(f(x).sum(), x, create_graph=True)
        (gxx,) = grad(gx.sum(), x)
        assert gxx.tolist() == [0, 0, 0]
    weight = torch.ones(3, device=place.device, requires_grad=True)
    (gx,) = grad(functional.hat(weight * x).sum(), x, create_graph=True)
    (gw,) = grad(gx.sum(), weight)  # d/dw of w·hat′(w·x) = hat′(w·x)
    assert gw.tolist() == [1, -1, 0]


@pytest.mark.parametrize("name", ["hat", "bspline3", "triangle_wave"])
def test_sum_backward_and_retain_graph(place, name):
    """A cotangent of stride 0, twice: gradients accumulate and nothing saved is overwritten."""
    start = smooth_points(name, 12).to(place.device).view(4, 3)
    for x in (start.clone(), start.t().clone().t(), start.repeat(1, 2)[:, ::2]):
        x.requires_grad_()
        kept = x.detach().clone()
        loss = functional.piecewise(x, SPECS[name]).sum()
        expected = raw(kept, None, *SPECS[name].derivative().numbers)
        loss.backward(retain_graph=True)
        torch.testing.assert_close(x.grad, expected, rtol=0, atol=0)
        loss.backward()
        torch.testing.assert_close(x.grad, 2 * expected, rtol=0, atol=0)
        assert torch.equal(x.detach(), kept)


def test_incoming_gradients_are_not_modified(place):
    x = smooth_points("hat").to(place.device).requires_grad_()
    g = torch.randn_like(x)
    gy = torch.randn_like(x)
    kept = g.clone(), gy.clone()
    y = autograd.ppoly(x, g.requires_grad_(), HAT)
    y.backward(gy)
    assert torch.equal(g.detach(), kept[0])
    assert torch.equal(gy, kept[1])


def test_only_what_is_needed(place):
    x = smooth_points("hat").to(place.device)
    assert not functional.hat(x).requires_grad
    with torch.no_grad():
        assert not functional.hat(x.clone().requires_grad_()).requires_grad
    with torch.inference_mode():
        assert torch.equal(functional.hat(x), functional.hat(x))
    g = torch.ones_like(x, requires_grad=True)
    (gg,) = grad(autograd.ppoly(x, g, HAT).sum(), g)
    assert torch.equal(gg, functional.hat(x))


def test_third_derivative_of_the_quintic(place):
    x = smooth_points("bspline5", 20).to(place.device).requires_grad_()
    y = functional.bspline(x, 5)
    for _ in range(3):
        (y,) = grad(y.sum(), x, create_graph=True)
    expected = sum(
        c * plain(x.detach() - k, "bspline2") for k, c in enumerate((1.0, -3.0, 3.0, -1.0))
    )
    torch.testing.assert_close(y.detach(), expected, rtol=1e-12, atol=1e-13)


@every_spec
@pytest.mark.parametrize("call", ["functional", "raw"])
def test_forward_mode(place, name, call):
    """Dual tensors, where autograd's own transforms are not active."""
    spec = SPECS[name]
    f = {
        "functional": lambda x: functional.piecewise(x, spec),
        "raw": lambda x: raw(x, None, *spec.numbers),
    }[call]
    x = smooth_points(name).to(place.device)
    tangent = torch.linspace(-1, 2, 9, dtype=torch.float64, device=x.device)
    with forward_ad.dual_level():
        out = forward_ad.unpack_dual(f(forward_ad.make_dual(x, tangent)))
        assert out.tangent is not None
        expected = forward_ad.unpack_dual(plain(forward_ad.make_dual(x, tangent), name))
        torch.testing.assert_close(out.primal, f(x), rtol=0, atol=0)
        torch.testing.assert_close(out.tangent, expected.tangent, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_gradients_keep_dtype_and_layout(place, dtype):
    x = torch.randn(2, 3, 4, 5).to(place.device, dtype, memory_format=torch.channels_last)
    x.requires_grad_()
    (gx,) = grad(functional.bspline(x, 3).sum(), x)
    assert gx.dtype == dtype
    assert gx.is_contiguous(memory_format=torch.channels_last)
    exact = raw(x.detach().double(), None, *bspline(3).derivative().numbers)
    assert (gx.double() - exact).abs().max() <= 2 * torch.finfo(dtype).eps


class _Network(torch.nn.Module):
    def __init__(self, activation):
        super().__init__()
        torch.manual_seed(3)
        self.first, self.last = torch.nn.Linear(1, 12), torch.nn.Linear(12, 1)
        self.activation = activation

    def forward(self, x):
        return self.last(self.activation(3 * self.first(x) + 2))


def _pinn_loss(network, x):
    u = network(x)
    (ux,) = grad(u.sum(), x, create_graph=True)
    (uxx,) = grad(ux.sum(), x, create_graph=True)
    return ((uxx + torch.sin(x)) ** 2 + ux * u).mean()


def test_pinn_weight_gradients(place):
    """u_xx in the loss: the weights' gradients against the plain formula and finite differences."""
    x = torch.linspace(-1, 1, 33, dtype=torch.float64, device=place.device)[:, None]
    x.requires_grad_()
    ours = _Network(lambda z: functional.bspline(z, 3)).double().to(place.device)
    theirs = _Network(lambda z: plain(z, "bspline3")).double().to(place.device)
    got = grad(_pinn_loss(ours, x), list(ours.parameters()), allow_unused=True)
    expected = grad(_pinn_loss(theirs, x), list(theirs.parameters()), allow_unused=True)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    weight, step = ours.first.weight, 1e-6
    with torch.no_grad():
        weight[4] += step
    above = _pinn_loss(ours, x).item()
    with torch.no_grad():
        weight[4] -= 2 * step
    below = _pinn_loss(ours, x).item()
    assert got[0][4].item() == pytest.approx((above - below) / (2 * step), rel=1e-5)
    assert got[0][4].abs() > 1e-3
