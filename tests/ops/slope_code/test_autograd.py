"""The coded backward: equal to the one that keeps x, and what it keeps; in training, to any order.

Transforms, opcheck and compilation: test_transforms.py, test_compile.py.
"""

import gc
import threading
import weakref

import pytest
import torch
from torch.autograd import grad, gradcheck, gradgradcheck
from torch.utils.checkpoint import checkpoint

from hatact import HAT, bspline, functional, nn
from tests.support.codes import save_x
from tests.support.layouts import LAYOUTS, POOL, same_bits, same_layout, views
from tests.support.memory import Calls, Saved, offloaded, restored
from tests.support.oracle import sample
from tests.support.points import clear_points, plain, points, smooth_points
from tests.support.specs import CODED

every_spec = pytest.mark.parametrize("name", CODED)
FEW = ["relu", "hat", "bw_relu", "triangle_wave"]
few_specs = pytest.mark.parametrize("name", FEW)


@every_spec
def test_gradient_is_bit_equal(place, name):
    spec = CODED[name]
    for dtype in place.dtypes:
        x = points(spec, dtype, 300)
        x = x[~x.isnan()].to(place.device)
        g = torch.randn(len(x), generator=torch.Generator().manual_seed(1)).to(x)
        leaf, other = x.clone().requires_grad_(), x.clone().requires_grad_()
        y, expected = functional.piecewise(leaf, spec), save_x(other, spec)
        assert same_bits(y, expected)
        assert same_bits(grad(y, leaf, g)[0], grad(expected, other, g)[0]), dtype
        assert same_bits(leaf, x)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["relu", "hat", "bw_relu"])
def test_layouts(place, name, layout):
    """x of any strides, leaf or view; g of x's strides, of others, of stride 0."""
    spec = CODED[name]
    for dtype in place.dtypes:
        pool = sample(spec, dtype, POOL).to(place.device)
        x = LAYOUTS[layout](pool).detach().requires_grad_()
        y = functional.piecewise(x, spec)
        expected = save_x(x, spec)
        assert same_bits(y, expected)
        assert same_layout(y, x)
        for g_name, g in views(LAYOUTS[layout](pool.flip(0))).items():
            kept = g.clone()
            (gx,) = grad(y, x, g, retain_graph=True)
            assert same_bits(gx, grad(expected, x, g, retain_graph=True)[0]), (dtype, g_name)
            assert same_bits(g, kept), "an incoming gradient was written to"
        leaf = pool.clone().requires_grad_()
        functional.piecewise(LAYOUTS[layout](leaf), spec).sum().backward()
        again = pool.clone().requires_grad_()
        save_x(LAYOUTS[layout](again), spec).sum().backward()
        assert same_bits(leaf.grad, again.grad)


@pytest.mark.parametrize(
    "layout", ["contiguous", "channels_last", "channels_last_3d", "transposed"]
)
def test_a_dense_x_has_a_gradient_of_its_strides(place, layout):
    x = LAYOUTS[layout](torch.randn(POOL)).to(place.device).requires_grad_()
    y = functional.hat(x)
    (gx,) = grad(y, x, torch.randn(x.shape, device=x.device))
    assert gx.stride() == x.stride() == y.stride()


