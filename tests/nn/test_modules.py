"""hatact.nn and hatact.functional as a user of PyTorch meets them."""

import copy
import io
import pickle
from fractions import Fraction

import pytest
import torch

import hatact
from hatact import functional, nn

MODULES = [
    nn.Piecewise(hatact.PiecewisePolynomial((0, 1), ((0,), (-1, 1, 0), (0,)))),
    nn.Hat(),
    nn.Hat(8),
    nn.Hat(scale=0.5),
    nn.BSpline(),
    nn.BSpline(degree=2, scale=4.0),
    nn.BWReLU(3),
    nn.ReLU(),
    nn.TriangleWave(),
    nn.PeriodicReLU(),
]
every_module = pytest.mark.parametrize("module", MODULES, ids=repr)


@every_module
def test_pickle_copy_and_save(place, module):
    x = torch.randn(64, device=place.device)
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    copies = (
        pickle.loads(pickle.dumps(module)),
        copy.deepcopy(module),
        torch.load(buffer, weights_only=False),
    )
    for again in copies:
        assert torch.equal(again(x), module(x))
        assert repr(again) == repr(module)


@every_module
def test_no_state(module):
    assert module.state_dict() == {}
    assert list(module.parameters()) == list(module.buffers()) == []
    assert copy.deepcopy(module).load_state_dict({}).missing_keys == []


def test_a_module_that_was_pickled_before_it_could_be_centered():
    for module in (nn.Hat(8), nn.BSpline(2), nn.BWReLU()):
        shown = repr(module)
        del module.__dict__["centered"]
        again = pickle.loads(pickle.dumps(module))
        assert repr(again) == shown


def test_repr():
    assert repr(nn.Hat(8)) == "Hat(scale=8)"
    assert repr(nn.BSpline(2, 0.5)) == "BSpline(degree=2, scale=0.5)"
    assert repr(nn.BWReLU()) == "BWReLU(scale=1.0)"
    assert repr(nn.ReLU()) == "ReLU()"
    assert repr(MODULES[0]) == "Piecewise(srelu, scale=1)"


def test_scale_is_folded_into_the_numbers(place):
    x = torch.linspace(-1, 3, 101, dtype=torch.float64, device=place.device)
    for scale in (1, 8, 0.25, Fraction(1, 3)):
        s = float(scale)
        for module, f in (
            (nn.Hat(scale), functional.hat),
            (nn.BSpline(2, scale), lambda x: functional.bspline(x, 2)),
            (nn.BWReLU(scale), functional.bw_relu),
        ):
            torch.testing.assert_close(module(x), f(s * x), rtol=1e-12, atol=1e-13)
    assert nn.Hat(8).spec.support == (0, Fraction(1, 4))


@every_module
def test_in_a_network(place, module):
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), copy.deepcopy(module), torch.nn.Flatten(), torch.nn.Linear(16, 2)
    ).to(place.device)
    x = torch.randn(5, 3, 4, 4, device=place.device).to(memory_format=torch.channels_last)
    network(x).square().mean().backward()
    for p in network.parameters():
        assert p.grad is not None
        assert p.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def test_autocast(place, dtype):
    """The activation follows the linear layer's dtype and leaves the master weights in float32."""
    torch.manual_seed(0)
    linear, hat = torch.nn.Linear(8, 8).to(place.device), nn.Hat(2)
    x = torch.randn(16, 8, device=place.device)
    with torch.autocast(place.device, dtype=dtype):
        z = linear(x)
        y = hat(z)
    assert (z.dtype, y.dtype) == (dtype, dtype)
    expected = functional.hat(2 * z.detach().double()).to(dtype)
    assert (y.detach() - expected).abs().max() <= torch.finfo(dtype).eps
    y.float().sum().backward()
    assert linear.weight.grad.dtype == torch.float32
    slope = torch.func.vmap(torch.func.grad(functional.hat))(2 * z.detach().float().flatten())
    expected = (2 * slope).view(16, 8).t() @ x
    torch.testing.assert_close(
        linear.weight.grad, expected, rtol=0, atol=32 * torch.finfo(dtype).eps
    )


@pytest.mark.parametrize("name", ["hat", "bspline", "bw_relu"])
def test_functional_and_module_agree(place, name):
    module = {"hat": nn.Hat, "bspline": nn.BSpline, "bw_relu": nn.BWReLU}[name]
    x = torch.randn(33, device=place.device)
    assert torch.equal(getattr(functional, name)(x), module()(x))
    assert torch.equal(getattr(functional, name)(x, scale=3), module(scale=3)(x))


def test_what_the_package_exports():
    assert set(hatact.__all__) >= {"BW_RELU", "HAT", "RELU", "PiecewisePolynomial", "bspline"}
    for name in hatact.__all__:
        assert hasattr(hatact, name)
    assert hatact.bspline(1) == hatact.HAT
    for name in nn.__all__:
        assert getattr(nn, name).__doc__
