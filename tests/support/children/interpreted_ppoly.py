"""The Triton backend against the reference, on CPU tensors.

Prints a JSON object: what was checked -> the list of what failed.
"""

from __future__ import annotations

import json
import warnings
from itertools import product

import torch
from torch import Tensor

import hatact
from hatact import functional, reference
from hatact._checks import DTYPES, compute_dtype
from hatact.activations import registry

warnings.filterwarnings("ignore", "(invalid value|overflow) encountered", RuntimeWarning)  # numpy
torch.use_deterministic_algorithms(True)
torch.utils.deterministic.fill_uninitialized_memory = True  # torch.empty is NaN


def points(spec: hatact.PiecewisePolynomial, dtype: torch.dtype) -> Tensor:
    """Random values, and those that go wrong: knots ± one ulp, wraps, ±0, denormals, ±inf, NaN."""
    knots, _, period = spec.numbers
    k = torch.tensor([*knots, knots[0] + period], dtype=torch.float64).to(dtype)
    top, inf = torch.finfo(dtype).max, torch.tensor(float("inf"), dtype=dtype)
    tiny = torch.finfo(dtype).smallest_normal
    fixed = [0.0, -0.0, 1e-3, -1e-3, 1e4, -1e4, 1e5 * period, -1e5 * period, top, -top]
    generator = torch.Generator().manual_seed(0)
    random = 3 * torch.randn(200, generator=generator, dtype=torch.float64)
    x = torch.cat(
        [
            random.to(dtype),
            k,
            torch.nextafter(k, inf),
            torch.nextafter(k, -inf),
            torch.tensor([*fixed, tiny / 2, -tiny / 2, inf, -inf, float("nan")], dtype=dtype),
        ]
    )
    # The interpreter takes bf16 denormals for 0.
    return x[(x == 0) | (x.abs() >= tiny) | x.isnan()] if dtype == torch.bfloat16 else x


def same(y: Tensor, want: Tensor) -> bool:
    """Equal values, strides and dtype; NaN equals NaN."""
    return (
        y.dtype == want.dtype
        and y.stride() == want.stride()
        and torch.equal(y.nan_to_num(12345.0), want.nan_to_num(12345.0))
        and torch.equal(y.isnan(), want.isnan())
    )


def within_a_step(y: Tensor, want: Tensor) -> bool:
    """Equal up to one unit in the last place: the interpreter truncates where bf16 rounds."""
    y, want, step = y.double(), want.double(), torch.finfo(y.dtype).eps
    y, want = (v.nan_to_num(12345.0, posinf=23456.0, neginf=-23456.0) for v in (y, want))
    return bool(((y - want).abs() <= step * want.abs()).all())


def near(y: Tensor, x: Tensor, spec: hatact.PiecewisePolynomial) -> bool:
    """Within rounding of the reference in float64, at the random values."""
    eps = torch.finfo(x.dtype).eps
    x = x[:200]
    if spec.period is not None:  # at a wrap, a rounded period may tell another piece
        x = x[(x > float(spec.knots[0])) & (x < float(spec.knots[0]) + float(spec.period))]
    want = reference.ppoly(x.double(), None, *spec.numbers)
    got = torch.ops.hatact.ppoly(x, None, *spec.numbers).double()
    return torch.allclose(got, want, rtol=4 * eps, atol=16 * eps)


def check_values(spec: hatact.PiecewisePolynomial) -> list[str]:
    failures = []
    first = spec.derivative()
    for (order, f), dtype in product(enumerate((spec, first, first.derivative())), DTYPES):
        x = points(f, dtype)
        g = torch.linspace(-2, 2, x.numel(), dtype=torch.float64).to(dtype)
        for factor in (None, g):
            y = torch.ops.hatact.ppoly(x, factor, *f.numbers)
            agree = within_a_step if dtype == torch.bfloat16 else same
            if not agree(y, reference.ppoly(x, factor, *f.numbers)):
                failures.append(f"derivative {order}, {dtype}, g={factor is not None}")
        if order == 0 and compute_dtype(x) == dtype and not near(y, x, f):
            failures.append(f"{dtype} is not near float64")
    return failures


def sizes() -> dict[str, Tensor]:
    """x of each size about a group, a thread's share and a block of elements."""
    base = torch.randn(3 * 1024 + 5, generator=torch.Generator().manual_seed(1))
    return {f"size {n}": base[:n] for n in (*range(34), 1023, 1024, 1025, len(base))}


def layouts(*shape: int) -> dict[str, Tensor]:
    """x of each layout that a user may bring, out of a tensor of three dimensions."""
    base = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return {
        "transposed": base.transpose(0, 2),
        "sliced": base[:, ::2, 1:],
        "offset": base.flatten()[1:],
        "expanded": base[:1].expand(3, -1, -1),
        "channels last": base[None].to(memory_format=torch.channels_last),
        "empty": base[:0],
        "0-d": base[0, 0, 0],
    }


def check_layout(x: Tensor) -> list[str]:
    numbers, failures = hatact.BW_RELU.numbers, []
    shape = x.shape
    gradients = {
        "none": None,
        "like x": torch.randn_like(x),
        "contiguous": torch.randn(shape),
        "expanded": torch.tensor(1.5).expand(shape),
    }
    for name, g in gradients.items():
        before = x.clone(), None if g is None else g.clone()
        y = torch.ops.hatact.ppoly(x, g, *numbers)
        want = torch.empty_like(x).copy_(reference.ppoly(x, g, *numbers))
        if not same(y, want):
            failures.append(f"g {name}: values, or strides {y.stride()} for {want.stride()}")
        if not torch.equal(x, before[0]) or (g is not None and not torch.equal(g, before[1])):
            failures.append(f"g {name}: an input was written to")
    leaf = x.detach().requires_grad_()
    functional.piecewise(leaf, hatact.BW_RELU).sum().backward()
    if not torch.equal(leaf.grad, reference.ppoly(x, None, *hatact.BW_RELU.derivative().numbers)):
        failures.append("the gradient of sum()")
    return failures


def main() -> None:
    results = {name: check_values(spec) for name, spec in registry().items()}
    cases = sizes() | layouts(2, 37, 70)
    results["layouts"] = [f"{n}, {f}" for n, x in cases.items() for f in check_layout(x)]
    in_use = hatact.ops.current_backend("cpu")
    results["backend"] = [] if in_use == "triton" else [f"served by {in_use}"]
    print(json.dumps(results))


if __name__ == "__main__":
    main()
