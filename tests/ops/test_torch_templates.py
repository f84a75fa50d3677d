"""The generic checks that torch runs on its own operators and modules, on those of hatact.

Each check runs on hatact's function, on every backend, and on torch's own as the control: a check
that torch's own function fails is marked below, by name and with the reason.
"""

from __future__ import annotations

import copy
import io
import pickle
from functools import partial

import pytest
import torch
from torch.autograd import forward_ad, grad
from torch.func import functional_call, jvp, vmap

from tests.support.places import PLACES
from tests.support.torch_templates import (
    COMPOSITIONS,
    FORMATS,
    NAMES,
    Subject,
    accurate,
    composed,
    jvp_of,
    noncontiguous,
    same,
    same_meta,
    vjp_of,
)

pytest.importorskip("expecttest")

# (test, name) -> why torch's own function fails it.
HARDTANH_BACKWARD = "hardtanh_backward's first operand is the cotangent: its strides come out"
TORCH_FAILS = {
    ("test_module_gradient_keeps_the_format", "hardtanh"): HARDTANH_BACKWARD,
    ("test_module_gradient_keeps_the_format", "relu6"): HARDTANH_BACKWARD,
}

every_subject = pytest.mark.parametrize(
    ("place", "who"),
    [pytest.param(place, "hatact", id=str(place)) for place in PLACES]
    + [pytest.param(PLACES[0], "torch", id="torch")],
    indirect=["place"],
)
pytestmark = [every_subject, pytest.mark.parametrize("name", NAMES)]
HALF_AND_WIDE = (torch.bfloat16, torch.float64)


@pytest.fixture
def subject(request, place, who, name):
    """The function and the module under test; torch's own failures are expected, and no others."""
    why = TORCH_FAILS.get((request.node.originalname, name)) if who == "torch" else None
    if why:
        request.applymarker(pytest.mark.xfail(reason=why, strict=True))
    if place.interpreted and name != "relu":
        pytest.skip("too many calls for Triton's interpreter")
    torch.manual_seed(0)
    return Subject(place, who, name)


# --------------------------------------------------------------------- values, dtypes, errors


def test_values(subject):
    """On the extended inputs: at most twice torch's error, exact where torch is.

    The template of relu has a formula in NumPy, which has no bfloat16; the others have none.
    """
    formula = subject.op.ref
    assert (formula is not None) == (subject.name == "relu")
    for dtype in subject.dtypes:
        for sample in subject.references(dtype):
            x = sample.input
            truth, theirs = (subject.torchs(t, **sample.kwargs) for t in (x.double(), x))
            y = subject.op(x, **sample.kwargs)
            accurate(y, truth, theirs)
            if formula and dtype != torch.bfloat16:
                same(y.cpu(), torch.from_numpy(formula(x.cpu().numpy())))


def test_strides(subject):
    """On the extended inputs: torch's strides, and x is left as it was."""
    for dtype in HALF_AND_WIDE:
        for sample in subject.references(dtype):
            before = sample.input.clone()
            y = subject.op(sample.input, **sample.kwargs)
            same_meta(y, subject.torchs(sample.input, **sample.kwargs))
            same(sample.input, before)


def test_gradients(subject):
    """At most twice torch's error, but at the kinks, where each has a convention of its own.

    hatact has the slope of the left piece at a kink and of the last piece at a NaN; torch has 0
    at both ends of a clamp, and lets a NaN pass.
    """
    upper = {"hardtanh": 1.0, "relu6": 6.0}.get(subject.name)
    for dtype in subject.dtypes:
        for sample in subject.references(dtype):
            kwargs, top = sample.kwargs, sample.kwargs.get("max_val", upper)
            x = sample.input
            g = torch.randn(x.shape, device=x.device).to(dtype)
            ours, theirs, truth = (
                grad(f(leaf, **kwargs), leaf, g.to(leaf))[0]
                for f, leaf in (
                    (subject.op, x.detach().clone().requires_grad_()),
                    (subject.torchs, x.detach().clone().requires_grad_()),
                    (subject.torchs, x.double().detach().requires_grad_()),
                )
            )
            alike = ~x.isnan() if top is None else ~(x.isnan() | (x == top))
            accurate(ours[alike], truth[alike], theirs[alike])


def test_gradients_at_kinks(subject):
    """What test_gradients leaves out, of each its own."""
    knots = {"hardtanh": [-1.0, 1.0], "relu6": [0.0, 6.0]}.get(subject.name, [0.0])
    slopes = {"leaky_relu": [0.01], "relu": [0.0]}.get(subject.name, [0.0, 1.0])
    at_nan = 1.0 if len(knots) == 1 else 0.0
    if subject.who == "torch":
        slopes, at_nan = slopes[:1] * len(knots), 0.01 if subject.name == "leaky_relu" else 1.0
    for dtype in subject.dtypes:
        x = torch.tensor([*knots, torch.nan], dtype=dtype, device=subject.device).requires_grad_()
        (gx,) = grad(subject.op(x).sum(), x)
        same(gx.cpu(), torch.tensor([*slopes, at_nan], dtype=dtype))


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental:UserWarning")
def test_dtypes(subject):
    """What is claimed works, forward and backward; all else raises, and writes nothing."""
    from torch.testing._internal.common_dtype import all_types_and_complex_and

    op = subject.op
    every = all_types_and_complex_and(torch.bool, torch.half, torch.bfloat16, torch.chalf)
    for dtype in (*every, torch.float8_e4m3fn):
        x = torch.ones(2, 3, device=subject.device).to(dtype)
        if dtype not in op.dtypes:
            for f in (op, op.inplace_variant):
                with pytest.raises(subject.refusal):
                    f(x)
            assert (x.view(torch.uint8) == torch.ones(2, 3).to(x).view(torch.uint8)).all()
            continue
        y = op(x)
        assert (y.dtype, y.shape) == (dtype, x.shape)
        if dtype.is_floating_point and dtype in op.backward_dtypes:
            x.requires_grad_()
            assert grad(op(x).sum(), x)[0].dtype == dtype


