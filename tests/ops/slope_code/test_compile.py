"""torch.compile of the ops of the slope code and of those in place."""

import pytest
import torch

from hatact import HAT
from tests.support.layouts import LAYOUTS, POOL, same_bits
from tests.support.specs import CODED

raw = torch.ops.hatact


@pytest.fixture(autouse=True)
def _fresh_dynamo():
    torch.compiler.reset()


def _pool(place):
    return torch.randn(POOL, generator=torch.Generator().manual_seed(2)).to(place.device)


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
