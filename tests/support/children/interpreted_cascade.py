"""The triangle cascade's kernels on CPU tensors.

Prints a JSON object: what was checked -> the list of what failed. The interpreter fuses nothing,
so F and gx are the reference's bits (bf16 apart, which it truncates); the sums are held to float64.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from unittest.mock import patch

import torch
from torch import Tensor

from hatact import reference_cascade as reference
from hatact._checks import DTYPES, compute_dtype
from hatact.backends import _triton_cascade as launcher
from tests.support.children.interpreted_code import gradient, refused
from tests.support.children.interpreted_ppoly import layouts, same, within_a_step

ops = torch.ops.hatact
Numbers = tuple[Tensor, Tensor]
ROWS, CHANNELS, DEPTHS = (0, 1, 33, 1025), (1, 3, 64), (1, 2, 8, 16)


def numbers(channels: int, depth: int, dtype: torch.dtype) -> Numbers:
    generator = torch.Generator().manual_seed(channels + depth)
    a, s = torch.rand(2, channels, depth, generator=generator, dtype=torch.float64)
    return (0.2 + 0.6 * a).to(dtype), (0.1 + s).to(dtype)


def inputs(rows: int, channels: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(rows)
    return (1.2 * torch.rand(rows, channels, generator=generator) - 0.1).to(dtype)


def near_sums(got: Tensor, plain: Tensor, shares: Tensor) -> bool:
    """Within twice the error of torch's sum, or four ulp of Σ|share|; NaN where it has NaN."""
    want, size = shares.double().sum(0), shares.double().abs().sum(0)
    allowed = 2 * (plain.double() - want).abs() + 4 * torch.finfo(got.dtype).eps * size
    off = (got.double() - want).abs()
    same_bad = (got == want) | (got.isnan() & want.isnan())  # infinite, or NaN
    return bool(((off <= allowed) | same_bad).all())


def check(x: Tensor, g: Tensor, some: Numbers) -> list[str]:
    failures = []
    agree = within_a_step if x.dtype == torch.bfloat16 else same
    like, before = torch.empty_like(x), (x.clone(), g.clone())
    y = ops.triangle_cascade(x, *some)
    if not agree(y, torch.empty_like(x).copy_(reference.triangle_cascade(x, *some))):
        failures.append(f"F: values, or strides {y.stride()}")
    gx, *sums = ops.triangle_cascade_backward(g, x, *some)
    want, *plain = reference.triangle_cascade_backward(g, x, *some)
    if not agree(gx, torch.empty_like(x).copy_(want)):
        failures.append(f"gx: values, or strides {gx.stride()}")
    if (y.dtype, y.stride(), gx.stride()) != (x.dtype, like.stride(), like.stride()):
        failures.append(f"{y.dtype}, strides {y.stride()} and {gx.stride()}")
    # An element as a channel of its own: its share of the sums.
    channels, depth = some[0].shape
    rows = x.numel() // channels
    each = [t.to(compute_dtype(x)).repeat(rows, 1) for t in some]
    shares = [torch.zeros(0, channels, depth)] * 2
    if rows:
        flat = g.reshape(1, -1), x.reshape(1, -1)
        _, *of_each = reference.triangle_cascade_backward(*flat, *each)
        shares = [t.view(rows, channels, depth) for t in of_each]
    for name, p, got, other, share in zip("as", some, sums, plain, shares, strict=True):
        if (got.dtype, got.shape, got.stride()) != (p.dtype, p.shape, other.stride()):
            failures.append(f"g{name}: {got.dtype}, {tuple(got.shape)}, strides {got.stride()}")
        elif not near_sums(got, other, share):
            failures.append(f"g{name}: values")
    if x.numel() < 5000:
        again = ops.triangle_cascade_backward(g, x, *some)
        if not all(same(a, b) for a, b in zip(again, (gx, *sums), strict=True)):
            failures.append("a second run differs")
    if not same(x.clone(), before[0]) or not same(g.clone(), before[1]):
        failures.append("an input was written to")
    return failures