def test_errors(subject):
    """The template's inputs that must raise: hardtanh's min_val > max_val alone."""
    of = subject.op.error_inputs_func
    assert (of is not None) == (subject.name == "hardtanh")
    # A spec says of its knots what torch says of min_val and max_val.
    says = "knots must increase strictly" if subject.who == "hatact" else None
    for error in of(subject.op, subject.device) if of else ():
        sample = error.sample_input
        with pytest.raises(error.error_type, match=says or error.error_regex):
            subject.op(sample.input, *sample.args, **sample.kwargs)


def test_sparse(subject):
    """relu of torch takes sparse tensors, as its template says; hatact refuses them."""
    x = torch.eye(3, device=subject.device).to_sparse()
    assert subject.op.supports_sparse == (subject.who == "torch" and subject.name == "relu")
    if subject.op.supports_sparse:
        same(subject.op(x).to_dense(), x.to_dense())
    else:
        with pytest.raises((RuntimeError, NotImplementedError)):
            subject.op(x)


# --------------------------------------------------------------------- variants and layouts


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


def test_conjugate_views(subject):
    """Complex numbers are refused, conjugated or not."""
    z = torch.ones(3, dtype=torch.complex64, device=subject.device)
    for x in (z, z.conj(), torch._neg_view(z).conj()):
        with pytest.raises(subject.refusal):
            subject.op(x)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_fake_tensors(subject):
    """Fake tensors have the strides of the real ones, in and out of place, and in backward."""
    from torch._subclasses import CrossRefFakeMode, FakeTensorMode

    references = subject.references(torch.bfloat16)
    layouts = {(s.input.shape, s.input.stride(), str(s.kwargs)): s for s in references}
    samples = list(layouts.values())
    with FakeTensorMode() as mode:
        inputs = [mode.from_tensor(sample.input) for sample in samples]
        pairs = zip(inputs, samples, strict=True)
        fakes = [subject.op(x, **sample.kwargs) for x, sample in pairs]
    for fake, sample in zip(fakes, samples, strict=True):
        same_meta(fake, subject.op(sample.input, **sample.kwargs))
    for sample in subject.samples(torch.float32, few=True):
        x = sample.noncontiguous().input
        for f in subject.variants(**sample.kwargs).values():
            with CrossRefFakeMode():
                (gx,) = grad(f(x).sum(), x)
            with FakeTensorMode() as mode:
                leaf = mode.from_tensor(x)
                (fake,) = grad(f(leaf).sum(), leaf)
            same_meta(fake, gx)


def test_schema(subject):
    """Nothing is written or aliased that the schemas of the ops do not name."""
    from torch._subclasses.schema_check_mode import SchemaCheckMode

    for sample in subject.samples(torch.float32):
        for f in subject.variants(**sample.kwargs).values():
            with SchemaCheckMode():
                y = f(sample.input)
                grad(y, sample.input, torch.ones_like(y))


def test_composite_compliance(subject):
    """A tensor subclass that owns no memory passes, in any mix with plain tensors."""
    from torch.testing._internal import composite_compliance as checks

    equal = partial(torch.testing.assert_close, rtol=0, atol=0)
    for sample in subject.samples(torch.float32):
        args = [sample.input], {}
        for f in subject.variants(**sample.kwargs).values():
            checks.check_with_mode(f, *args, equal)
            checks.check_all_permutations(f, *args, equal)
            checks.check_backward_formula(f, *args, assert_equal_fn=equal)
        # Out of place alone, as in torch's suite: in place a plain tangent would have to take the
        # values of a subclass, which none of torch's own four can do.
        checks.check_forward_ad_formula(
            subject.variants(**sample.kwargs)["function"], *args, assert_equal_fn=equal
        )


def test_tracing(subject):
    """make_fx and AOTAutograd; with dynamic shapes test_compile.py."""
    from torch.testing._internal import optests

    if subject.place != PLACES[0]:
        pytest.skip("what is traced calls the same ops on every backend")
    x = max((sample.input for sample in subject.samples(torch.float32)), key=torch.Tensor.dim)
    for f in subject.variants().values():
        optests.make_fx_check(f, (x,), {}, "fake")
        optests.aot_autograd_check(f, (x,), {}, dynamic=False)


# --------------------------------------------------------------------- derivatives


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


# --------------------------------------------------------------------- modules


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
