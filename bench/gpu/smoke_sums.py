"""Checks of ops that add up: a linear layer with its activation, a cascade with its gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.gpu.checks import SPECS, Check, relative
from bench.gpu.setting import Setting
from hatact import reference, reference_cascade

raw = torch.ops.hatact
_OFF_KINKS = 1e-2  # many times what a pre-activation of tf32 products errs by


def linear(name: str, dtype: torch.dtype, shape: tuple[int, int, int], setting: Setting) -> Check:
    """y and its code, against float64; the code not where the pre-activation is at a kink."""
    m, n, k = shape
    spec = SPECS["hat"]
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(m, k, generator=generator, dtype=torch.float64).to(dtype)
    w = (0.1 * torch.randn(n, k, generator=generator, dtype=torch.float64)).to(dtype)
    b = torch.randn(n, generator=generator, dtype=torch.float64).to(dtype)

    def call() -> tuple[Tensor, Tensor]:
        y, code = raw.linear_act(*(t.to(setting.device) for t in (x, w, b)), *spec.numbers)
        return y, raw.ppoly_decode(torch.ones_like(y), code, spec.slopes)

    def judge(found: tuple[Tensor, Tensor]) -> list[str]:
        y, slope = (t.cpu() for t in found)
        z = torch.nn.functional.linear(x.double(), w.double(), b.double())
        products = 1e-3 if dtype == torch.float32 else 0.0  # of tf32
        limit = 8 * (2 * torch.finfo(dtype).eps + products)  # the slope of the spec is 8
        want = reference.ppoly(z, None, *spec.numbers)
        wrong = []
        if not relative(y, want) <= limit:
            wrong.append(f"y is off by {relative(y, want):.2g} of its norm, more than {limit:.2g}")
        knots = torch.tensor(spec.numbers[0], dtype=torch.float64)
        far = ((z[..., None] - knots).abs() > _OFF_KINKS).all(-1)
        exact = reference.ppoly(z, None, *spec.derivative().numbers)
        if not torch.equal(slope[far].double(), exact[far]):
            wrong.append("the code is not that of the slope")
        return wrong

    return Check(name, "triton", call, judge)


def cascade(
    name: str, backend: str, dtype: torch.dtype, shape: tuple[int, int], setting: Setting
) -> Check:
    """y, and the gradients of x, peaks and scales, against float64."""
    channels, depth = shape[1], 8
    generator = torch.Generator().manual_seed(3)
    x, g = (torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in "xg")
    peaks = 0.2 + 0.6 * torch.rand(channels, depth + 1, generator=generator, dtype=torch.float64)
    scales = ((1 - peaks[:, :-1]) * peaks[:, 1:]).cumprod(1)
    compute = torch.float64 if dtype == torch.float64 else torch.float32
    peaks, scales = peaks[:, :-1].to(compute).contiguous(), scales.to(compute)

    def call() -> tuple[Tensor, ...]:
        at, by, p, s = (t.to(setting.device) for t in (x, g, peaks, scales))
        y = raw.triangle_cascade(at, p, s)
        return y, *raw.triangle_cascade_backward(by, at, p, s)

    def judge(found: tuple[Tensor, ...]) -> list[str]:
        wide = [t.double() for t in (x, peaks, scales)]
        want = (
            reference_cascade.triangle_cascade(*wide),
            *reference_cascade.triangle_cascade_backward(g.double(), *wide),
        )
        plain = (
            reference_cascade.triangle_cascade(x, peaks, scales),
            *reference_cascade.triangle_cascade_backward(g, x, peaks, scales),
        )
        wrong = []
        names = ("y", "gx", "gpeaks", "gscales")
        for what, got, exact, of in zip(names, found, want, plain, strict=True):
            limit = 2 * max(relative(of, exact), 4 * torch.finfo(got.dtype).eps)
            # Of an element that rounds across a kink either slope is right.
            limit = max(limit, 0.05) if what != "y" else limit
            if not relative(got, exact) <= limit:
                error = relative(got, exact)
                wrong.append(f"{what} is off by {error:.2g} of its norm, more than {limit:.2g}")
        return wrong

    return Check(name, backend, call, judge)
