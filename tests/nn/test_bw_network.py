"""nn.BWNetwork against the published network in plain torch: values, derivatives, paths."""

import copy

import pytest
import torch
from torch.autograd import grad, gradcheck
from torch.func import functional_call, jvp, vmap
from torch.utils._python_dispatch import TorchDispatchMode

import hatact
from tests.support.bw_networks import (
    ALL,
    OPTIONS,
    as_published,
    named,
    near,
    network,
    points,
    published,
)

of_dynamo = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
of_export = pytest.mark.filterwarnings("ignore::DeprecationWarning")
of_options = pytest.mark.parametrize("options", OPTIONS, ids=named)


class Calls(TorchDispatchMode):
    """The ops of hatact that were called."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.namespace == "hatact":
            self.names.append(func._opname)
        return func(*args, **(kwargs or {}))


def called(m, x):
    with Calls() as calls:
        m(x)
    return calls.names


@of_options
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_it_is_the_published_network(place, depth, options):
    m = network((3, 16, depth, 2), device=place.device, **options)
    first = next(m.parameters())
    assert first is (m.c if m.options["learn_c"] else m.layers[0]._parameters.get("weight", first))
    assert (first.dim() == 0) == m.options["learn_c"]
    for rows in (3, 40):
        as_published(m, points(rows, device=place.device, requires_grad=True))
    x = points(40, device=place.device).view(2, 4, 5, 3)
    near(m(x), published(m)(x), 1e-12)


@of_options
@pytest.mark.parametrize("hidden", [3, 300])
def test_widths_that_are_not_fused(hidden, options):
    m = network((3, hidden, 2, 2), **options)
    as_published(m, points(20, requires_grad=True))
    if hidden == 3:
        assert "mlp_forward" not in called(m, points(20))


@of_options
def test_the_fused_path_serves_every_option(options):
    if hatact.ops.mlp_unfused("cpu", 16, torch.float64):
        pytest.skip("nothing is fused here")
    for depth in (1, 2, 4):
        m = network((3, 16, depth, 2), **options)
        assert called(m, points(40)) == called(m, points(16)) == ["mlp_forward"]
        layered = "linear_layers" in options and depth > 1
        assert ("mlp_forward" in called(m, points(15))) != layered


@of_options
def test_hooks_on_a_layer_are_called(place, options):
    m = network((3, 16, 4, 2), device=place.device, **options)
    x = points(40, device=place.device)
    expected = m(x)
    for layer in m.layers:
        seen = []
        handle = layer.register_forward_hook(lambda *args, seen=seen: seen.append(args[2].shape))
        near(m(x), expected, 1e-12)
        handle.remove()
        assert seen == [(40, layer.out_features)]
    m.layers[0].register_forward_pre_hook(lambda layer, args: (2 * args[0],))
    m.skip = None
    without = copy.deepcopy(m)
    without.layers[0]._forward_pre_hooks.clear()
    near(m(x), without(2 * x), 1e-12)


def test_a_layer_without_a_bias(place):
    m = network((3, 16, 4, 2), device=place.device, linear_layers=True)
    with torch.no_grad():
        m.layers[1].bias.zero_()
    x = points(40, device=place.device)
    expected = m(x)
    m.layers[1].bias = None
    near(m(x), expected, 1e-12)
    m.reset_parameters()
    assert m.layers[1].bias is None
    assert not torch.equal(m(x), expected)


def error(got, want):
    return float((got.double() - want).detach().norm() / want.detach().norm())


@of_options
def test_bfloat16(options):
    """Within twice the error of plain torch, of rounded parameters and under autocast."""
    for rows in (3, 40):
        m = network(**options).bfloat16()
        x = points(rows).bfloat16()
        y, plain, want = m(x), published(m)(x), published(m.double())(x.double())
        assert y.dtype == torch.bfloat16
        assert 0 < error(y, want) <= 2 * error(plain, want)
        m, x = m.float(), points(rows)
        with torch.autocast("cpu", torch.bfloat16):
            y, plain = m(x.float()), published(m)(x.float())
        want = published(m.double())(x)
        assert y.dtype == torch.bfloat16
        assert 0 < error(y, want) <= 2 * error(plain, want)


@pytest.mark.parametrize("rows", [3, 20])
@pytest.mark.parametrize("hidden", [4, 16])
def test_gradients_are_those_of_differences(hidden, rows):
    """Of c too, and where tensors take the place of parameters."""
    m = network((2, hidden, 2, 2), **ALL)
    names = [name for name, _ in m.named_parameters()]
    assert names[0] == "c"

    def f(x, *values):
        return functional_call(m, dict(zip(names, values, strict=True)), (x,))

    x = points(rows, 2, requires_grad=True)
    values = [p.detach().clone().requires_grad_() for p in m.parameters()]
    near(f(x, *values), published(m)(x), 1e-12)
    assert float(grad(f(x, *values).sum(), values[0])[0].abs()) > 1e-3
    assert gradcheck(f, [x, *values], fast_mode=hidden > 4)


@of_dynamo
def test_compiled():
    """In one graph, on both sides of as many rows as a layer is wide."""
    torch.compiler.reset()
    m = network(**ALL)
    compiled = torch.compile(m, fullgraph=True, backend="aot_eager")
    for rows in (40, 3):
        x = points(rows, requires_grad=True)
        inputs = [x, *m.parameters()]
        y, want = compiled(x), m(x)
        near(y, want, 1e-12)
        for a, b in zip(grad(y.cos().sum(), inputs), grad(want.cos().sum(), inputs), strict=True):
            near(a, b, 1e-11)


@of_dynamo
@pytest.mark.parametrize("options", [{"linear_layers": True}, ALL], ids=named)
def test_one_graph_serves_few_rows_and_many(options):
    torch.compiler.reset()
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    m = network((3, 16, 3, 2), **options)
    compiled = torch.compile(m, fullgraph=True, dynamic=True, backend=backend)
    for rows in (5, 40, 15, 17, 300):  # 3, the inputs, would be taken for one size with them
        x = points(rows)
        near(compiled(x), m(x), 1e-12)
    assert len(graphs) == 1


def exported(m, x, strict):
    rows = torch.export.Dim("rows", min=2)
    return torch.export.export(m, (x,), dynamic_shapes=({0: rows},), strict=strict).module()


@of_export
@of_options
def test_exported_for_any_number_of_rows(options):
    m = network((3, 16, 3, 2), **options)
    program = exported(m, points(40), strict=False)
    for rows in (2, 15, 16, 300):
        x = points(rows)
        near(program(x), m(x), 1e-12)


@of_export
@pytest.mark.parametrize(("rows", "strict"), [(5, False), (5, True), (40, True)])
def test_exported_with_few_rows_and_strictly(rows, strict):
    m = network((3, 16, 3, 2), **ALL)
    program = exported(m, points(rows), strict)
    for n in (2, 300):
        x = points(n)
        near(program(x), m(x), 1e-12)


@of_options
def test_transforms(options):
    m = network((3, 16, 3, 2), **options)
    same = published(m)
    weights = dict(m.named_parameters())
    x, t = points(5), points(5)

    def loss(weights, x):
        return functional_call(m, weights, (x,)).square().sum()

    of_each = vmap(torch.func.grad(loss), (None, 0))(weights, x)
    for i, sample in enumerate(x):
        wanted = grad(same(sample).square().sum(), list(same.parameters()))
        for g, want in zip(of_each.values(), wanted, strict=True):
            near(g[i], want, 1e-11)
    y, slope = jvp(lambda x: functional_call(m, weights, (x,)), (x,), (t,))
    near(y, same(x), 1e-12)
    small = 1e-6 * t
    near(slope, (same(x + small) - same(x - small)) / 2e-6, 1e-7)


WRONG = {
    "width": (lambda x: x[:, :2], r"the last dimension of x must be the 3 inputs"),
    "dtype": (lambda x: x.float(), "x must have the dtype and device of the parameters"),
    "integers": (lambda x: x.long(), "x must be float16, bfloat16, float32 or float64"),
    "device": (lambda x: x.to("meta"), "x must have the dtype and device of the parameters"),
    "no tensor": (lambda x: x.tolist(), "x must be a torch.Tensor; got list"),
}


@of_options
@pytest.mark.parametrize("case", WRONG)
def test_wrong_x(case, options):
    broken, says = WRONG[case]
    for depth, rows in ((1, 3), (3, 3), (3, 40)):
        with pytest.raises(ValueError, match=says):
            network((3, 16, depth, 2), **options)(broken(points(rows)))