def check_dtype(dtype: torch.dtype) -> list[str]:
    failures = []
    x = inputs(33, 3, dtype)
    for depth, half in product(DEPTHS, {dtype, compute_dtype(x)}):
        found = check(x, gradient(x), numbers(3, depth, half))
        failures += [f"depth {depth}, numbers in {half}: {f}" for f in found]
    return failures


def check_sizes() -> list[str]:
    """Few programs, so that most have several steps."""
    failures = []
    with patch.multiple(launcher, _FULL=3, _MOST=6):
        for i, (rows, channels) in enumerate(product(ROWS, CHANNELS)):
            depth = 1 if rows * channels > 100 else DEPTHS[i % 3]
            x = inputs(rows, channels, torch.float32)
            found = check(x, gradient(x), numbers(channels, depth, torch.float32))
            failures += [f"{rows} rows of {channels}, depth {depth}: {f}" for f in found]
    return failures


def check_edges() -> list[str]:
    """Channels of the same peaks, so that a NaN in one leaves the sums of the others numbers."""
    failures = []
    inf, nan = float("inf"), float("nan")
    for dtype in DTYPES:
        a, s = (t.expand(9, 2).contiguous() for t in numbers(1, 2, dtype))
        top = a[0, 0]
        less, more = (torch.nextafter(top, torch.tensor(v, dtype=dtype)) for v in (-inf, inf))
        fixed = torch.tensor([0.0, -0.0, 1.0, inf, -inf, nan], dtype=dtype)
        x = torch.cat([fixed, torch.stack((top, less, more))]).expand(2, 9)
        failures += [f"{dtype}: {f}" for f in check(x, torch.ones_like(x), (a, s))]
        bad = torch.tensor([inf, nan, 1.0], dtype=dtype).repeat(3).expand(2, 9)
        failures += [f"{dtype}, bad g: {f}" for f in check(x, bad, (a, s))]
    return failures


def check_layouts() -> list[str]:
    failures = []
    for name, x in layouts(2, 5, 6).items():
        if x.dim() == 0:
            continue
        x = x * 0.4 if name != "expanded" else (x[:1] * 0.4).expand(3, -1, -1)
        a, s = numbers(x.shape[-1], 3, x.dtype)
        wide = torch.stack((a, s), 2)
        for some in ((a, s), (wide[..., 0], wide[..., 1])):
            for g in (torch.randn_like(x), torch.tensor(1.5).expand(x.shape)):
                failures += [f"{name}, g {g.stride()}: {f}" for f in check(x, g, some)]
    return failures


def check_deep() -> list[str]:
    """Beyond the kernels' depth the reference serves; at it, they do."""
    x = inputs(6, 2, torch.float32).t().contiguous().t()
    return [f"{d}: {f}" for d in (32, 33) for f in check(x, x, numbers(2, d, torch.float32))]


def check_errors() -> list[str]:
    x, (a, s) = torch.rand(4, 3), numbers(3, 2, torch.float32)
    back = ops.triangle_cascade_backward
    calls: dict[str, tuple[Callable[[], object], str]] = {
        "channels": (lambda: ops.triangle_cascade(x[:, 1:], a, s), "must be the 3 channels"),
        "no depth": (lambda: ops.triangle_cascade(x, a[:, :0], s), "both at least 1"),
        "scales": (lambda: ops.triangle_cascade(x, a, s[:, 1:]), "must have the shape of peaks"),
        "integers": (lambda: ops.triangle_cascade(x.long(), a, s), "x must be float16"),
        "peaks": (lambda: ops.triangle_cascade(x, a.double(), s), "peaks must be on"),
        "backward": (lambda: back(x, x[:, 1:], a, s), "must be the 3 channels"),
        "gradient": (lambda: back(x[1:], x, a, s), "g must have x's shape"),
    }
    return [name for name, (call, message) in calls.items() if not refused(call, message)]


CHECKS = {
    "sizes": check_sizes,
    "edges": check_edges,
    "layouts": check_layouts,
    "deep": check_deep,
    "errors": check_errors,
}


def main() -> None:
    results = {str(dtype): check_dtype(dtype) for dtype in DTYPES}
    print(json.dumps(results | {name: check() for name, check in CHECKS.items()}))


if __name__ == "__main__":
    main()
