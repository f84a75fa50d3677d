"""Corners of the coded Functions: fake tensors, autocast, empty layers, NaN slopes, odd memory."""

import math
import struct

import pytest
import torch
from torch._functorch.aot_autograd import aot_function, make_boxed_func
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from hatact import HAT, RELU, autograd, bspline, functional, nn
from tests.support.layouts import same_bits

raw = torch.ops.hatact
CUBIC = bspline(3)
both = pytest.mark.parametrize("spec", [HAT, CUBIC], ids=["hat", "cubic"])


def _gradient(x, spec=HAT):
    return torch.autograd.grad(functional.piecewise(x, spec).sum(), x)[0]


@pytest.mark.parametrize("spec", [HAT.scaled(3), RELU.scaled(3)], ids=["hat", "relu"])
def test_fake_tensors_leave_nothing_behind(place, spec):
    """Numbers packed for a fake call once served the real ones that followed, and crashed them."""
    with FakeTensorMode():
        x = torch.randn(8, requires_grad=True, device=place.device)
        assert _gradient(x, spec).shape == (8,)
        y = functional.piecewise(x * 2, spec, inplace=True)
        assert torch.autograd.grad(y.sum(), x)[0].shape == (8,)
    x = torch.randn(8, requires_grad=True, device=place.device)
    expected = torch.autograd.grad(autograd.PPoly.apply(x, None, spec).sum(), x)[0]
    assert same_bits(_gradient(x, spec), expected)
    with FakeTensorMode() as mode:  # the numbers are packed by now
        assert _gradient(mode.from_tensor(x), spec).shape == (8,)


@pytest.mark.parametrize("mode", ["real", "fake", "symbolic"])
def test_traced_with_its_gradient(mode):
    x = torch.randn(7, requires_grad=True)
    graph = make_fx(lambda x: _gradient(x), tracing_mode=mode)(x)
    z = torch.randn(7, requires_grad=True)
    assert same_bits(graph(z), _gradient(z))


def test_aot_function():
    x = torch.randn(5, requires_grad=True)
    aot_function(functional.hat, lambda graph, _: make_boxed_func(graph))(x).sum().backward()
    assert same_bits(x.grad, _gradient(x))


@both
@pytest.mark.parametrize(("features", "out"), [(0, 4), (3, 0)])
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_linear_act_of_no_features(place, spec, features, out):
    layer = nn.LinearAct(features, out, spec, device=place.device)
    for shape in ((2, features), (features,), (2, 3, features)):
        x = torch.randn(shape, device=place.device, requires_grad=True)
        layer(x).sum().backward()
        assert x.grad.shape == shape
        assert not x.grad.any()
    assert layer.weight.grad.shape == (out, features)


@both
def test_linear_act_on_meta(spec):
    layer = nn.LinearAct(3, 4, spec, device="meta")
    assert layer(torch.randn(2, 3, device="meta")).shape == (2, 4)


@both
def test_backward_inside_autocast_of_a_forward_outside(place, spec):
    layer = nn.LinearAct(4, 4, spec, device=place.device)
    x = torch.randn(3, 4, device=place.device)
    layer(x).sum().backward()
    expected = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    y = layer(x)
    with torch.autocast(place.device, dtype=torch.bfloat16):
        y.sum().backward()
    for p, of in zip(layer.parameters(), expected, strict=True):
        assert p.grad.dtype == torch.float32
        assert (p.grad - of).norm() <= 2**-6 * of.norm()


@both
def test_a_layer_used_often_under_autocast_keeps_its_weight_once(place, spec):
    layer = nn.LinearAct(64, 64, spec, device=place.device)
    x = torch.randn(8, 64, device=place.device, dtype=torch.bfloat16)
    kept, held = {}, []

    def pack(t):
        held.append(t)
        kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t),
        torch.autocast(place.device, dtype=torch.bfloat16),
    ):
        ys = [layer(x) for _ in range(10)]
    a_code = 8 * 64 // 4 if spec is HAT else 0
    parameters = sum(p.nbytes for p in layer.parameters())
    assert sum(kept.values()) <= 10 * a_code + x.nbytes + parameters
    sum(y.sum() for y in ys).backward()
    assert layer.weight.grad.dtype == layer.bias.grad.dtype == torch.float32


@both
def test_compiled_transforms_of_linear_act(spec):
    layer = nn.LinearAct(3, 4, spec)
    x = torch.randn(5, 3)
    torch.compiler.reset()
    mapped = torch.compile(lambda x: torch.func.vmap(layer)(x), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(mapped(x), layer(x))
    of_x = torch.func.grad(lambda x: layer(x).sum())
    torch.testing.assert_close(torch.compile(of_x, fullgraph=True, backend="aot_eager")(x), of_x(x))


@pytest.mark.parametrize("bits", [b"\xff" * 7 + b"\x7f", b"\xff" * 8, b"\0" * 6 + b"\xf8\x7f"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_a_nan_slope_is_nan_whatever_its_payload(place, dtype, bits):
    (nan,) = struct.unpack("<d", bits)
    assert math.isnan(nan)
    g = torch.ones(40, dtype=dtype, device=place.device)
    code = torch.full((5,), 255, dtype=torch.uint8, device=place.device)
    assert raw.ppoly_decode(g, code, [1.0, nan]).isnan().all()


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("spec", [HAT, RELU], ids=["hat", "relu"])
def test_in_place_on_a_negated_view(spec, requires_grad):
    z = torch.randn(6, dtype=torch.complex64)
    expected = functional.piecewise(-z.imag, spec)
    x = z.clone().requires_grad_(requires_grad).clone().conj().imag
    assert x.is_neg()
    y = functional.piecewise(x, spec, inplace=True)
    assert torch.equal(y, expected)
    assert torch.equal(x, expected)
    assert y.requires_grad == requires_grad


@both
def test_an_inference_tensor_is_overwritten_in_inference_mode_alone(spec):
    with torch.inference_mode():
        x = torch.ones(3)
        functional.piecewise(x, spec, inplace=True)
    before = x.clone()
    with pytest.raises(RuntimeError, match="in inference mode alone"):
        functional.piecewise(x, spec, inplace=True)
    assert torch.equal(x, before)


def test_second_derivative_of_the_raw_encode_is_zeros():
    x = torch.tensor([0.5, 1.5], requires_grad=True)
    y, _ = raw.ppoly_encode(x, *HAT.numbers)
    (gx,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert torch.equal(torch.autograd.grad(gx.sum(), x)[0], torch.zeros(2))


def test_no_gradient_stays_none():
    """Where nothing comes from above, as with torch.relu."""

    class Cut(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return None

    x = torch.ones(3, requires_grad=True)
    Cut.apply(functional.hat(x)).sum().backward()
    assert x.grad is None


@pytest.mark.parametrize(
    ("weight", "bias"),
    [(torch.ones(3), None), (torch.ones(2, 3), torch.ones(1, 2)), ([[1.0]], None)],
)
def test_linear_act_says_what_its_weights_must_be(weight, bias):
    with pytest.raises(
        ValueError, match=r"weight must have shape \(out, in\)|must be a torch.Tensor"
    ):
        functional.linear_act(torch.ones(4, 3), weight, bias, HAT)
