"""By torch's own templates: values and gradients, at kinks and at NaN, and the output's strides."""

import pytest
import torch
from torch.autograd import grad

from tests.support.torch_templates import EVERY_SUBJECT, accurate, same, same_meta

pytest.importorskip("expecttest")

pytestmark = list(EVERY_SUBJECT)
HALF_AND_WIDE = (torch.bfloat16, torch.float64)


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
