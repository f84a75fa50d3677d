"""torch.func.functionalize over the activations and modules, alone and nested with transforms."""

import pytest
import torch
from torch.func import functionalize, grad, hessian, jvp, vmap

import hatact
from hatact import functional as F

SPECS = {"hat": hatact.HAT.scaled(2), "bspline3": hatact.bspline(3)}
SPECS["wave"] = hatact.activations.registry()["triangle_wave"]
X = torch.linspace(-0.5, 4.5, 11, dtype=torch.float64)
NESTED = {
    "alone": (lambda f, s: functionalize(f), lambda f, s: f),
    "of grad": (lambda f, s: functionalize(grad(s)), lambda f, s: grad(s)),
    "under grad": (lambda f, s: grad(functionalize(s)), lambda f, s: grad(s)),
    "of vmap": (lambda f, s: functionalize(vmap(f)), lambda f, s: vmap(f)),
    "under vmap": (lambda f, s: vmap(functionalize(f)), lambda f, s: vmap(f)),
    "of vmap of grad": (
        lambda f, s: functionalize(vmap(grad(s))),
        lambda f, s: vmap(grad(s)),
    ),
    "between vmap and grad": (
        lambda f, s: vmap(functionalize(grad(s))),
        lambda f, s: vmap(grad(s)),
    ),
    "of a hessian": (lambda f, s: functionalize(hessian(s)), lambda f, s: hessian(s)),
    "of jvp": (
        lambda f, s: functionalize(lambda x: jvp(f, (x,), (x,))[1]),
        lambda f, s: lambda x: jvp(f, (x,), (x,))[1],
    ),
}


@pytest.mark.parametrize("nested", NESTED)
@pytest.mark.parametrize("name", SPECS)
def test_activations(place, name, nested):
    ours, plain = NESTED[nested]
    x = X.to(place.device)

    def f(x):
        return F.piecewise(x, SPECS[name])

    def s(x):
        return f(x).square().sum()

    torch.testing.assert_close(ours(f, s)(x), plain(f, s)(x), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("nested", NESTED)
def test_in_place(place, nested):
    """The caller's tensor is overwritten, and one made on the way; NaN and inf among them."""
    ours, plain = NESTED[nested]
    x = X.to(place.device)

    def f(x):
        return F.hat(x.clone(), 2.0, inplace=True)

    def s(x):
        return f(x).square().sum()

    torch.testing.assert_close(ours(f, s)(x), plain(f, s)(x), rtol=1e-13, atol=1e-13)
    own = torch.tensor([0.75, torch.nan, torch.inf, -torch.inf], device=place.device)
    y = functionalize(lambda x: F.piecewise(x, hatact.RELU, inplace=True))(own)
    expected = torch.tensor([0.75, torch.nan, torch.inf, 0.0], device=place.device)
    torch.testing.assert_close(y, expected, equal_nan=True)
    torch.testing.assert_close(own, expected, equal_nan=True)


def test_the_backward_of_a_graph_that_was_made_outside(place):
    x = X.to(place.device).requires_grad_()
    layer = hatact.nn.LinearAct(11, 4, hatact.HAT, device=place.device, dtype=torch.float64)
    for y in (F.hat(x, 2.0), F.bspline(x, 3), layer(x)):

        def pull(g, y=y):
            return torch.autograd.grad(y, x, g, retain_graph=True)[0]

        g = torch.linspace(-1, 1, len(y), dtype=torch.float64, device=place.device)
        torch.testing.assert_close(functionalize(pull)(g), pull(g))
        torch.testing.assert_close(
            vmap(functionalize(pull))(torch.stack([g, 2 * g])), vmap(pull)(torch.stack([g, 2 * g]))
        )


def test_modules_and_a_traced_graph(place):
    """A graph of torch's own ops, in which nothing is overwritten."""
    from torch.fx.experimental.proxy_tensor import make_fx

    torch.manual_seed(0)
    x = torch.rand(5, 3, dtype=torch.float64, device=place.device)
    for module in (
        hatact.nn.MLP(3, 16, 2, 3, hatact.HAT),
        hatact.nn.LinearAct(3, 4, hatact.HAT),
        hatact.nn.TriangleCascade(3, 3),
        hatact.nn.Hat(2.0),
    ):
        module = module.to(place.device, torch.float64)
        torch.testing.assert_close(functionalize(module)(x), module(x))
    graph = make_fx(functionalize(lambda x: F.hat(x.clone(), 2.0, inplace=True)))(x)
    torch.testing.assert_close(graph(x), F.hat(x, 2.0))
    for node in graph.graph.nodes:
        if node.op == "call_function":
            assert not node.target._schema.is_mutable, node
            assert node.target.namespace in ("aten", "prims"), node
