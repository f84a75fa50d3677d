"""By torch's own templates: modules, their factories, copies, memory formats and gradients."""

import copy
import io
import pickle

import pytest
import torch
from torch.autograd import grad
from torch.func import functional_call

from tests.support.torch_templates import (
    EVERY_SUBJECT,
    FORMATS,
    accurate,
    noncontiguous,
    same,
    same_meta,
)

pytest.importorskip("expecttest")

pytestmark = list(EVERY_SUBJECT)


def test_module_forward(subject):
    """Equal to torch's module and to the template's reference; training changes nothing."""
    for dtype in subject.dtypes:
        for make, torchs, x, case in subject.module_inputs(dtype):
            module = make().to(subject.device).to(dtype)
            y = module(x)
            truth = torchs()(x.double())
            accurate(y, truth, torchs()(x))
            same_meta(y, torchs()(x))
            if case.reference_fn is not None:
                same(y, case.reference_fn(module, x))
            assert module.training
            same(module.eval()(x), y)
            assert not module.training


def test_module_factory(subject):
    """No parameters, no buffers: conversions return the module and leave it as it is."""
    for make, _, x, _ in subject.module_inputs(torch.float32):
        module = make()
        y = module(x)
        assert list(module.parameters()) == list(module.buffers()) == []
        assert module.state_dict() == {}
        for convert in (
            lambda m: m.to(torch.float64),
            lambda m: m.to(subject.device),
            lambda m: m.to(memory_format=torch.channels_last),
            lambda m: m.half(),
            lambda m: m.cpu(),
            lambda m: m.to_empty(device=subject.device),
            lambda m: m.share_memory(),
            lambda m: m.requires_grad_(False),
        ):
            assert convert(module) is module
            same(module(x), y)
        same(functional_call(module, {}, x), y)


def test_module_repr(subject):
    info = subject.module
    for make, *_ in subject.module_inputs(torch.float32):
        module = make()
        assert repr(module).startswith(f"{info.module_cls.__name__}(")
        assert repr(module) == str(module) in repr(torch.nn.Sequential(module))
        assert "inplace=True" in repr(info.module_cls(inplace=True))


def test_module_pickle(subject):
    """Pickled, copied and saved by torch: the same outputs and gradients."""
    for make, _, x, _ in subject.module_inputs(torch.float32, grad=True):
        module, buffer = make(), io.BytesIO()
        torch.save(module, buffer)
        buffer.seek(0)
        y = module(x)
        for again in (
            *(pickle.loads(pickle.dumps(module, n)) for n in range(2, pickle.HIGHEST_PROTOCOL + 1)),
            copy.deepcopy(module),
            torch.load(buffer, weights_only=False),
        ):
            same(again(x), y)
            same(grad(again(x).sum(), x)[0], grad(y.sum(), x, retain_graph=True)[0])
            assert repr(again) == repr(module)


def test_module_noncontiguous(subject):
    for make, _, x, _ in subject.module_inputs(torch.float32, grad=True):
        module = make()
        strided = noncontiguous(x)
        y, z = module(x), module(strided)
        same(y, z)
        g = torch.randn_like(y)
        wide = noncontiguous(g)
        for cotangent in (g, wide):
            same(
                grad(z, strided, cotangent, retain_graph=True)[0],
                grad(y, x, g, retain_graph=True)[0],
            )


def test_module_in_place(subject):
    """inplace=True: x is overwritten and returned, and the gradients are the same."""
    for dtype in subject.dtypes:
        for make, _, x, _ in subject.module_inputs(dtype, grad=True):
            y, z = make()(x), x.clone()
            version = z._version
            assert make(inplace=True)(z) is z
            assert z._version > version
            same(z, y)
            g = torch.rand_like(y)
            same(grad(z, x, g)[0], grad(y, x, g)[0])
            with pytest.raises(RuntimeError, match="leaf"):
                make(inplace=True)(x)


def test_module_memory_formats(subject):
    """The output has the input's format, and so has the gradient if the cotangent has."""
    for dtype in (torch.float32, torch.float16):
        for module, torchs, x, of_input in subject.images(dtype):
            y, want = module(x), torchs(x)
            same_meta(y, want)
            assert y.is_contiguous(memory_format=of_input)
            g = torch.randn_like(y)
            (gx,), (gw,) = grad(y, x, g), grad(want, x, g)
            same(gx, gw)
            same_meta(gx, gw)
            assert gx.is_contiguous(memory_format=of_input)


def test_module_gradient_keeps_the_format(subject):
    """The gradient has the input's format, whatever the cotangent's."""
    for module, _, x, of_input in subject.images(torch.float32):
        y = module(x)
        for of_cotangent in FORMATS[x.dim()]:
            g = torch.randn_like(y).contiguous(memory_format=of_cotangent)
            (gx,) = grad(y, x, g, retain_graph=True)
            assert gx.is_contiguous(memory_format=of_input)


def test_module_gradcheck(subject):
    """First and second order, reverse and forward."""
    from torch.testing._internal.common_utils import gradcheck, gradgradcheck

    for make, _, x, _ in subject.module_inputs(torch.float64, grad=True):
        assert gradcheck(make(), x, check_forward_ad=True)
        assert gradgradcheck(lambda x, make=make: make()(x) * x, x, check_fwd_over_rev=True)
