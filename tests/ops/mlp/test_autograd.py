"""nn.MLP against its layers one by one: values, derivatives of every order, memory, compile."""

import copy

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.autograd import grad
from torch.utils.checkpoint import checkpoint

import hatact
from hatact import HAT, functional
from tests.support.memory import Saved, offloaded, restored
from tests.support.mlp_modules import SPECS, close, layers_of, network

every_spec = pytest.mark.parametrize("name", SPECS)
of_dynamo = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")


@pytest.mark.parametrize("kwargs", [{}, {"bias": False}, {"checkpoint": True}], ids=str)
@pytest.mark.parametrize(
    "sizes", [(3, 20, 2, 4), (3, 20, 2, 2), (3, 9, 2, 3), (3, 20, 2, 1)], ids=str
)
@every_spec
def test_equals_its_layers(place, name, sizes, kwargs):
    """Fused, of a width that is not, and of a single layer."""
    m = network(name, place.device, sizes, **kwargs)
    for shape in ((7, 3), (2, 5, 3), (3,), (0, 3)):
        x = torch.randn(shape, dtype=torch.float64, device=place.device, requires_grad=True)
        inputs = [x, *m.parameters()]
        y, expected = m(x), layers_of(m, x)
        close(y, expected)
        gy = torch.randn_like(y)
        close(grad(y, inputs, gy), grad(expected, inputs, gy))
        got, want = (grad(out, inputs, gy, create_graph=True) for out in (m(x), layers_of(m, x)))
        close(got, want)
        totals = [sum((g * g).sum() for g in gs) for gs in (got, want)]
        close(*(grad(t, inputs, allow_unused=True, materialize_grads=True) for t in totals))
        with torch.no_grad():
            close(m(x), expected.detach())
        with torch.inference_mode():
            close(m(x), expected.detach())