@pytest.mark.parametrize("layout", ["contiguous", "transposed", "sliced_2d", "channels_last"])
@pytest.mark.parametrize("name", ["relu", "hat", "bw_relu", "triangle_wave", "zigzag", "zero"])
def test_what_is_kept(place, name, layout):
    """⌈n/8⌉·bits bytes in all, and no tensor of x's or y's memory."""
    spec = CODED[name]
    bits = {"relu": 1, "zero": 1, "bw_relu": 3}.get(name, 2)
    for dtype in place.dtypes:
        pool = sample(spec, dtype, POOL).to(place.device).requires_grad_()
        x = LAYOUTS[layout](pool)
        with Saved() as saved:
            y = functional.piecewise(x, spec)
        assert saved.bytes() == -(-x.numel() // 8) * bits
        memory = {x.untyped_storage().data_ptr(), y.untyped_storage().data_ptr()}
        assert memory.isdisjoint(t.untyped_storage().data_ptr() for t in saved.tensors if t.nbytes)
        with Saved() as saved:
            grad(y.sum(), pool)
        assert saved.tensors == []


def test_bfloat16_of_autocast_keeps_two_bits(place):
    linear = torch.nn.Linear(8, 16).to(place.device)
    with torch.autocast(place.device, dtype=torch.float16 if place.interpreted else torch.bfloat16):
        z = linear(torch.randn(4, 8, device=place.device))
        with Saved() as saved:
            y = nn.Hat()(z)
    assert y.dtype == z.dtype != torch.float32
    assert saved.bytes() == 16
    y.float().sum().backward()
    assert linear.weight.grad.dtype == torch.float32


def test_no_code_where_none_is_needed(place):
    x = torch.randn(40, device=place.device)
    leaf = x.clone().requires_grad_()
    with Saved() as saved, Calls() as calls:
        functional.hat(x)
        with torch.no_grad():
            functional.hat(leaf)
            functional.hat(leaf * 2)
        with torch.inference_mode():
            functional.hat(leaf)
        functional.hat(leaf.detach())
        assert (calls.coded, calls.of["ppoly"], saved.tensors) == (0, 5, [])
        y = functional.hat(leaf)
        assert calls.coded == 1
        grad(y.sum(), leaf)
        assert calls.coded == 2
        assert calls.of["ppoly"] == 5, "x is not read twice"
        functional.bspline(leaf, 3)
        assert calls.coded == 2


@few_specs
def test_offloaded(place, name):
    """Codes that leave for the CPU, or become bytes, and come back."""
    spec = CODED[name]
    x = smooth_points(name, 60).to(place.device).view(6, 10).t().requires_grad_()
    g = torch.randn(10, 6, dtype=torch.float64, device=place.device).requires_grad_()
    y = functional.piecewise(x, spec)
    expected = grad(y, x, g, create_graph=True)
    expected += grad((expected[0] ** 2).sum(), (x, g))
    for hooks in (
        torch.autograd.graph.save_on_cpu(),
        torch.autograd.graph.saved_tensors_hooks(offloaded, restored),
    ):
        with hooks:
            got = grad(functional.piecewise(x, spec), x, g, create_graph=True)
            got += grad((got[0] ** 2).sum(), (x, g))
        for a, b in zip(got, expected, strict=True):
            assert torch.equal(a, b)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoint(place, reentrant):
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(3, 16),
        nn.Hat(2),
        torch.nn.Linear(16, 16),
        nn.BWReLU(),
        nn.Hat(inplace=True),
    ).to(place.device)
    x = torch.randn(20, 3, device=place.device, requires_grad=True)
    inputs = [x, *network.parameters()]
    expected = grad(network(x).square().sum(), inputs)
    checkpoint(network, x, use_reentrant=reentrant).square().sum().backward()
    for t, e in zip(inputs, expected, strict=True):
        torch.testing.assert_close(t.grad, e, rtol=0, atol=0)


@few_specs
def test_retain_graph(place, name):
    x = smooth_points(name).to(place.device).requires_grad_()
    y = functional.piecewise(x, CODED[name])
    for g in (torch.ones_like(y), torch.randn_like(y), torch.ones_like(y)):
        expected = grad(save_x(x, CODED[name]), x, g)[0]
        assert same_bits(grad(y, x, g, retain_graph=True)[0], expected)
    grad(y.sum(), x)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        grad(y.sum(), x)


def test_no_gradient_arrives(place):
    """An output that the loss does not use, beside one that it does."""
    x = torch.randn(9, device=place.device, requires_grad=True)
    y, z = functional.hat(x), functional.bw_relu(x)
    (gx,) = grad(y.sum() + 0 * x.sum(), x, retain_graph=True)
    assert torch.equal(gx, grad(y.sum(), x)[0])
    assert grad(x.sum(), (x, z), allow_unused=True)[1] is None


@every_spec
def test_gradcheck(place, name):
    if place.interpreted and name not in FEW:
        pytest.skip("too many calls for Triton's interpreter")
    spec = CODED[name]
    x = clear_points(spec).to(place.device).view(3, 3).t().requires_grad_()
    g = torch.linspace(-2, 1.5, 9, dtype=torch.float64, device=x.device).view(3, 3)
    g.requires_grad_()
    forward = {"check_forward_ad": True, "check_batched_forward_grad": True}

    def f(x):
        return functional.piecewise(x, spec)

    def derivative(x, g):
        return grad(f(x), x, g, create_graph=True)

    assert gradcheck(f, x, check_batched_grad=True, **forward)
    assert gradcheck(derivative, (x, g), check_batched_grad=True)
    second = {"check_fwd_over_rev": True, "check_rev_over_rev": True, "check_batched_grad": True}
    assert gradgradcheck(f, x, g, **second)
    assert gradgradcheck(derivative, (x, g), check_batched_grad=True)


