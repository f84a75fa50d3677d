"""inplace=True: x becomes f(x), gradients as if it had not; what cannot be so raises first."""

import pytest
import torch
from torch.autograd import forward_ad, grad, gradcheck, gradgradcheck

import hatact
from hatact import HAT, bspline, functional, nn
from tests.support.bad_input import ERRORS
from tests.support.layouts import LAYOUTS, POOL, SHARED, same_bits
from tests.support.memory import Calls, Saved
from tests.support.oracle import sample
from tests.support.specs import ACTIVATIONS, CODED, UNCODED

raw = torch.ops.hatact
FREE = [n for n in LAYOUTS if n not in SHARED]
DENSE = ["contiguous", "channels_last", "channels_last_3d", "transposed", "empty", "scalar"]


def _dense(layout, t):
    """A tensor of its own, no view, with a layout's strides."""
    x = LAYOUTS[layout](t)
    return torch.empty_like(x).copy_(x) if x.numel() else torch.empty_like(x)


@pytest.mark.parametrize("layout", DENSE)
@pytest.mark.parametrize("name", ["relu", "hat", "bw_relu", "triangle_wave", "zero"])
def test_equals_out_of_place(place, name, layout):
    spec = CODED[name]
    for dtype in place.dtypes:
        x = _dense(layout, sample(spec, dtype, POOL)).to(place.device).requires_grad_()
        g = torch.randn(x.shape, device=x.device).to(x)
        expected = functional.piecewise(x * 1, spec)
        z = x * 1
        before, kept = z._version, x.detach().clone()
        with Saved() as saved:
            y = functional.piecewise(z, spec, inplace=True)
        assert y is z
        assert z._version > before
        assert same_bits(z, expected)
        assert same_bits(x, kept)
        assert same_bits(grad(y, x, g)[0], grad(expected, x, g)[0])
        assert saved.bytes() == -(-x.numel() // 8) * {"bw_relu": 3, "relu": 1, "zero": 1}.get(
            name, 2
        )


@pytest.mark.parametrize("layout", FREE)
def test_views_of_what_is_no_leaf(place, layout):
    """As with torch.relu_: the base changes, and its gradient is that of what it has become."""
    base = torch.randn(POOL, device=place.device, dtype=torch.float64, requires_grad=True)
    g = torch.randn_like(base)
    results = []
    for f in (torch.relu_, lambda x: functional.piecewise(x, CODED["relu"], inplace=True)):
        whole = base * 2
        x = LAYOUTS[layout](whole)
        assert f(x) is x
        results.append((whole.detach(), *grad(whole.sin(), base, g)))
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", [*ACTIVATIONS, "ragged", "9_slopes"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "sliced_2d", "transposed"])
def test_any_spec_where_no_gradient_is_needed(place, name, layout):
    """Any degree, leaves and views too; the version counter tells of it."""
    spec = ACTIVATIONS.get(name) or UNCODED.get(name)
    for dtype in place.dtypes:
        pool = sample(spec, dtype, POOL).to(place.device)
        expected = functional.piecewise(LAYOUTS[layout](pool), spec)
        for leaf in (pool.clone(), pool.clone().requires_grad_()):
            with torch.no_grad(), Calls() as calls:
                x = LAYOUTS[layout](leaf)
                before = leaf._version
                assert functional.piecewise(x, spec, inplace=True) is x
            assert same_bits(x, expected)
            assert leaf._version > before
            assert calls.coded == 0
        with torch.inference_mode():
            of_inference = pool.clone()
            functional.piecewise(LAYOUTS[layout](of_inference), spec, inplace=True)
            assert same_bits(LAYOUTS[layout](of_inference), expected)
        before = pool._version
        functional.piecewise(LAYOUTS[layout](pool), spec, inplace=True)
        assert same_bits(LAYOUTS[layout](pool), expected)
        assert pool._version > before


@pytest.mark.parametrize(
    "f",
    [functional.hat, functional.bw_relu, nn.Hat(inplace=True)],
    ids=["hat", "bw_relu", "nn.Hat"],
)
def test_names(place, f):
    x = torch.randn(50, device=place.device)
    expected = nn.BWReLU()(x) if f is functional.bw_relu else nn.Hat()(x)
    assert (f(x) if isinstance(f, torch.nn.Module) else f(x, inplace=True)) is x
    assert torch.equal(x, expected)