@pytest.mark.parametrize("inputs", [3, 6])
@every_spec
def test_what_is_kept(place, name, inputs):
    """As the docstring says; with checkpoint=True x and the parameters alone."""
    m = network(name, place.device, (inputs, 20, 2, 4), dtype=torch.float32)
    if hatact.ops.mlp_unfused(place.device, 20, torch.float32):
        pytest.skip("the layers keep what LinearAct keeps")
    x = torch.randn(11, inputs, device=place.device, requires_grad=True)
    beside = x.nbytes + sum(p.nbytes for p in m.parameters())
    with Saved() as saved:
        y = m(x)
    recomputed = 4 * inputs <= 20
    assert saved.bytes() == beside + 11 * 20 * (4 - 1 - recomputed) * 4
    m.checkpoint = True
    with Saved() as saved:
        again = m(x)
    assert saved.bytes() == beside
    parameters = list(m.parameters())
    assert torch.equal(y, again)
    pairs = zip(grad(y.sum(), parameters), grad(again.sum(), parameters), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("name", ["hat", "bspline3"])
def test_checkpoint_and_offloading(place, name, recompute):
    m = network(name, place.device, checkpoint=recompute)
    x = torch.randn(5, 3, dtype=torch.float64, device=place.device, requires_grad=True)
    inputs = [x, *m.parameters()]
    expected = grad(layers_of(m, x).square().sum(), inputs)
    close(grad(checkpoint(m, x, use_reentrant=False).square().sum(), inputs), expected)
    with torch.autograd.graph.saved_tensors_hooks(offloaded, restored):
        close(grad(m(x).square().sum(), inputs), expected)
    y = m(x).square().sum()
    close(grad(y, inputs, retain_graph=True), expected)
    close(grad(y, inputs), expected)
    y = m(x)
    y.mul_(2)  # the backward does not need it
    close(grad((y / 2).sum(), inputs), grad(layers_of(m, x).sum(), inputs))


@pytest.mark.parametrize("name", ["hat", "bspline3"])
def test_autocast(place, name):
    if place.interpreted:
        pytest.skip("bfloat16 under Triton's interpreter proves nothing")
    m = network(name, place.device, dtype=torch.float32)
    x = torch.randn(300, 3, device=place.device, requires_grad=True)
    inputs = [x, *m.parameters()]
    with torch.autocast(place.device, dtype=torch.bfloat16):
        y, expected = m(x), layers_of(m, x)
        assert y.dtype == expected.dtype == torch.bfloat16
        with torch.autocast(place.device, enabled=False):
            assert m(x).dtype == torch.float32
    torch.testing.assert_close(y, expected, rtol=0.03, atol=0.03)
    got = grad(y.float().square().sum(), inputs)
    assert {g.dtype for g in got} == {torch.float32}
    exact = grad(layers_of(copy.deepcopy(m).double(), x.double()).square().sum(), x)[0]
    errors = [(g - exact).norm() for g in (got[0], grad(expected.float().square().sum(), x)[0])]
    assert errors[0] <= 2 * errors[1]


def _second(u, x):
    (gx,) = grad(u.sum(), x, create_graph=True)
    return grad(gx.sum(), x, create_graph=True)[0]


def test_pinn(place):
    """u_xx + u = f with a cubic B-spline: the loss and its gradient are those of the layers."""
    m = network("bspline3", place.device, (1, 32, 1, 4))
    x = torch.linspace(0, 1, 33, dtype=torch.float64, device=place.device)[:, None].requires_grad_()
    found = []
    for f in (m, lambda x: layers_of(m, x)):
        u = f(x)
        loss = (_second(u, x) + u - torch.sin(3 * x)).square().mean() + f(x[:1]).square().sum()
        found.append((loss, grad(loss, list(m.parameters()))))
    close(*found)
    assert all(g.any() for g in found[0][1])


@every_spec
def test_eikonal(place, name):
    """(|∇u| − 1)² of a signed distance: gradients of gradients for the weights."""
    m = network(name, place.device, (2, 32, 1, 4))
    x = torch.rand(40, 2, dtype=torch.float64, device=place.device, requires_grad=True)
    found = []
    for f in (m, lambda x: layers_of(m, x)):
        u = f(x)
        (gx,) = grad(u.sum(), x, create_graph=True)
        loss = (gx.norm(dim=-1) - 1).square().mean() + u.abs().mean()
        found.append((loss, grad(loss, list(m.parameters()))))
    close(*found)
    assert found[0][1][0].any()


TIED = {
    "one weight for two layers": lambda x, w, b: (x, [*w[:2], w[1], w[3]], [*b[:2], b[1], b[3]]),
    "a weight that x makes": lambda x, w, b: (x, [w[0] * x.sum(), *w[1:]], b),
    "an x that a weight makes": lambda x, w, b: (x * w[1].sum(), w, b),
    "a bias that a weight makes": lambda x, w, b: (x, w, [w[0].sum(1), *b[1:]]),
}  # fmt: skip


@pytest.mark.parametrize("tie", TIED)
@every_spec
def test_tensors_that_depend_on_each_other(place, name, tie):
    """Each derivative once: of first order in every way to ask for it, and of second."""
    m = network(name, place.device)
    x = torch.randn(6, 3, dtype=torch.float64, device=place.device, requires_grad=True)
    weights, biases = ([getattr(layer, n) for layer in m.layers] for n in ("weight", "bias"))
    inputs = [x, *weights, *biases]

    def plain(x, weights, biases, spec):
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            x = functional.piecewise(torch.nn.functional.linear(x, w, b), spec)
        return torch.nn.functional.linear(x, weights[-1], biases[-1])

    found = []
    for f in (functional.mlp, plain):
        y = f(*TIED[tie](x, weights, biases), m.activation)
        options = {"allow_unused": True, "materialize_grads": True, "retain_graph": True}
        gy = torch.ones_like(y)
        first = grad(y, inputs, gy, **options)
        batched = grad(y, inputs, torch.stack([gy, 2 * gy]), is_grads_batched=True, **options)
        again = grad(y, inputs, gy, create_graph=True, **options)
        close(first, again)
        # Of what is not used there is no batch.
        close(
            first,
            tuple(b[0] if b.dim() > t.dim() else b for b, t in zip(batched, inputs, strict=True)),
        )
        second = grad(sum(g.square().sum() for g in again), inputs, **options)
        found.append((*first, *second))
    close(*found)


def test_a_network_of_itself_and_hooks(place):
    m = network("bspline3", place.device, (2, 20, 2, 3))
    x = torch.rand(6, 2, dtype=torch.float64, device=place.device)
    found = []
    for f in (m, lambda x: layers_of(m, x)):
        calls = []
        handle = m.layers[1].weight.register_hook(lambda g, calls=calls: calls.append(1) or 2 * g)
        grads = grad(f(f(x)).square().sum(), list(m.parameters()), create_graph=True)
        found.append((*grads, *grad(sum(g.sum() for g in grads), list(m.parameters()))))
        handle.remove()
        found[-1] = (*found[-1], torch.tensor(float(len(calls))))
    close(*found)


@of_dynamo
@pytest.mark.parametrize(
    ("name", "kwargs"),
    [("hat", {}), ("hat", {"bias": False, "checkpoint": True})],
    ids=str,
)
def test_compiled(place, name, kwargs):
    """In one graph, forward and backward, for changing batches."""
    if place.interpreted:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    if not place.default and (name, kwargs) != ("hat", {}):
        pytest.skip("what is traced is the same for every backend")
    torch.compiler.reset()
    m = network(name, place.device, **kwargs)
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(m, fullgraph=True, backend=counter)
    with torch.no_grad():
        for rows in (10, 4, 9, 12):
            compiled(torch.randn(rows, 3, dtype=torch.float64, device=place.device))
    assert counter.frame_count <= 2  # the second for any number of rows
    for shape in ((10, 3), (4, 3), (2, 6, 3)):
        x = torch.randn(shape, dtype=torch.float64, device=place.device, requires_grad=True)
        inputs = [x, *m.parameters()]
        y = compiled(x)
        close(y, m(x))
        close(grad(y.cos().sum(), inputs), grad(m(x).cos().sum(), inputs))
        with torch.no_grad():
            close(compiled(x), m(x))


@of_dynamo
def test_compiled_with_frozen_parameters(place):
    if place.interpreted:
        pytest.skip("a traced call takes Triton's interpreter seconds")
    torch.compiler.reset()
    m = network("hat", place.device)
    compiled = torch.compile(m, fullgraph=True, backend="aot_eager")
    x = torch.randn(5, 3, dtype=torch.float64, device=place.device)
    m.layers[1].weight.requires_grad_(False)
    wanted = [p for p in m.parameters() if p.requires_grad]
    close(grad(compiled(x).sum(), wanted), grad(m(x).sum(), wanted))
    m.requires_grad_(False)
    assert not compiled(x).requires_grad
    x.requires_grad_()
    close(grad(compiled(x).sum(), x), grad(m(x).sum(), x))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("strict", [True, False])
def test_exported(strict):
    m = network("hat", "cpu")
    x = torch.randn(9, 3, dtype=torch.float64)
    rows = torch.export.Dim("rows", min=2)
    exported = torch.export.export(m, (x,), dynamic_shapes=({0: rows},), strict=strict).module()
    for n in (9, 70):
        x = torch.randn(n, 3, dtype=torch.float64)
        close(exported(x), m(x))


def test_training_falls_as_the_layers_do(place):
    if place.interpreted:
        pytest.skip("many steps for Triton's interpreter")
    x = torch.rand(64, 3, dtype=torch.float64, device=place.device)
    found = []
    for f in (lambda m: m(x), lambda m: layers_of(m, x)):
        m = network("hat", place.device)
        optimizer = torch.optim.Adam(m.parameters(), lr=1e-2)
        losses = []
        for _ in range(20):
            loss = (f(m) - x[:, :2]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        found.append(losses)
    assert found[0] == pytest.approx(found[1], rel=1e-9)
    assert found[0][-1] < found[0][0]


def test_distributed_data_parallel(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1
    )
    try:
        m = network("hat", "cpu")
        x = torch.randn(5, 3, dtype=torch.float64)
        torch.nn.parallel.DistributedDataParallel(m)(x).square().sum().backward()
        got = [p.grad for p in m.parameters()]
        close(got, list(grad(layers_of(m, x).square().sum(), list(m.parameters()))))
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("dynamic", [None, True])
def test_compiled_for_widths_that_change(dynamic):
    """A width that is a symbol to Dynamo decides over the kernels all the same."""

    def f(x, weights):
        return hatact.functional.mlp(x, weights, None, HAT)

    compiled = torch.compile(f, fullgraph=True, dynamic=dynamic, backend="eager")
    for hidden in (64, 48, 40, 300):
        shapes = ((hidden, 3), (hidden, hidden), (1, hidden))
        weights = [torch.randn(shape) / shape[1] for shape in shapes]
        x = torch.randn(5, 3)
        torch.testing.assert_close(compiled(x, weights), f(x, weights))
    torch.compiler.reset()
