"""LinearAct against torch.nn.Linear followed by the activation: values, derivatives, memory."""

import copy
import gc
import io
import pickle
import weakref

import numpy as np
import pytest
import torch
from torch.autograd import grad
from torch.utils.checkpoint import checkpoint

from hatact import BW_RELU, HAT, RELU, PiecewisePolynomial, bspline, functional, nn
from tests.support.memory import Saved, offloaded, restored

SPECS = {
    "hat": HAT.scaled(2, 0.1),
    "bw_relu": BW_RELU,
    "relu": RELU,
    "bspline3": bspline(3).scaled(2, 2),
    "9_slopes": PiecewisePolynomial.from_truncated_powers(range(-4, 4), [1] * 8, 1),
}
# torch's own, of the class that Dynamo traces
of_dynamo = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
every_spec = pytest.mark.parametrize("name", SPECS)
SHAPES = [(4,), (5, 4), (2, 3, 4), (2, 3, 2, 4), (0, 4), (2, 0, 4)]
BITS = {"hat": 2, "bw_relu": 3, "relu": 1}


def layer(name, device, bias=True, sizes=(4, 6), dtype=torch.float64):
    torch.manual_seed(0)
    return nn.LinearAct(*sizes, SPECS[name], bias=bias, device=device, dtype=dtype)


def two_steps(m, x, **weights):
    """torch's linear layer and the activation, each on its own, x kept."""
    of = {**dict(m.named_parameters()), **weights}
    z = torch.nn.functional.linear(x, of["weight"], of.get("bias"))
    return functional.piecewise(z, m.activation)


