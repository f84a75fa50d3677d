"""The ops with a slope code and those in place, on CPU tensors.

Prints a JSON object: what was checked -> the list of what failed. Within the backend, equal means
equal bits in bf16 too; codes must be the reference's in every dtype.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

import hatact
from hatact import _code, reference
from hatact._checks import DTYPES
from hatact.activations import registry
from tests.support.children.interpreted_ppoly import layouts, points, same, sizes, within_a_step

ops = torch.ops.hatact


def gradient(x: Tensor) -> Tensor:
    return torch.linspace(-2, 2, x.numel(), dtype=torch.float64).to(x.dtype).view(x.shape)


def check_forward(x: Tensor, spec: hatact.PiecewisePolynomial) -> list[str]:
    failures, before = [], x.clone()
    y, code = ops.ppoly_encode(x, *spec.numbers)
    want = ops.ppoly(x, None, *spec.numbers)
    if not same(y, want):
        failures.append(f"encode is not ppoly: values, or strides {y.stride()}")
    if not torch.equal(code, reference.ppoly_encode(x, *spec.numbers)[1]):
        failures.append("the code is not the reference's")
    if not torch.equal(x.isnan(), before.isnan()) or not same(x.nan_to_num(), before.nan_to_num()):
        failures.append("x was written to")
    for name, op in {"ppoly_": ops.ppoly_, "ppoly_encode_": ops.ppoly_encode_}.items():
        inside = torch.full((x.numel() + 5,), 7.0, dtype=x.dtype)  # with neighbours to be spared
        z = inside[3 : x.numel() + 3].view(x.shape).copy_(x)
        got = op(z, *spec.numbers)
        if not same(z, want.contiguous()) or not (inside[:3] == 7).all() or inside[-1] != 7:
            failures.append(f"{name}: values, or its neighbours")
        if name == "ppoly_encode_" and not torch.equal(got, code):
            failures.append(f"{name}: its code")
    return failures


def check_backward(x: Tensor, spec: hatact.PiecewisePolynomial) -> list[str]:
    failures, g = [], gradient(x)
    _, code = ops.ppoly_encode(x, *spec.numbers)
    number = ~(x.isnan() | (x.isinf() & bool(spec.period)))
    got = ops.ppoly_decode(g, code, spec.slopes)
    want = ops.ppoly(x, g, *spec.derivative().numbers)
    if not torch.equal(got[number], want[number]) or got.stride() != g.stride():
        failures.append("decode is not the derivative")
    agree = within_a_step if x.dtype == torch.bfloat16 else same
    if not agree(got, reference.ppoly_decode(g, code, spec.slopes)):
        failures.append("decode is not the reference's")
    return failures


def check_spec(spec: hatact.PiecewisePolynomial) -> list[str]:
    failures = []
    for dtype in DTYPES:
        x = points(spec, dtype)
        failures += [f"{dtype}: {f}" for f in check_forward(x, spec) + check_backward(x, spec)]
    return failures


def check_random_bytes() -> list[str]:
    """Codes beyond the slopes give NaN, wherever the code lies in memory."""
    failures = []
    slopes = [0.5, -1.0, 0.0, 3.0, 1 / 3, -2.0, 7.0, -0.25]
    generator = torch.Generator().manual_seed(2)
    for dtype, count, offset, nan in product(DTYPES, range(1, 9), (0, 1), (False, True)):
        some = [*slopes[: count - 1], float("nan")] if nan else slopes[:count]
        length = _code.code_bytes(77, _code.bits_of(count))
        bytes_ = torch.randint(256, (length + 1,), generator=generator, dtype=torch.uint8)
        code, g = bytes_[offset : length + offset], gradient(torch.empty(7, 11, dtype=dtype))
        got, want = ops.ppoly_decode(g, code, some), reference.ppoly_decode(g, code, some)
        if not (within_a_step if dtype == torch.bfloat16 else same)(got, want):
            failures.append(f"{dtype}, {count} slopes, offset {offset}")
    return failures


def check_both(cases: dict[str, Tensor], spec: hatact.PiecewisePolynomial) -> list[str]:
    checks = check_forward, check_backward
    return [f"{n}: {f}" for n, x in cases.items() for check in checks for f in check(x, spec)]


def check_sizes() -> list[str]:
    """Tiles differ in length by dtype, the bytes of a group by spec."""
    failures = []
    # Elements beyond the last may read as 0, where hardtanh's code is not 0.
    specs = hatact.HAT, registry()["hardtanh"], hatact.BW_RELU, hatact.HAT
    for dtype, spec in zip(DTYPES, specs, strict=True):
        cases = {f"{dtype}, {n}": x.to(dtype) for n, x in sizes().items()}
        failures += check_both(cases, spec)
    return failures


def check_layouts() -> list[str]:
    return check_both(layouts(2, 7, 26), hatact.BW_RELU)


def check_in_place_layouts() -> list[str]:
    """In place, elements between those of x keep their values."""
    failures = []
    for name, op in {"ppoly_": ops.ppoly_, "ppoly_encode_": ops.ppoly_encode_}.items():
        base = torch.randn(6, 10, 14, generator=torch.Generator().manual_seed(3))
        views: dict[str, Callable[[Tensor], Tensor]] = {
            "transposed": lambda b: b.transpose(0, 2),
            "sliced": lambda b: b[:, ::2, 1:],
            "channels last": lambda b: b[None].permute(0, 3, 1, 2),
            "0-d": lambda b: b[1, 2, 3],
            "empty": lambda b: b[:0],
        }
        for layout, view in views.items():
            got, want = base.clone(), base.clone()
            result = op(view(got), *hatact.BW_RELU.numbers)
            code = reference.ppoly_encode_(view(want), *hatact.BW_RELU.numbers)
            if not torch.equal(got, want) or (result is not None and not torch.equal(result, code)):
                failures.append(f"{name}, {layout}")
    return failures


def refused(call: Callable[[], object], message: str) -> bool:
    try:
        call()
    except ValueError as error:
        return message in str(error)
    return False


def check_errors() -> list[str]:
    x, hat = torch.full((3, 4), 0.5), hatact.HAT.numbers
    wide = torch.full((4,), 0.5).expand(3, 4)
    many = hatact.PiecewisePolynomial.from_truncated_powers(range(9), [1] * 9, 1).numbers
    long = hatact.PiecewisePolynomial.from_truncated_powers(range(70), [0.1] * 70, 3).numbers
    cubic = hatact.bspline(3).numbers
    code, slopes = ops.ppoly_encode(x, *hat)[1], hatact.HAT.slopes
    calls: dict[str, tuple[Callable[[], object], str]] = {
        "cubic": (lambda: ops.ppoly_encode(x, *cubic), "degree of at most 1; got degree 3"),
        "cubic, in place": (lambda: ops.ppoly_encode_(x, *cubic), "got degree 3"),
        "cubic of 71 pieces": (lambda: ops.ppoly_encode(x, *long), "got degree 3"),
        "ten slopes": (lambda: ops.ppoly_encode(x, *many), "1 to 8 slopes; got 10"),
        "integers": (lambda: ops.ppoly_encode(x.long(), *hat), "x must be float16"),
        "integers, in place": (lambda: ops.ppoly_(x.long(), *hat), "x must be float16"),
        "no knots": (lambda: ops.ppoly_encode_(x, [], [1.0]), "at least one knot"),
        "overlap, ppoly_": (lambda: ops.ppoly_(wide, *hat), "do not share memory"),
        "overlap, encode_": (lambda: ops.ppoly_encode_(wide, *hat), "do not share memory"),
        "short code": (lambda: ops.ppoly_decode(x, code[1:], slopes), "vector of 4 bytes"),
        "code of int8": (lambda: ops.ppoly_decode(x, code.char(), slopes), "dense uint8"),
        "strided code": (
            lambda: ops.ppoly_decode(x, code.repeat_interleave(2)[::2], slopes),
            "dense uint8",
        ),
        "nine slopes": (lambda: ops.ppoly_decode(x, code, [1.0] * 9), "1 to 8 slopes; got 9"),
        "NaN first": (lambda: ops.ppoly_decode(x, code, [float("nan"), 1, 2]), "must be finite"),
        "1e60": (lambda: ops.ppoly_decode(x, code, [1.0, 2.0, 1e60]), "must be finite"),
    }
    failures = [name for name, (call, message) in calls.items() if not refused(call, message)]
    if not (x == 0.5).all() or not (wide == 0.5).all():
        failures.append("an x was written to")
    return failures


def check_long_specs() -> list[str]:
    """More pieces than the kernels take: the reference serves them."""
    knots = range(70)
    numbers = hatact.PiecewisePolynomial.from_truncated_powers(
        knots, [(-1) ** k * min(k + 1, 2) for k in knots], 1
    ).numbers
    x = torch.linspace(-3, 80, 300).view(20, 15).t()
    y, code = ops.ppoly_encode(x, *numbers)
    want, want_code = reference.ppoly_encode(x, *numbers)
    failures = [] if same(y, torch.empty_like(x).copy_(want)) else ["values"]
    z, z2 = x.clone(), x.clone()
    ops.ppoly_(z, *numbers)
    codes = code, ops.ppoly_encode_(z2, *numbers)
    if not all(torch.equal(c, want_code) for c in codes):
        failures.append("codes")
    return failures + ([] if torch.equal(z, want) and torch.equal(z2, want) else ["in place"])


CHECKS = {
    "sizes": check_sizes,
    "layouts": check_layouts,
    "layouts in place": check_in_place_layouts,
    "random bytes": check_random_bytes,
    "errors": check_errors,
    "long specs": check_long_specs,
}


def main() -> None:
    specs = {n: spec for n, spec in registry().items() if spec.slopes is not None}
    results = {name: check_spec(spec) for name, spec in specs.items()}
    results |= {name: check() for name, check in CHECKS.items()}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
