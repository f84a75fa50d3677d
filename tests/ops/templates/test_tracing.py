"""By torch's own templates: fake tensors, schemas, tensor subclasses and traces."""

from functools import partial

import pytest
import torch
from torch.autograd import grad

from tests.support.places import PLACES
from tests.support.torch_templates import EVERY_SUBJECT, same_meta

pytest.importorskip("expecttest")

pytestmark = list(EVERY_SUBJECT)


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