def close(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("bias", [True, False])
@every_spec
def test_equals_linear_and_activation(place, name, bias):
    m = layer(name, place.device, bias)
    for shape in SHAPES:
        base = torch.randn(shape, dtype=torch.float64, device=place.device)
        backwards = tuple(range(base.dim()))[::-1]
        for x in (base, base.permute(backwards).contiguous().permute(backwards)):
            x = x.requires_grad_()
            inputs = [x, *m.parameters()]
            y, expected = m(x), two_steps(m, x)
            close(y, expected)
            assert y.shape == expected.shape == (*shape[:-1], 6)
            gy = torch.randn_like(y)
            got, want = (grad(out, inputs, gy, create_graph=True) for out in (y, expected))
            close(got, want)
            totals = [sum((g * g).sum() for g in gs) for gs in (got, want)]
            close(*(grad(t, inputs, allow_unused=True) for t in totals))
            with torch.no_grad():
                close(m(x), expected.detach())
            with torch.inference_mode():
                close(m(x), expected.detach())


@pytest.mark.parametrize("shape", [(10, 16), (2, 5, 16)])
@every_spec
def test_what_is_kept(place, name, shape):
    """x, the weight and the code; x, weight and bias where the pre-activation is computed again."""
    m = layer(name, place.device, sizes=(16, 48), dtype=torch.float32)
    x = torch.randn(shape, device=place.device, requires_grad=True)
    with Saved() as saved:
        y = m(x)
    beside = 10 * 48 // 8 * BITS[name] if name in BITS else m.bias.nbytes
    assert saved.bytes() == x.nbytes + m.weight.nbytes + beside
    assert not any(t.shape == y.shape for t in saved.tensors)
    gc.disable()
    try:
        y = m(x)
        node = weakref.ref(y.grad_fn)
        (gw,) = grad(y.sum(), m.weight, create_graph=True)
        gw.sum().backward()
        m.zero_grad()
        x.grad = None
        del y, gw
        assert node() is None
    finally:
        gc.enable()


def test_the_output_may_be_overwritten(place):
    """The backward does not need y."""
    m = layer("hat", place.device)
    x = torch.randn(5, 4, dtype=torch.float64, device=place.device)
    (expected,) = grad(3 * m(x).sum(), m.weight)
    y = m(x)
    y.mul_(3)
    close(grad(y.sum(), m.weight)[0], expected)
    y = functional.hat(m(x), 2, inplace=True)
    close(grad(y.sum(), m.weight)[0], grad(functional.hat(m(x), 2).sum(), m.weight)[0])
    y = m(x.requires_grad_())
    with torch.no_grad():
        m.weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("name", ["hat", "bspline3"])
def test_checkpoint_and_offloading(place, name):
    m = layer(name, place.device)
    x = torch.randn(5, 4, dtype=torch.float64, device=place.device, requires_grad=True)
    inputs = [x, *m.parameters()]
    expected = grad(m(x).square().sum(), inputs)
    close(grad(checkpoint(m, x, use_reentrant=False).square().sum(), inputs), expected)
    with torch.autograd.graph.saved_tensors_hooks(offloaded, restored):
        close(grad(m(x).square().sum(), inputs), expected)
    y = m(x).square().sum()
    close(grad(y, inputs, retain_graph=True), expected)
    close(grad(y, inputs), expected)


@pytest.mark.parametrize("name", ["hat", "bspline3"])
def test_autocast(place, name):
    """As autocast's Linear followed by the activation; float32 gradients; float64 stays."""
    dtype = torch.float16 if place.interpreted else torch.bfloat16
    m = layer(name, place.device, dtype=torch.float32)
    x = torch.randn(8, 4, device=place.device, requires_grad=True)
    with torch.autocast(place.device, dtype=dtype):
        y = m(x)
        z = torch.nn.functional.linear(x, m.weight, m.bias)
        expected = functional.piecewise(z, m.activation)
        assert y.dtype == z.dtype == dtype
        wide = layer(name, place.device)
        assert wide(x.double()).dtype == torch.float64
        with torch.autocast(place.device, enabled=False):
            assert m(x).dtype == torch.float32
    exact = place.backend != "triton"  # which rounds x·Wᵀ + b after the activation, not before
    tolerance = 0 if exact else 4 * torch.finfo(dtype).eps
    torch.testing.assert_close(y, expected, rtol=0, atol=tolerance)
    inputs = [x, *m.parameters()]
    got = grad(y.float().square().sum(), inputs)
    assert {g.dtype for g in got} == {torch.float32}
    if exact:
        want = grad(expected.float().square().sum(), inputs)
        torch.testing.assert_close(got, want, rtol=0, atol=8 * torch.finfo(dtype).eps)


@of_dynamo
@pytest.mark.parametrize("name", ["hat", "bw_relu", "bspline3"])
def test_compiled(place, name):
    """In one graph, forward and backward; it keeps the code, and not the pre-activation."""
    if place.interpreted:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    if not place.default and name != "hat":
        pytest.skip("what is traced is the same for every backend")
    torch.compiler.reset()
    m = layer(name, place.device, sizes=(16, 48))
    x = torch.randn(10, 16, dtype=torch.float64, device=place.device, requires_grad=True)
    compiled = torch.compile(m, fullgraph=True, backend="aot_eager")
    inputs = [x, *m.parameters()]
    with Saved() as saved:
        y = compiled(x)
    if name in BITS:
        assert saved.bytes() == x.nbytes + m.weight.nbytes + 10 * 48 // 8 * BITS[name]
    close(y, m(x))
    close(grad(y.cos().sum(), inputs), grad(m(x).cos().sum(), inputs))
    with torch.no_grad():
        close(compiled(x), m(x))
    for shape in ((16,), (2, 3, 16)):
        x = torch.randn(shape, dtype=torch.float64, device=place.device)
        close(grad(compiled(x).sum(), m.weight), grad(m(x).sum(), m.weight))


@of_dynamo
def test_compiled_network_trains(place):
    if place.interpreted:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    torch.compiler.reset()

    def losses(compiled):
        torch.manual_seed(0)
        network = torch.nn.Sequential(
            nn.LinearAct(2, 16, HAT.scaled(4), bias=False), nn.LinearAct(16, 16, bspline(3)),
            torch.nn.Linear(16, 1),
        ).double().to(place.device)  # fmt: skip
        f = torch.compile(network, fullgraph=True, backend="aot_eager") if compiled else network
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        x = torch.linspace(-1, 1, 40, dtype=torch.float64, device=place.device).view(20, 2)
        found = []
        for _ in range(3):
            loss = (f(x) - 1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    eager = losses(False)
    assert losses(True) == pytest.approx(eager, rel=1e-12)
    assert eager[2] < eager[0]


@pytest.mark.parametrize("bias", [True, False])
def test_parameters_are_linears(bias):
    torch.manual_seed(3)
    linear = torch.nn.Linear(4, 6, bias)
    torch.manual_seed(3)
    m = nn.LinearAct(4, 6, HAT, bias)
    assert list(m.state_dict()) == list(linear.state_dict())
    assert [n for n, _ in m.named_parameters()] == [n for n, _ in linear.named_parameters()]
    for a, b in zip(m.parameters(), linear.parameters(), strict=True):
        assert torch.equal(a, b)
    torch.manual_seed(5)
    m.reset_parameters()
    assert not torch.equal(m.weight, linear.weight)
    linear.load_state_dict(m.state_dict())
    assert torch.equal(m.weight, linear.weight)
    torch.manual_seed(5)
    other = torch.nn.Linear(4, 6, bias)
    assert torch.equal(m.weight, other.weight)
    torch.manual_seed(9)
    fresh = nn.LinearAct(4, 6, HAT, bias)
    fresh.load_state_dict(linear.state_dict())
    x = torch.randn(3, 4)
    assert torch.equal(fresh(x), functional.hat(linear(x)))
    assert nn.LinearAct(4, 6, HAT, dtype=torch.bfloat16, device="meta").weight.device.type == "meta"


@every_spec
def test_pickle_copy_and_repr(name):
    m = layer(name, "cpu", bias=False)
    buffer = io.BytesIO()
    torch.save(m, buffer)
    buffer.seek(0)
    x = torch.randn(3, 4, dtype=torch.float64)
    for again in (
        pickle.loads(pickle.dumps(m)), copy.deepcopy(m), torch.load(buffer, weights_only=False)
    ):  # fmt: skip
        assert torch.equal(again(x), m(x))
        assert repr(again) == repr(m)
        assert again.weight is not m.weight
    shown = {
        "hat": "hat, scale=2, shift=0.1",
        "bspline3": "bspline3, scale=2, centered=True",
        "9_slopes": "knots=(-4, -3, -2, -1, 0, 1, 2, 3), degree=1",
    }.get(name, f"{name}, scale=1")
    sizes = "in_features=4, out_features=6, bias=False"
    assert repr(m) == f"LinearAct({sizes}, activation=({shown}))"


BAD = {
    "width": (
        lambda x, w, b: (x[:, :3], w, b), ValueError, r"the 4 inputs of weight; got shape \(5, 3\)",
    ),
    "bias": (lambda x, w, b: (x, w, b[:5]), ValueError, r"bias \(out,\); got \(6, 4\) and \(5,\)"),
    "dtypes": (lambda x, w, b: (x.float(), w, b), (ValueError, RuntimeError), "dtype"),
    "weight of 3 dimensions": (
        lambda x, w, b: (x, w[None], b), ValueError, r"weight must have shape \(out, in\)",
    ),
    "integers": (
        lambda *tensors: tuple(t.detach().long() for t in tensors), (ValueError, RuntimeError),
        "must be float16, bfloat16, float32 or float64; got",
    ),
    "complex": (
        lambda x, w, b: (x + 0j, w + 0j, b + 0j), (ValueError, RuntimeError),
        "must be float16, bfloat16, float32 or float64; got",
    ),
    "device": (lambda x, w, b: (x.to("meta"), w, b), ValueError, "device of the parameters.*meta"),
    "no tensor": (lambda x, w, b: ([1.0] * 4, w, b), ValueError, "a torch.Tensor; got list"),
}  # fmt: skip


@pytest.mark.parametrize("grad_mode", [True, False])
@pytest.mark.parametrize("name", ["hat", "bspline3"])
@pytest.mark.parametrize("case", BAD)
def test_wrong_input(place, case, name, grad_mode):
    broken, error, says = BAD[case]
    m = layer(name, place.device)
    x = torch.ones(5, 4, dtype=torch.float64, device=place.device)
    with torch.set_grad_enabled(grad_mode), pytest.raises(error, match=says):
        functional.linear_act(*broken(x, m.weight, m.bias), m.activation)


def test_another_width_under_autocast():
    m = nn.LinearAct(3, 4, HAT)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert m(torch.ones(5, 3)).dtype == torch.bfloat16
        with pytest.raises(ValueError, match=r"the 3 inputs of weight; got shape \(5, 2\)"):
            m(torch.ones(5, 2))


def test_sizes_of_numpy():
    m = nn.LinearAct(np.int64(3), np.int32(4), HAT)
    assert (type(m.in_features), type(m.out_features)) == (int, int)


@pytest.mark.parametrize(
    "spec",
    [None, HAT.numbers, torch.nn.ReLU()],
    ids=lambda spec: type(spec).__name__,
)
def test_not_a_spec(spec):
    says = rf"must be a hatact.PiecewisePolynomial.* got {type(spec).__name__}"
    with pytest.raises(ValueError, match=says):
        nn.LinearAct(2, 3, spec)
    with pytest.raises(ValueError, match=says):
        functional.linear_act(torch.ones(2), torch.ones(3, 2), None, spec)


@every_spec
def test_on_meta(name):
    m = layer(name, "meta")
    x = torch.ones(5, 4, dtype=torch.float64, device="meta", requires_grad=True)
    assert [g.shape for g in grad(m(x).sum(), [x, m.weight])] == [(5, 4), (6, 4)]


def test_the_raw_op(place):
    m = layer("hat", place.device)
    x = torch.randn(5, 4, dtype=torch.float64, device=place.device)
    weight, bias = m.weight.detach(), m.bias.detach()
    op = torch.ops.hatact.linear_act
    y, code = op(x, weight, bias, *HAT.numbers)
    z = torch.nn.functional.linear(x, weight, bias)
    expected, of_z = torch.ops.hatact.ppoly_encode(z, *HAT.numbers)
    close(y, expected)
    assert torch.equal(code, of_z)
    with pytest.raises(RuntimeError, match=r"requires grad, .*: use hatact.nn.LinearAct"):
        op(x, m.weight, bias, *HAT.numbers)
    with pytest.raises((ValueError, RuntimeError), match="degree of at most 1; got degree 3"):
        op(x, weight, bias, *bspline(3).numbers)
    with pytest.raises((ValueError, RuntimeError), match="1 to 8 slopes; got 9"):
        op(x, weight, bias, *SPECS["9_slopes"].numbers)
