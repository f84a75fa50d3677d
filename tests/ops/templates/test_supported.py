"""By torch's own templates: what is claimed to be supported works, and all else raises."""

import pytest
import torch
from torch.autograd import grad

from tests.support.torch_templates import EVERY_SUBJECT, same

pytest.importorskip("expecttest")

pytestmark = list(EVERY_SUBJECT)


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


def test_conjugate_views(subject):
    """Complex numbers are refused, conjugated or not."""
    z = torch.ones(3, dtype=torch.complex64, device=subject.device)
    for x in (z, z.conj(), torch._neg_view(z).conj()):
        with pytest.raises(subject.refusal):
            subject.op(x)