def test_a_backward_that_needs_the_old_values_raises(place):
    says = "modified by an inplace operation"
    w = torch.randn(8, device=place.device, requires_grad=True)
    z = torch.sigmoid(w)
    functional.hat(z, inplace=True)
    with pytest.raises(RuntimeError, match=says):
        z.sum().backward()
    for write in (
        lambda z: functional.hat(z.detach(), inplace=True),
        lambda z: functional.piecewise(z.detach(), bspline(3), inplace=True),
        lambda z: raw.ppoly_(z.detach(), *HAT.numbers),
        lambda z: raw.ppoly_encode_(z.detach(), *HAT.numbers),
        lambda z: raw.ppoly_encode_(z, *HAT.numbers),
    ):
        z = torch.sigmoid(w)
        write(z)
        with pytest.raises(RuntimeError, match=says):
            z.sum().backward()
    z = 2 * w
    y = functional.hat(z)
    z.detach().zero_()  # hat does not need z: it kept a code
    expected = grad(functional.hat(2 * w).sum(), w)
    assert torch.equal(grad(y.sum(), w)[0], expected[0])


def test_what_follows_may_overwrite_it_again(place):
    """The backward reads the code alone, whatever becomes of y."""
    x = torch.linspace(-1, 3, 41, dtype=torch.float64, device=place.device, requires_grad=True)
    y = functional.hat(x * 1, inplace=True)
    z = functional.bw_relu(y, 2, inplace=True)
    assert z is y
    (gx,) = grad(z.sum(), x)
    (expected,) = grad(functional.bw_relu(functional.hat(x), 2).sum(), x)
    assert torch.equal(gx, expected)
    y = functional.hat(x * 1, inplace=True)
    y.mul_(3)
    assert torch.equal(grad(y.sum(), x)[0], 3 * grad(functional.hat(x).sum(), x)[0])


