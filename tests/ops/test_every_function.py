"""Every function of every family: gradients of each order, transforms, compilation.

What a family states of its functions is in its op_cases.py; what is tested of them is here,
against the same in plain torch operations.
"""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

import hatact
from tests.support import op_cases

FUNCTIONS = op_cases.functions()
every_function = pytest.mark.parametrize("case", FUNCTIONS, ids=str)
# piecewise at fixed specs, and what is no function of a tensor.
OF_PIECEWISE = {"hat", "bspline", "bw_relu"}
OTHERS = {"cascade_values"}


def test_every_function_has_a_case():
    named = set(hatact.functional.__all__) - OF_PIECEWISE - OTHERS
    assert {case.of for case in FUNCTIONS} == named
    assert len({str(case) for case in FUNCTIONS}) == len(FUNCTIONS)


def _total(f):
    return lambda *tensors: f(*tensors).square().sum()


def _first(f):
    """The function of the first tensor, the others as they are."""
    return lambda tensors: lambda x: f(x, *tensors[1:])


def _rows(f, tensors):
    return (0, *[None] * (len(tensors) - 1))


TRANSFORMS = {
    "grad": lambda f, ts: grad(_total(f), tuple(range(len(ts))))(*ts),
    "jacrev": lambda f, ts: jacrev(f, tuple(range(len(ts))))(*ts),
    "jacfwd": lambda f, ts: jacfwd(f, tuple(range(len(ts))))(*ts),
    "vjp": lambda f, ts: vjp(f, *ts)[1](torch.ones_like(f(*ts))),
    "jvp": lambda f, ts: jvp(f, ts, tuple(t + 1 for t in ts)),
    "vmap": lambda f, ts: vmap(f, _rows(f, ts))(*ts),
    "vmap(vmap)": lambda f, ts: vmap(vmap(f, _rows(f, ts)), _rows(f, ts))(
        torch.stack([ts[0], ts[0].flip(0)]), *ts[1:]
    ),
    "vmap(grad)": lambda f, ts: vmap(grad(_total(f)), _rows(f, ts))(*ts),
    "vmap(grad) by all": lambda f, ts: vmap(
        grad(_total(f), tuple(range(len(ts)))), _rows(f, ts)
    )(*ts),
    "vmap(jacrev) by all": lambda f, ts: vmap(jacrev(f, tuple(range(len(ts)))), _rows(f, ts))(*ts),
    "vmap of the last": lambda f, ts: vmap(f, (*[None] * (len(ts) - 1), 0))(
        *ts[:-1], torch.stack([ts[-1], ts[-1] * 0.9])
    ),
    "grad(vmap)": lambda f, ts: grad(lambda *a: vmap(f, _rows(f, ts))(*a).square().sum())(*ts),
    "hessian": lambda f, ts: hessian(lambda x: _total(f)(x, *ts[1:]))(ts[0]),
    "jacrev(jacrev)": lambda f, ts: jacrev(jacrev(_total(f), 0), len(ts) - 1)(*ts),
    "jacfwd(jacfwd)": lambda f, ts: jacfwd(jacfwd(_total(f), len(ts) - 1), 0)(*ts),
    "vmap(hessian)": lambda f, ts: vmap(hessian(_total(f)), _rows(f, ts))(*ts),
    "hvp": lambda f, ts: jvp(grad(_total(f), tuple(range(len(ts)))), ts, ts)[1],
    "grad(grad(grad))": lambda f, ts: vmap(
        lambda x: grad(
            lambda s: grad(lambda t: grad(lambda u: f(u * x, *ts[1:]).sum())(t))(s)
        )(torch.ones((), dtype=x.dtype, device=x.device))
    )(ts[0]),
}  # fmt: skip


def _close(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("transform", TRANSFORMS)
@every_function
def test_transforms(place, case, transform):
    """torch.func, against the same transform of plain torch operations."""
    if place.interpreted and transform not in ("grad", "jvp", "vmap"):
        pytest.skip("too many calls for Triton's interpreter")
    tensors, apply = case.tensors(place.device), TRANSFORMS[transform]
    _close(apply(case.function, tensors), apply(case.plain, tensors))


@every_function
def test_forward_mode(place, case):
    """Dual tensors, where the transforms of torch.func are not active."""
    tensors = case.tensors(place.device)
    found = []
    for f in (case.function, case.plain):
        with forward_ad.dual_level():
            duals = [forward_ad.make_dual(t, t.flip(0) + 1) for t in tensors]
            primal, tangent = forward_ad.unpack_dual(f(*duals))
            found.append((primal, tangent))
    _close(*found)


@every_function
def test_gradcheck(place, case):
    if place.interpreted:
        pytest.skip("too many calls for Triton's interpreter")
    tensors = [t.requires_grad_() for t in case.tensors(place.device)]
    fast = {"fast_mode": sum(t.numel() for t in tensors) > 60}
    both = {"check_batched_grad": True, **fast}
    assert gradcheck(case.function, tensors, check_forward_ad=True, **both)
    assert gradgradcheck(case.function, tensors, check_fwd_over_rev=True, **both)


@every_function
def test_frozen(place, case):
    """A gradient, and one of its own, for what needs one: every choice of three arguments."""
    tensors = case.tensors(place.device)
    some = sorted({0, 1, len(tensors) - 1} & set(range(len(tensors))))
    for needs in itertools.product([False, True], repeat=len(some)):
        leaves = [t.detach().clone() for t in tensors]
        for i, need in zip(some, needs, strict=True):
            leaves[i].requires_grad_(need)
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        assert case.function(*leaves).requires_grad == any(needs)
        found = []
        for f in (case.function, case.plain) if wanted else ():
            first = torch.autograd.grad(_total(f)(*leaves), wanted, create_graph=True)
            total = sum(g.square().sum() for g in first)
            found.append((*first, *torch.autograd.grad(total, wanted)))
        if wanted:
            _close(*found)


@every_function
def test_no_gradient_is_asked_for(place, case):
    tensors = [t.requires_grad_() for t in case.tensors(place.device)]
    y = case.function(*tensors).detach()
    with torch.no_grad():
        _close(case.function(*tensors), y)
        assert not case.function(*tensors).requires_grad
    with torch.inference_mode():
        _close(case.function(*tensors), y)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@every_function
def test_compiled(place, case):
    """In one graph, values and gradients."""
    if not place.default:
        pytest.skip("what is traced is the same for every backend")
    torch.compiler.reset()
    tensors = [t.requires_grad_() for t in case.tensors(place.device)]
    compiled = torch.compile(case.function, fullgraph=True, backend="aot_eager")
    y, want = compiled(*tensors), case.plain(*tensors)
    _close(y, want)
    _close(*(torch.autograd.grad(out.square().sum(), tensors) for out in (y, want)))
