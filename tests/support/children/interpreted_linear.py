"""The fused linear layer on CPU tensors, against float64.

Prints a JSON object: what was checked -> the list of what failed. Triton's interpreter multiplies
the bits of bf16 as integers: that type is left to tests/triton/aot and a GPU.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

import hatact
from hatact import reference
from hatact.activations import registry
from hatact.backends.triton import OPS
from tests.support.children.interpreted_code import refused

linear_act = OPS["linear_act"]
SPECS = {n: spec for n, spec in registry().items() if spec.slopes is not None}
SHAPES = {"less than a tile": (3, 16, 5), "tiles and a rest": (70, 136, 150), "whole": (64, 64, 64)}


def layer(m: int, n: int, k: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(m + n + k)
    x = torch.randn(m, k, generator=generator).to(dtype)
    w = (3 * torch.randn(n, k, generator=generator) / k**0.5).to(dtype)
    return x, w, torch.randn(n, generator=generator).to(dtype)


def wrong(
    x: Tensor, w: Tensor, b: Tensor | None, spec: hatact.PiecewisePolynomial, dtype: torch.dtype
) -> list[str]:
    """y against f(z), and the code's slopes against f′(z), for the z of float64."""
    y, code = linear_act(x, w, b, *spec.numbers)
    z = torch.nn.functional.linear(x.double(), w.double(), None if b is None else b.double())
    scale = float(torch.nn.functional.linear(x.double().abs(), w.double().abs()).max()) + 3
    off = 4 * torch.finfo(torch.float32).eps * scale  # of a sum in float32
    steepest = max(abs(s) for s in spec.slopes if s == s)
    want = reference.ppoly(z, None, *spec.numbers)
    rounded = torch.finfo(dtype).eps * want.abs()
    # Within `off` of a knot, or of a wrap, z may belong to either piece.
    first = spec.derivative().numbers
    slopes = [reference.ppoly(z + d, None, *first) for d in (-off, 0, off)]
    clear = (slopes[0] == slopes[1]) & (slopes[1] == slopes[2])
    got = reference.ppoly_decode(torch.ones_like(z), code, spec.slopes)
    failures = []
    if y.dtype != dtype or not y.is_contiguous() or y.shape != z.shape:
        failures.append(f"y is {y.dtype}, {tuple(y.shape)}, strides {y.stride()}")
    elif not ((y.double() - want).abs() <= rounded + (steepest + 1) * off)[clear].all():
        failures.append("y")
    if clear.double().mean() < 0.99 or not torch.equal(got[clear], slopes[1][clear]):
        failures.append("code")
    return failures


def check_shapes(spec: hatact.PiecewisePolynomial) -> list[str]:
    failures = []
    shapes = SHAPES if spec == hatact.HAT else {"less than a tile": (3, 16, 5)}
    cases = product(shapes.items(), (torch.float32, torch.float16), (False, True))
    for (name, (m, n, k)), dtype, biased in cases:
        x, w, b = layer(m, n, k, dtype)
        found = wrong(x, w, b if biased else None, spec, dtype)
        failures += [f"{name}, {dtype}, bias {biased}: {f}" for f in found]
    return failures


def check_layouts() -> list[str]:
    x, w, b = layer(30, 24, 20, torch.float32)
    cases = {
        "one row": (x[0], w, b),
        "four dimensions": (x.view(5, 1, 6, 20), w, b),
        "x transposed": (x.t().contiguous().t(), w, b),
        "x sliced": (x[:, 4:16], w[:, :12], b),
        "x expanded": (x[:1].expand(30, 20), w, b),
        "w transposed": (x, w.t().contiguous().t(), b),
        "b strided": (x, w, b.repeat_interleave(2)[::2]),
        "x and w at odd addresses": (x[:, 1:], w[:, 1:], b),
    }
    return [f"{n}: {f}" for n, c in cases.items() for f in wrong(*c, hatact.HAT, torch.float32)]


def check_in_two_steps() -> list[str]:
    """What the kernel does not take is torch's layer and this backend's ppoly_encode_."""
    failures = []
    x, w, b = layer(6, 24, 10, torch.float64)
    long = hatact.PiecewisePolynomial.from_truncated_powers(
        range(70), [(-1) ** k * min(k + 1, 2) for k in range(70)], 1
    )
    half = x.to(torch.float16), w.to(torch.float16), b.to(torch.float16)
    cases = {
        "float64": (x, w, b, hatact.HAT),
        "out of 13": (x.float(), w[:13].float(), b[:13].float(), hatact.HAT),
        "out of 13, float16": (half[0], half[1][:13], None, hatact.HAT),
        "in of 0": (x[:, :0].float(), w[:, :0].float(), b.float(), hatact.HAT),
        "out of 0": (x.float(), w[:0].float(), None, hatact.HAT),
        "no rows": (x[:0].float(), w.float(), b.float(), hatact.HAT),
        "71 pieces": (x.float(), w.float(), b.float(), long),
    }
    for name, (*tensors, spec) in cases.items():
        y, code = linear_act(*tensors, *spec.numbers)
        want = torch.nn.functional.linear(*tensors)
        want_code = reference.ppoly_encode_(want, *spec.numbers)
        if not torch.equal(y, want) or not torch.equal(code, want_code):
            failures.append(name)
    return failures


def check_errors() -> list[str]:
    x, w, b = layer(4, 8, 6, torch.float32)
    hat = hatact.HAT.numbers
    calls: dict[str, tuple[Callable[[], object], str]] = {
        "in": (lambda: linear_act(x[:, 1:], w, b, *hat), "got (4, 5) and (8, 6)"),
        "0-d": (lambda: linear_act(x[0, 0], w, b, *hat), "got () and (8, 6)"),
        "vector of weights": (lambda: linear_act(x, w[0], None, *hat), "got (4, 6) and (6,)"),
        "short bias": (lambda: linear_act(x, w, b[1:], *hat), "shape (8,)"),
        "dtype": (lambda: linear_act(x, w.double(), b, *hat), "the weight must have x's dtype"),
        "bias's dtype": (lambda: linear_act(x, w, b.half(), *hat), "the bias must have x's dtype"),
        "device": (lambda: linear_act(x, w.to("meta"), b, *hat), "got torch.float32 meta"),
        "integers": (lambda: linear_act(x.long(), w, b, *hat), "x must be float16"),
        "cubic": (lambda: linear_act(x, w, b, *hatact.bspline(3).numbers), "got degree 3"),
    }
    return [name for name, (call, message) in calls.items() if not refused(call, message)]


CHECKS = {
    "layouts": check_layouts,
    "in two steps": check_in_two_steps,
    "errors": check_errors,
}


def main() -> None:
    results = {name: check_shapes(spec) for name, spec in SPECS.items()}
    print(json.dumps(results | {name: check() for name, check in CHECKS.items()}))


if __name__ == "__main__":
    main()
