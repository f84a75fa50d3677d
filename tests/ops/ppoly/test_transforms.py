"""torch.func on every backend, against the same transform of the plain-torch formula."""

import pytest
import torch
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

from hatact import HAT, autograd, functional
from hatact.autograd import _ppoly
from tests.support.points import NAMES, plain, smooth_points, spare_the_interpreter
from tests.support.specs import SPECS

every_spec = pytest.mark.parametrize("name", NAMES)

TRANSFORMS = {
    "grad": lambda f, x, v: grad(lambda x: f(x).sum())(x),
    "jacrev": lambda f, x, v: jacrev(f)(x),
    "jacfwd": lambda f, x, v: jacfwd(f)(x),
    "hessian": lambda f, x, v: hessian(lambda x: (f(x) ** 2).sum())(x),
    "jacrev(jacrev)": lambda f, x, v: jacrev(jacrev(lambda x: (f(x) ** 2).sum()))(x),
    "jacfwd(jacfwd)": lambda f, x, v: jacfwd(jacfwd(lambda x: (f(x) ** 2).sum()))(x),
    "vmap": lambda f, x, v: vmap(f)(x.view(3, 3)),
    "vmap, out_dims": lambda f, x, v: vmap(f, in_dims=1, out_dims=1)(x.view(3, 3)),
    "vmap(vmap)": lambda f, x, v: vmap(vmap(f, in_dims=1))(x.view(3, 3, 1)),
    "vmap(grad)": lambda f, x, v: vmap(grad(lambda x: (f(x) * x).sum()))(x.view(3, 3)),
    "grad(vmap)": lambda f, x, v: grad(lambda x: (vmap(f)(x) * x).sum())(x.view(3, 3)),
    "vmap(hessian)": lambda f, x, v: vmap(hessian(lambda x: (f(x) ** 2).sum()))(x.view(3, 3)),
    "jvp": lambda f, x, v: torch.stack(jvp(f, (x,), (v,))),
    "vjp": lambda f, x, v: vjp(f, x)[1](v)[0],
    "hvp": lambda f, x, v: jvp(grad(lambda x: (f(x) ** 2).sum()), (x,), (v,))[1],
    "grad(grad(grad))": lambda f, x, v: torch.stack(
        [grad(grad(grad(lambda s: f(s * s) * s)))(s) for s in x.abs().sqrt()]
    ),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@every_spec
def test_transform(place, name, transform):
    spare_the_interpreter(place, name)
    apply = TRANSFORMS[transform]
    x = smooth_points(name).to(place.device)
    v = torch.linspace(-1, 2, 9, dtype=torch.float64, device=x.device)
    got = apply(lambda x: functional.piecewise(x, SPECS[name]), x, v)
    expected = apply(lambda x: plain(x, name), x, v)
    scale = 1 + float(expected.abs().max())
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12 * scale)


@pytest.mark.parametrize("in_dims", [(0, 0), (1, 0), (0, None), (None, 0), (None, 1)], ids=str)
def test_vmap_of_both_arguments(place, in_dims):
    x, g = (
        smooth_points("bspline3", 12, seed).to(place.device).view({0: (3, 4), 1: (4, 3)}[dim])
        if dim is not None
        else smooth_points("bspline3", 4, seed).to(place.device)
        for dim, seed in zip(in_dims, (1, 2), strict=True)
    )
    spec = SPECS["bspline3"]
    got = vmap(lambda x, g: autograd.ppoly(x, g, spec), in_dims=in_dims)(x, g)
    expected = vmap(lambda x, g: plain(x, "bspline3", g), in_dims=in_dims)(x, g)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-13)
    got = vmap(grad(lambda g, x: autograd.ppoly(x, g, spec).sum()), in_dims=in_dims[::-1])(g, x)
    expected = vmap(lambda g, x: plain(x, "bspline3"), in_dims=in_dims[::-1])(g, x)
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-13)


def test_vmap_calls_the_kernel_once(place, monkeypatch):
    """The batch is one call, not one per sample."""
    calls = []
    op = _ppoly.op
    monkeypatch.setattr(_ppoly, "op", lambda x, *rest: calls.append(x.shape) or op(x, *rest))
    vmap(functional.hat)(torch.randn(50, 3, device=place.device))
    assert calls == [(50, 3)]


def test_per_sample_gradients_of_a_network(place):
    """The empirical NTK's building block: vmap(grad) over functional_call."""
    torch.manual_seed(0)
    sizes = torch.nn.Linear(2, 8), torch.nn.Linear(8, 1)
    network = torch.nn.Sequential(sizes[0], torch.nn.Identity(), sizes[1]).double()
    network = network.to(place.device)
    x = torch.randn(5, 2, dtype=torch.float64, device=place.device)
    parameters = dict(network.named_parameters())

    def output(parameters, x, activation):
        z = torch.nn.functional.linear(x, parameters["0.weight"], parameters["0.bias"])
        z = activation(4 * z)
        z = torch.nn.functional.linear(z, parameters["2.weight"], parameters["2.bias"])
        return z.squeeze(-1)

    per_sample = vmap(grad(output), in_dims=(None, 0, None), randomness="error")
    got = per_sample(parameters, x, functional.hat)
    for i in range(5):
        one = torch.autograd.grad(
            output(parameters, x[i], lambda z: plain(z, "hat")), list(parameters.values())
        )
        for a, b in zip(got.values(), one, strict=True):
            torch.testing.assert_close(a[i], b, rtol=1e-12, atol=1e-13)


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")  # torch 2.15's loop
def test_the_raw_op_refuses_transforms(place):
    """It has no rule for them: an error, never silent zeros."""
    x = smooth_points("hat").to(place.device)

    def f(x):
        return torch.ops.hatact.ppoly(x, None, *HAT.numbers)

    for transform in (
        lambda: grad(lambda x: f(x).sum())(x),
        lambda: jvp(f, (x,), (torch.ones_like(x),)),
        lambda: jacfwd(f)(x),
        lambda: vmap(grad(f))(x),
    ):
        with pytest.raises(RuntimeError, match=r"write hatact.functional.piecewise"):
            transform()
    assert torch.equal(vmap(f)(x.view(3, 3)), f(x).view(3, 3))  # torch's loop over samples is right
