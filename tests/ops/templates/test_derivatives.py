"""By torch's own templates: derivatives of every order and mode, alone and under vmap."""

from functools import partial

import pytest
import torch
from torch.autograd import forward_ad, grad
from torch.func import jvp, vmap

from tests.support.torch_templates import (
    COMPOSITIONS,
    EVERY_SUBJECT,
    composed,
    jvp_of,
    same,
    vjp_of,
)

pytest.importorskip("expecttest")

pytestmark = list(EVERY_SUBJECT)


def test_gradcheck(subject):
    """Reverse, forward, batched: against finite differences, slow and fast."""
    from torch.testing._internal.common_utils import gradcheck

    checks = {"check_forward_ad": True, "check_batched_forward_grad": True}
    for sample in subject.samples(torch.float64):
        x, of = sample.input, subject.variants(**sample.kwargs)
        for f in of.values():
            assert gradcheck(f, x, fast_mode=x.numel() > 20, **checks)
        assert gradcheck(of["function"], sample.noncontiguous().input, **checks)


def test_gradgradcheck(subject):
    """Reverse over reverse and forward over reverse, batched; alone and where it is not 0."""
    from torch.testing._internal.common_utils import gradgradcheck

    for sample in subject.samples(torch.float64, few=True):
        for f in subject.variants(**sample.kwargs).values():
            for g in (f, lambda x, f=f: f(x) * x):
                assert gradgradcheck(g, sample.input, check_fwd_over_rev=True)


@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_compositions(subject, composition):
    """And vmap of each. A factor x makes the derivatives of every order differ from 0."""
    count, transforms = COMPOSITIONS[composition]
    close = partial(torch.testing.assert_close, rtol=1e-12, atol=1e-12)
    for sample in subject.samples(torch.float64, few=True):
        x, kwargs = sample.input.detach(), sample.kwargs
        args = [x, *(torch.randn_like(x) for _ in range(count - 1))]
        batch = [torch.stack([a, -2 * a]) for a in args]
        turned = [batch[0].movedim(0, -1), *batch[1:]]
        truth = composed(lambda x, kwargs=kwargs: subject.torchs(x, **kwargs) * x, transforms, True)
        want = [truth(*one).detach() for one in zip(*batch, strict=True)]
        for f in subject.variants(**kwargs).values():
            transformed = composed(lambda x, f=f: f(x) * x, transforms, False)
            close(transformed(*args), want[0])
            got = vmap(transformed, in_dims=(-1, *[0] * (count - 1)))(*turned)
            close(got, torch.stack(want))


def test_vjp_and_jvp_of_vmap(subject):
    for sample in subject.samples(torch.float64):
        x = torch.stack([sample.input.detach(), -sample.input.detach()])
        v = torch.randn_like(x)
        truth = partial(subject.torchs, **sample.kwargs)
        for f in subject.variants(**sample.kwargs).values():
            for transform in (vjp_of, jvp_of):
                same(transform(vmap(f), False)(x, v), transform(truth, True)(x, v).detach())


def test_vmap(subject):
    """Every in_dim and out_dim, nested, in chunks, with an unbatched partner: against a loop."""
    for sample in subject.samples(torch.float32, grad=False, few=True):
        x = torch.stack([sample.input, -sample.input, 3 * sample.input])
        rank = sample.input.dim()
        for f in subject.variants(**sample.kwargs).values():
            want = torch.stack([f(one) for one in x])
            for dim in range(-rank - 1, rank + 1):
                moved = x.movedim(0, dim)
                same(vmap(f, in_dims=dim)(moved), want)
                same(vmap(f, in_dims=dim, out_dims=dim)(moved), want.movedim(0, dim))
            same(vmap(f, chunk_size=2)(x), want)
            both = vmap(lambda a, b, f=f: (f(a) + b, f(b)), in_dims=(0, None), out_dims=(0, None))
            total, alone = both(x, sample.input)
            same(total, want + sample.input)
            same(alone, f(sample.input))
            twice = torch.stack([x, x + 1], dim=-1)
            same(
                vmap(vmap(f, in_dims=-1), in_dims=0)(twice),
                torch.stack([torch.stack([f(one[..., i]) for i in (0, 1)]) for one in twice]),
            )


def test_backward_under_transforms(subject):
    """What an eager forward has kept, transformed in the cotangent, in which it is linear."""
    for sample in subject.samples(torch.float64):
        x, g = sample.input, torch.stack([torch.randn_like(sample.input) for _ in range(3)])
        for f in subject.variants(**sample.kwargs).values():
            y = f(x)
            back = partial(_backward, y, x)
            want = torch.stack([back(one) for one in g])
            for dim in (0, -1):
                same(vmap(back, in_dims=dim)(g.movedim(0, dim)), want)
            same(vmap(vmap(back))(torch.stack([g, 2 * g])), torch.stack([want, 2 * want]))
            same(jvp(back, (g[0],), (g[1],))[1], want[1])
            with forward_ad.dual_level():
                dual = forward_ad.unpack_dual(back(forward_ad.make_dual(g[0], g[1])))
                same(dual.tangent, want[1])
            (gx,) = grad(y, x, g[0], create_graph=True)
            same(grad(gx.sum(), x)[0], torch.zeros_like(x))


def _backward(y, x, g):
    return grad(y, x, g, retain_graph=True)[0]