@few_specs
def test_every_order(place, name):
    """x → gy·f′(x): linear in gy, and in x zeros of its shape, at every order; never an error."""
    spec = CODED[name]
    for x in (clear_points(spec, 12).view(3, 4), clear_points(spec, 12).view(4, 3).t()):
        x = x.to(place.device).requires_grad_()
        g = torch.randn(3, 4, dtype=torch.float64, device=place.device).requires_grad_()
        slope = save_x(x.detach(), spec.derivative())
        (gx,) = grad(functional.piecewise(x, spec), x, g, create_graph=True)
        v = torch.randn_like(gx).requires_grad_()
        gxx, gg = grad(gx, (x, g), v, create_graph=True)
        assert gxx.shape == x.shape
        assert not gxx.any()
        assert torch.equal(gg, v * slope)
        gvx, gvg, gvv = grad(gg.sum(), (x, g, v), create_graph=True, allow_unused=True)
        assert not gvx.any()
        assert gvg is None or not gvg.any()
        assert torch.equal(gvv, slope)
        assert not grad(gxx.sum(), x, create_graph=True)[0].any()
        y = functional.piecewise(x, spec) * g
        for _ in range(4):
            (y,) = grad(y.sum(), x, create_graph=True)
        assert y.requires_grad
        assert y.shape == x.shape
        assert not y.any()


def test_second_derivative_as_relu_gives_it(place):
    x = torch.tensor([-1.0, 0.5, 1.5], device=place.device, requires_grad=True)
    for f in (torch.relu, nn.ReLU(), nn.Hat()):
        (gx,) = grad(f(x).sum(), x, create_graph=True)
        (gxx,) = grad(gx.sum(), x)
        assert gxx.tolist() == [0, 0, 0]


def test_batched_gradients(place):
    x = clear_points(HAT, 10).to(place.device).requires_grad_()
    batch = torch.randn(7, 10, dtype=torch.float64, device=place.device)
    for x_there in (x, x.view(2, 5), x.view(2, 5).t()):
        y = functional.hat(x_there)
        g = batch.view(7, *y.shape)
        (got,) = grad(y, x_there, g, retain_graph=True, is_grads_batched=True)
        expected = [grad(y, x_there, one, retain_graph=True)[0] for one in g]
        assert torch.equal(got, torch.stack(expected))


class _Critic(torch.nn.Module):
    def __init__(self, activations):
        super().__init__()
        torch.manual_seed(1)
        self.linear = torch.nn.ModuleList(
            [torch.nn.Linear(a, b) for a, b in ((3, 8), (8, 8), (8, 1))]
        )
        self.activations = activations

    def forward(self, x):
        for linear, f in zip(self.linear, self.activations, strict=False):
            x = f(2 * linear(x) + 0.5)
        return self.linear[-1](x)


def test_gradient_penalty(place):
    """A step of a critic with ‖∂D/∂x‖ in its loss: parameters as by the plain formulas."""
    x = torch.randn(16, 3, dtype=torch.float64, device=place.device, requires_grad=True)
    critics = [
        _Critic(fs).double().to(place.device)
        for fs in (
            (functional.hat, functional.bw_relu),
            (lambda x: plain(x, "hat"), lambda x: plain(x, "bw_relu")),
        )
    ]
    for critic in critics:
        optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)
        for _ in range(3):
            out = critic(x)
            (gx,) = grad(out.sum(), x, create_graph=True)
            loss = out.mean() + 10 * ((gx.norm(dim=1) - 1) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for a, b in zip(*(c.parameters() for c in critics), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)
    torch.manual_seed(1)
    assert (critics[0].linear[0].weight - torch.nn.Linear(3, 8).weight.to(x)).abs().max() > 1e-3


def test_x_is_freed(place):
    """After the forward nothing holds x; after the backward, nothing holds the graph."""
    weight = torch.randn(64, device=place.device, requires_grad=True)
    gc.disable()
    try:
        for spec, freed in ((HAT, True), (bspline(3), False)):
            x = 2 * weight
            of_x = weakref.ref(x)
            y = functional.piecewise(x, spec)
            del x
            assert (of_x() is None) == freed
            node = weakref.ref(y.grad_fn)
            (gw,) = grad(y.sum(), weight, create_graph=True)
            gw.sum().backward()
            weight.grad = None
            del y, gw
            assert node() is None
            y = functional.piecewise(weight, spec)
            (gw,) = grad(y.sum(), weight, create_graph=True)
            nodes = weakref.ref(y.grad_fn), weakref.ref(gw.grad_fn)
            del y, gw
            assert nodes[0]() is nodes[1]() is None
    finally:
        gc.enable()


def test_threads(place):
    """Forward and backward in several threads at once, and one graph in all of them."""
    x = sample(HAT, torch.float32, 5000).to(place.device)
    shared = x.clone().requires_grad_()
    y = functional.hat(shared)
    expected = grad(y.sum(), shared, retain_graph=True)[0]
    failures = []

    def work(k):
        for _ in range(20):
            own = x.clone().requires_grad_()
            (gx,) = grad(functional.hat(own), own, torch.full_like(own, k))
            (gs,) = grad(y, shared, torch.full_like(own, k), retain_graph=True)
            if not (torch.equal(gx, k * expected) and torch.equal(gs, k * expected)):
                failures.append(k)

    threads = [threading.Thread(target=work, args=(float(k),)) for k in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []
