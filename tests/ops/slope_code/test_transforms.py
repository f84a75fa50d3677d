"""Transforms that meet the graph of a coded forward, and the raw ops of the code under autograd."""

import pytest
import torch
from torch.autograd import forward_ad, grad, gradcheck, gradgradcheck
from torch.autograd.functional import hessian, jacobian

from hatact import HAT, bspline, functional
from tests.support.codes import save_x
from tests.support.layouts import LAYOUTS, POOL, same_bits
from tests.support.memory import Saved
from tests.support.oracle import sample
from tests.support.points import clear_points, plain, smooth_points
from tests.support.specs import CODED

raw = torch.ops.hatact
few_specs = pytest.mark.parametrize("name", ["relu", "hat", "bw_relu", "triangle_wave"])


@few_specs
def test_a_dual_gradient_meets_a_graph_made_before(place, name):
    """Forward mode through the backward alone: decode is linear in g."""
    x = clear_points(CODED[name], 10).to(place.device).requires_grad_()
    g, tangent = torch.randn(2, 10, dtype=torch.float64, device=place.device)
    for shape in ((10,), (2, 5)):
        for order in ((0, 1), (1, 0))[: len(shape)]:
            leaf = x.detach().view(shape).permute(order[: len(shape)]).requires_grad_()
            y = functional.piecewise(leaf, CODED[name])
            with forward_ad.dual_level():
                dual = forward_ad.make_dual(g.view(y.shape), tangent.view(y.shape))
                (gx,) = grad(y, leaf, dual, create_graph=True)
                primal, moved = forward_ad.unpack_dual(gx)
            assert torch.equal(primal, grad(save_x(leaf, CODED[name]), leaf, g.view(y.shape))[0])
            expected = grad(save_x(leaf, CODED[name]), leaf, tangent.view(y.shape))[0]
            assert torch.equal(moved, expected)


@few_specs
def test_vmap_meets_a_graph_made_before(place, name):
    """Batches of gradients, of their gradients, and one batch within another."""
    x = clear_points(CODED[name], 10).to(place.device).requires_grad_()
    batch = torch.randn(3, 4, 10, dtype=torch.float64, device=place.device)
    y, kept = (f(x, CODED[name]) for f in (functional.piecewise, save_x))

    def of(y):
        return lambda g: grad(y, x, g, retain_graph=True)[0]

    vmap = torch.func.vmap
    assert torch.equal(vmap(of(y))(batch[0]), vmap(of(kept))(batch[0]))
    assert torch.equal(vmap(of(y), in_dims=1)(batch[0].t()), vmap(of(kept))(batch[0]))
    assert torch.equal(vmap(vmap(of(y)))(batch), vmap(vmap(of(kept)))(batch))
    g = batch[0, 0].clone().requires_grad_()
    (gx,), (expected,) = (grad(out, x, g, create_graph=True) for out in (y, kept))
    got = grad(gx, (x, g), batch[0], is_grads_batched=True, retain_graph=True)
    assert not got[0].any()
    assert got[0].shape == (4, 10)
    assert torch.equal(got[1], grad(expected, g, batch[0], is_grads_batched=True)[0])


@few_specs
def test_tangents_that_require_grad(place, name):
    """Reverse over forward: what the tangent was made of gets its gradient."""
    x = clear_points(CODED[name], 9).to(place.device).requires_grad_()
    t = torch.randn(9, dtype=torch.float64, device=place.device, requires_grad=True)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x * 1, t * 2)
        moved = forward_ad.unpack_dual(functional.piecewise(dual, CODED[name])).tangent
    slope = save_x(x.detach(), CODED[name].derivative())
    assert torch.equal(moved.detach(), 2 * t.detach() * slope)
    gx, gt = grad(moved.sum(), (x, t))
    assert torch.equal(gt, 2 * slope)
    assert not gx.any()


@pytest.mark.parametrize("name", ["hat", "bw_relu"])
@pytest.mark.parametrize(
    "how",
    [{}, {"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"}],
    ids=["loop", "reverse", "forward"],
)
def test_functional_of_torch(place, name, how):
    x = smooth_points(name, 6).to(place.device)

    def f(function):
        return lambda x: (function(2 * x) * x).cumsum(0)

    ours, theirs = f(lambda x: functional.piecewise(x, CODED[name])), f(lambda x: plain(x, name))
    close = {"rtol": 1e-12, "atol": 1e-13}
    torch.testing.assert_close(jacobian(ours, x, **how), jacobian(theirs, x, **how), **close)
    outer = {"outer_jacobian_strategy": "forward-mode"} if "strategy" in how else {}
    how = {"vectorize": how.get("vectorize", False), **outer}
    got, expected = (hessian(lambda x, h=h: h(x).sum(), x, **how) for h in (ours, theirs))
    torch.testing.assert_close(got, expected, **close)


@few_specs
def test_raw_encode(place, name):
    """The raw op has the Function's gradient, out of place and in place; the code has none."""
    spec = CODED[name]
    for layout in ("contiguous", "transposed", "sliced_2d", "scalar"):
        pool = sample(spec, torch.float64, POOL).to(place.device).requires_grad_()
        x = LAYOUTS[layout](pool)
        with Saved() as saved:
            y, code = raw.ppoly_encode(x, *spec.numbers)
        assert saved.bytes() == code.nbytes
        assert not code.requires_grad
        g = torch.randn_like(y)
        expected = functional.piecewise(x, spec)
        assert same_bits(y, expected)
        (gx,), (want,) = (grad(out, pool, g, create_graph=True) for out in (y, expected))
        assert same_bits(gx, want)
        z = x.clone()
        assert torch.equal(raw.ppoly_encode_(z, *spec.numbers), code)
        assert same_bits(z, expected)
        assert same_bits(grad(z, pool, g)[0], want)


@few_specs
def test_raw_gradcheck(place, name):
    if place.interpreted:
        pytest.skip("too many calls for Triton's interpreter")
    spec = CODED[name]
    x = clear_points(spec).to(place.device).requires_grad_()
    assert gradcheck(lambda x: raw.ppoly_encode(x, *spec.numbers)[0], x)
    _, code = raw.ppoly_encode(x.detach(), *spec.numbers)
    g = torch.linspace(-2, 1.5, 9, dtype=torch.float64, device=x.device).requires_grad_()

    def decode(g):
        return raw.ppoly_decode(g, code, spec.slopes)

    checks = {"check_batched_grad": True, "check_forward_ad": True}
    assert gradcheck(decode, g, **checks)
    assert gradgradcheck(decode, g, check_batched_grad=True)


def test_raw_ops_that_keep_nothing_refuse_a_gradient(place):
    x = torch.randn(5, device=place.device, requires_grad=True)
    z = x * 1
    kept, version = z.detach().clone(), z._version
    with pytest.raises(RuntimeError, match=r"requires grad, .*: use hatact.functional"):
        raw.ppoly_(z, *HAT.numbers)
    with pytest.raises(RuntimeError, match=r"no leaf that requires grad.* got a leaf"):
        raw.ppoly_encode_(x, *HAT.numbers)
    for spec in (bspline(3), HAT.antiderivative()):
        with pytest.raises((ValueError, RuntimeError), match="degree of at most 1; got degree"):
            raw.ppoly_encode_(z, *spec.numbers)
    assert torch.equal(z.detach(), kept)
    assert z._version == version
