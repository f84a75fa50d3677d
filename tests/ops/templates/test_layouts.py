"""By torch's own templates: strided, written, lazily copied and negated tensors."""

import pytest
import torch
from torch.autograd import forward_ad, grad

from tests.support.torch_templates import EVERY_SUBJECT, noncontiguous, same

pytest.importorskip("expecttest")

pytestmark = list(EVERY_SUBJECT)


def test_noncontiguous_samples(subject):
    """Beside each value lies a NaN: values and gradients are those of the contiguous input."""
    for dtype in subject.dtypes:
        for sample in subject.samples(dtype):
            strided = sample.noncontiguous()
            results = []
            for case in (sample, strided):
                y = subject.op(case.input, **case.kwargs)
                g = torch.linspace(-1, 1, y.numel(), device=y.device).view(y.shape).to(dtype)
                if case is strided:
                    g = noncontiguous(g)
                results.append((y.detach(), *grad(y, case.input, g)))
            for a, b in zip(*results, strict=True):
                same(a, b)


def test_in_place_variant(subject):
    """x itself is returned and holds the values; gradients are those of the function."""
    inplace = subject.op.inplace_variant
    for dtype in subject.dtypes:
        for sample in subject.samples(dtype):
            x, g = sample.input, torch.ones_like(sample.input) * 3
            want = subject.op(x, **sample.kwargs)
            for z in (x.clone(), x.detach().clone(), noncontiguous(x).detach()):
                place, version, strides = z.data_ptr(), z._version, z.stride()
                y = inplace(z, **sample.kwargs)
                assert y is z
                assert (y.data_ptr(), y.stride()) == (place, strides)
                assert y._version > version
                same(y, want)
            z = x.clone()
            inplace(z, **sample.kwargs)
            same(grad(z, x, g)[0], grad(want, x, g)[0])
            leaf = x.detach().clone().requires_grad_()
            with pytest.raises(RuntimeError, match="leaf"):
                inplace(leaf, **sample.kwargs)
            same(leaf.detach(), x.detach())
            if x.numel():
                row = x.detach().clone()
                with pytest.raises((*subject.refusal, RuntimeError)):
                    inplace(row.expand(2, *x.shape), **sample.kwargs)
                same(row, x.detach())


def test_copy_on_write_inputs(subject):
    """What is only read is not copied; what is written is, and its source stays."""
    lazy, is_lazy = torch._lazy_clone, torch._C._is_cow_tensor
    for sample in subject.samples(torch.float32):
        for source in (sample.input, sample.noncontiguous().input):
            kept = source.detach().clone()
            x = lazy(source)
            y = subject.op(x, **sample.kwargs)
            cotangent = torch.ones_like(y)
            g = lazy(cotangent)
            grad(y, x, g, retain_graph=True)
            (gx,) = grad(y, x, g, create_graph=True)
            if gx.requires_grad:
                grad(gx, x, g, allow_unused=True)
            p, t = lazy(source.detach()), lazy(cotangent)
            with forward_ad.dual_level():
                subject.op(forward_ad.make_dual(p, t), **sample.kwargs)
            for read, of in ((x, kept), (p, kept), (g, cotangent), (t, cotangent)):
                # Triton asks each argument for its data_ptr(), which copies a lazy one.
                assert is_lazy(read) or subject.place.backend == "triton"
                same(read.detach(), of.detach())
            same(cotangent, torch.ones_like(y))
            with torch.no_grad():
                written = lazy(source)
                same(subject.op.inplace_variant(written, **sample.kwargs), y.detach())
            same(source.detach(), kept)


def test_negative_views(subject):
    """A tensor whose memory holds −x: values, gradients, cotangents; in place it stays so."""
    negative = torch._neg_view
    for sample in subject.samples(torch.float64):
        x = sample.input
        view = negative(-x.detach()).requires_grad_()
        assert view.is_neg()
        want, got = subject.op(x, **sample.kwargs), subject.op(view, **sample.kwargs)
        same(got, want)
        g = torch.randn_like(want)
        for cotangent in (g, negative(-g)):
            same(
                grad(got, view, cotangent, retain_graph=True)[0],
                grad(want, x, g, retain_graph=True)[0],
            )
        free = negative(-x.detach())
        written = subject.op.inplace_variant(free, **sample.kwargs)
        assert written.is_neg()
        same(written, want.detach())
        z = torch.complex(torch.zeros_like(x), -x).detach()
        for view in (z.conj().imag, torch.view_as_real(z.conj().resolve_conj())[..., 1]):
            same(subject.op(view, **sample.kwargs), want.detach())
        assert z.conj().imag.is_neg()