REFUSED = {  # how x is made of a leaf w (6, 6), the spec, the error and what it says
    "leaf": (lambda w: w, HAT, RuntimeError, r"no leaf that requires grad.* got a leaf of.*6, 6"),
    "view": (lambda w: w[:2], HAT, RuntimeError, r"no leaf .* got a view of a leaf of.*\(2, 6\)"),
    "transposed": (lambda w: w.t(), HAT, RuntimeError, "no leaf .* got a view of a leaf"),
    "view of a view": (lambda w: w.t()[::2], HAT, RuntimeError, "no leaf .* got a view of a leaf"),
    "expanded": (
        lambda w: (w * 1)[:, :1].expand(6, 6), HAT, ERRORS,
        r"elements do not share memory; got shape \(6, 6\) and strides \(6, 0\)",
    ),
    "overlapping": (
        lambda w: (w * 1).flatten().unfold(0, 5, 1), HAT, ERRORS,
        r"elements do not share memory; got shape \(32, 5\) and strides \(1, 1\)",
    ),
    "degree 3": (
        lambda w: w * 1, bspline(3), ValueError,
        "degree at most 1 with at most eight slopes.* got a spec of degree 3 with 5 knots",
    ),
    "9 slopes": (
        lambda w: w * 1, UNCODED["9_slopes"], ValueError,
        "degree at most 1 with at most eight slopes.* got a spec of degree 1 with 8 knots",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_written(place, case):
    make, spec, error, says = REFUSED[case]
    x = make(torch.rand(6, 6, device=place.device, requires_grad=True))
    kept, version = x.detach().clone(), x._version
    for call in (
        lambda: functional.piecewise(x, spec, inplace=True),
        lambda: nn.Piecewise(spec, inplace=True)(x),
    ):
        with pytest.raises(error, match=says):
            call()
        assert torch.equal(x.detach(), kept)
        assert x._version == version


@pytest.mark.parametrize("case", ["expanded", "overlapping"])
def test_shared_memory_is_refused_without_a_gradient_too(place, case):
    make, spec, error, says = REFUSED[case]
    x = make(torch.rand(6, 6, device=place.device))
    kept = x.clone()
    for call in (
        lambda: functional.piecewise(x, spec, inplace=True),
        lambda: functional.piecewise(x, bspline(3), inplace=True),
        lambda: raw.ppoly_(x, *spec.numbers),
        lambda: raw.ppoly_encode_(x, *spec.numbers),
    ):
        with pytest.raises(error, match=says):
            call()
        assert torch.equal(x, kept)


@pytest.mark.parametrize("name", ["relu", "hat", "bw_relu"])
def test_gradcheck(place, name):
    spec = CODED[name]
    x = torch.linspace(-0.93, 3.1, 9, dtype=torch.float64, device=place.device).requires_grad_()

    def f(x):
        return functional.piecewise(x * 1, spec, inplace=True)

    assert gradcheck(f, x, check_batched_grad=True, check_forward_ad=True)
    assert gradgradcheck(f, x, check_batched_grad=True, check_fwd_over_rev=True)


def test_transforms(place):
    x = torch.linspace(-0.93, 3.1, 12, dtype=torch.float64, device=place.device)

    def f(inplace):
        return lambda x: functional.bw_relu(2 * x, inplace=inplace) * x

    def total(inplace):
        return lambda x: f(inplace)(x).sum()

    for transform in (
        lambda i: torch.func.grad(total(i))(x),
        lambda i: torch.func.vmap(f(i))(x.view(4, 3)),
        lambda i: torch.func.vmap(torch.func.grad(total(i)))(x.view(4, 3)),
        lambda i: torch.func.jacrev(f(i))(x),
        lambda i: torch.func.jacfwd(f(i))(x),
        lambda i: torch.func.hessian(total(i))(x),
    ):
        torch.testing.assert_close(transform(True), transform(False), rtol=0, atol=0)
    with pytest.raises(ERRORS, match="elements do not share memory"):
        torch.func.grad(lambda x: functional.hat((x * 1).unfold(0, 5, 1), inplace=True).sum())(x)
    direct = x.clone().view(4, 3)
    torch.func.vmap(lambda x: functional.hat(x, inplace=True))(direct)
    assert torch.equal(direct.flatten(), functional.hat(x))
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.ones_like(x)) * 2
        y = functional.hat(dual, inplace=True)
        assert y is dual
        primal, tangent = forward_ad.unpack_dual(y)
        assert torch.equal(primal, functional.hat(2 * x))
        assert torch.equal(tangent, 2 * torch.func.vmap(torch.func.grad(functional.hat))(2 * x))


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "transposed"])
def test_compiled(place, layout):
    """In one graph: the same values and gradients; an input is overwritten there too."""
    torch.compiler.reset()
    w = _dense(layout, torch.randn(POOL)).to(place.device).requires_grad_()

    def f(w, inplace=True):
        z = 2 * w
        y = functional.hat(z, inplace=inplace)
        return y * z if inplace else y * y

    y = torch.compile(f, fullgraph=True, backend="aot_eager")(w)
    expected = f(w, False)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(grad(y.sum(), w)[0], grad(expected.sum(), w)[0])
    x = w.detach().clone()
    module = torch.compile(nn.BWReLU(inplace=True), fullgraph=True, backend="aot_eager")
    got = module(x)
    torch.testing.assert_close(x, functional.bw_relu(w.detach()))
    torch.testing.assert_close(got, x, rtol=0, atol=0)


def test_a_network_trains_as_without(place):
    def trained(inplace):
        torch.manual_seed(0)
        network = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), nn.Hat(4, inplace), torch.nn.Flatten(),
            torch.nn.Linear(144, 16), nn.BWReLU(2, inplace), nn.ReLU(inplace),
            torch.nn.Linear(16, 1),
        ).to(place.device)  # fmt: skip
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
        x = torch.randn(5, 1, 8, 8, device=place.device).to(memory_format=torch.channels_last)
        losses = []
        for _ in range(4):
            loss = (network(x) - 1).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    losses = trained(True)
    assert losses == trained(False)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("spec", [HAT, bspline(2)], ids=["hat", "bspline2"])
def test_modules_say_so(spec):
    assert "inplace=True" in repr(nn.Piecewise(spec, inplace=True))
    assert "inplace" not in repr(nn.Piecewise(spec))
    assert hatact.nn.Hat(3, inplace=True).inplace
