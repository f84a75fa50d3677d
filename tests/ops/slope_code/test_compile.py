"""opcheck and torch.compile of the ops of the slope code and of those in place."""

import pytest
import torch

from hatact import HAT, bspline
from tests.support.layouts import LAYOUTS, POOL, same_bits
from tests.support.specs import CODED

raw = torch.ops.hatact
SAMPLES = ["contiguous", "transposed", "sliced_2d", "channels_last", "empty", "scalar"]
EMPTY = "empty_transposed"


@pytest.fixture(autouse=True)
def _fresh_dynamo():
    torch.compiler.reset()


def _check(place, op, *args):
    if place.interpreted and args[0].numel() > 300:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    torch.library.opcheck(op.default, args)


def _pool(place):
    return torch.randn(POOL, generator=torch.Generator().manual_seed(2)).to(place.device)


@pytest.mark.parametrize("grad", [False, True], ids=["plain", "grad"])
@pytest.mark.parametrize("layout", [*SAMPLES, "expanded", EMPTY])
def test_opcheck_encode_and_decode(place, layout, grad):
    x = LAYOUTS[layout](_pool(place)).detach()
    for name in ("sawtooth",) if layout == "sliced_2d" else ("hat", "bw_relu"):
        spec = CODED[name]
        knots, coeffs, period = spec.numbers
        _, code = raw.ppoly_encode(x, knots, coeffs, period)
        slopes = list(spec.slopes)
        leaf = x.clone(memory_format=torch.preserve_format).requires_grad_(grad)
        _check(place, raw.ppoly_encode, leaf, list(knots), list(coeffs), period)
        g = LAYOUTS[layout](_pool(place).flip(0)).detach().requires_grad_(grad)
        _check(place, raw.ppoly_decode, g, code, slopes)


@pytest.mark.parametrize("layout", [*SAMPLES, EMPTY])
def test_opcheck_in_place(place, layout):
    x = LAYOUTS[layout](_pool(place))
    for spec in (HAT, CODED["triangle_wave"]):
        knots, coeffs, period = spec.numbers
        _check(place, raw.ppoly_encode_, x, list(knots), list(coeffs), period)
        _check(place, raw.ppoly_, x, list(knots), list(coeffs), period)
    knots, coeffs, period = bspline(3).numbers
    _check(place, raw.ppoly_, x, list(knots), list(coeffs), period)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4), (0, 4)])
def test_opcheck_linear(place, shape, bias):
    x, weight = torch.randn(shape, device=place.device), torch.randn(6, 4, device=place.device)
    b = torch.randn(6, device=place.device) if bias else None
    knots, coeffs, period = HAT.numbers
    _check(place, raw.linear_act, x, weight, b, list(knots), list(coeffs), period)
    if len(shape) > 1:
        x = x.transpose(0, -2).contiguous().transpose(0, -2)
        _check(place, raw.linear_act, x, weight.t().contiguous().t(), b, list(knots), list(coeffs))


def test_opcheck_packed(place):
    """Called by the Functions alone, below autograd, and never on fake tensors: their numbers are
    values."""
    from hatact.ops import packed

    x = _pool(place)[:37]
    numbers, slopes = packed(*HAT.numbers), packed((), HAT.slopes)
    _, code, edge = raw._packed_encode(x, numbers)
    assert (edge.shape, edge.dtype) == ((0,), x.dtype)
    torch.library.opcheck(raw._packed_encode.default, (x, numbers), test_utils=("test_schema",))
    torch.library.opcheck(
        raw._packed_decode.default, (x, code, slopes), test_utils=("test_schema",)
    )


@pytest.mark.parametrize("layout", ["contiguous", "transposed", "channels_last", "scalar"])
def test_raw_ops_in_one_graph(place, layout):
    if place.interpreted:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    for name in ("relu", "hat", "bw_relu"):
        spec = CODED[name]

        def f(x, g, spec=spec):
            y, code = raw.ppoly_encode(x, *spec.numbers)
            z = x * 2
            of_z = raw.ppoly_encode_(z, *spec.numbers)
            w = x + 1
            raw.ppoly_(w, *spec.numbers)
            return y, code, raw.ppoly_decode(g, code, list(spec.slopes)), z, of_z, w

        x, g = LAYOUTS[layout](_pool(place)), LAYOUTS[layout](_pool(place).flip(0))
        compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
        for got, expected in zip(compiled(x, g), f(x, g), strict=True):
            if got.dtype == torch.uint8:
                assert torch.equal(got, expected)
            else:
                assert same_bits(got, expected)
                assert got.stride() == expected.stride()


@pytest.mark.parametrize("name", ["hat", "triangle_wave"])
def test_gradients_of_the_raw_op_in_one_graph(place, name):
    if place.interpreted:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    spec = CODED[name]

    def f(x):
        y, code = raw.ppoly_encode(x, *spec.numbers)
        return y * y, code

    x = _pool(place).double().requires_grad_()
    (y, code), (expected, of_x) = torch.compile(f, fullgraph=True, backend="aot_eager")(x), f(x)
    assert torch.equal(code, of_x)
    gx, want = (torch.autograd.grad(out.sin().sum(), x)[0] for out in (y, expected))
    torch.testing.assert_close(gx, want, rtol=1e-12, atol=1e-13)


def test_shapes_of_fake_tensors(place):
    """Known without a kernel: meta tensors, and a symbolic number of elements."""
    x = torch.empty(37, 3, device="meta")
    for spec, length in ((CODED["relu"], 14), (HAT, 28), (CODED["bw_relu"], 42)):
        y, code = raw.ppoly_encode(x, *spec.numbers)
        assert (y.shape, code.shape, code.dtype) == (x.shape, (length,), torch.uint8)
        assert raw.ppoly_decode(x, code, list(spec.slopes)).shape == x.shape
    f = torch.compile(
        lambda x: raw.ppoly_encode(x, *HAT.numbers)[1], fullgraph=True, backend="aot_eager",
        dynamic=True,
    )  # fmt: skip
    for n in (5, 8, 21, 64):
        x = _pool(place)[:n]
        assert torch.equal(f(x), raw.ppoly_encode(x, *HAT.numbers)[1])
