"""Checks of single ops: of elementwise ones here, at odd sizes and addresses, at knots, ±inf, NaN.

A large x repeats a tile, and so must what is made of it: the first tile then says it all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor

from bench.gpu import smoke_sums
from bench.gpu.checks import SPECS, Check
from bench.gpu.setting import Setting
from hatact import PiecewisePolynomial, _code, ops, reference

raw = torch.ops.hatact
DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_SIZES = (1, 33, 1023, 2**20 + 5)
_REPEATS = 3
_TILE = 2**12  # elements, of which a larger x is made
_CODES = ("code", "code in place")


def checks(setting: Setting) -> Iterator[Check]:
    """Every op on each backend that has it, in each dtype."""
    backends = ("triton",) if not setting.judged else ("extension", "triton")
    for backend in backends:
        dtypes = _dtypes(backend, setting)
        for (name, spec), dtype in product(SPECS.items(), dtypes):
            of = f"{backend} {name} {_name(dtype)}"
            for size in _SIZES[:2] if setting.tiny else _SIZES:
                yield _pointwise(f"{of}, {size} elements", backend, spec, dtype, size, 0, setting)
            if name == "hat":
                yield _pointwise(f"{of}, an odd address", backend, spec, dtype, 1023, 1, setting)
        lacks = ops._LACKS.get(setting.device, ()) if backend == "extension" else ()
        shapes = () if "triangle_cascade" in lacks else ((300, 1), (257, 33))
        for dtype, shape in product(dtypes, shapes):
            name = f"{backend} cascade {_name(dtype)} {shape}"
            yield smoke_sums.cascade(name, backend, dtype, shape, setting)
    if "triton" in backends:
        for dtype, shape in product(_dtypes("triton", setting), ((257, 64, 40), (130, 24, 17))):
            yield smoke_sums.linear(
                f"triton linear_act {_name(dtype)} {shape}", dtype, shape, setting
            )


def _dtypes(backend: str, setting: Setting) -> tuple[torch.dtype, ...]:
    """Triton's interpreter truncates to bfloat16, where a GPU rounds."""
    interpreted = backend == "triton" and setting.tiny
    return tuple(d for d in DTYPES if not (interpreted and d == torch.bfloat16))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _points(spec: PiecewisePolynomial, dtype: torch.dtype, size: int) -> Tensor:
    """Knots, their neighbours, ±inf, NaN, −0, and random numbers that meet every piece."""
    knots = torch.tensor(spec.numbers[0], dtype=torch.float64).to(dtype)
    infinity = torch.full_like(knots, torch.inf)
    up, down = (torch.nextafter(knots, towards) for towards in (infinity, -infinity))
    others = torch.tensor([torch.inf, -torch.inf, torch.nan, -0.0, 0.0, 1e3, -1e3]).to(dtype)
    if spec.period is not None:
        others = others[2:5]  # where the reduction itself rounds, f is not known
        up, down = up[:0], down[:0]
    generator = torch.Generator().manual_seed(size)
    width = float(max(abs(t) for t in spec.numbers[0]))
    drawn = 1.5 * width * torch.randn(size, generator=generator, dtype=torch.float64)
    return torch.cat([knots, up, down, others, drawn.to(dtype)])[:size]


def _tiled(t: Tensor, size: int) -> Tensor:
    return t.repeat(-(-size // len(t)))[:size]


def _pointwise(
    name: str,
    backend: str,
    spec: PiecewisePolynomial,
    dtype: torch.dtype,
    size: int,
    offset: int,
    setting: Setting,
) -> Check:
    """f, g·f, g·f′; for degree ≤ 1 with the code, from it, and in place: bit-equal to these."""
    tile = min(size, _TILE)
    x = _points(spec, dtype, tile)
    g = torch.randn(tile, generator=torch.Generator().manual_seed(1)).to(dtype)
    f, slopes = spec.numbers, spec.derivative().numbers
    coded = spec.degree <= 1

    def placed(t: Tensor) -> Tensor:
        room = torch.zeros(size + offset, dtype=dtype, device=setting.device)[offset:]
        return room.copy_(_tiled(t.to(setting.device), size))

    def once() -> dict[str, Tensor]:
        at, with_g = placed(x), placed(g)
        found = {"f": raw.ppoly(at, None, *f), "g·f": raw.ppoly(at, with_g, *f)}
        found["g·f′"] = raw.ppoly(at, with_g, *slopes)
        written = at.clone()
        raw.ppoly_(written, *f)
        found["f in place"] = written
        if coded:
            y, code = raw.ppoly_encode(at, *f)
            also = placed(x)
            found |= {"y of encode": y, "code": code, "code in place": raw.ppoly_encode_(also, *f)}
            found |= {"y in place": also, "decode": raw.ppoly_decode(with_g, code, spec.slopes)}
        return found

    def call() -> list[dict[str, Tensor]]:
        return [once() for _ in range(_REPEATS if setting.judged else 1)]

    def judge(runs: list[dict[str, Tensor]]) -> list[str]:
        first, *again = runs
        wrong = [
            f"{k} differs between runs"
            for other in again
            for k, t in first.items()
            if not _same(other[k], t)
        ]
        found = {}
        for k, t in first.items():
            bits = _code.bits_of(len(spec.slopes)) if k in _CODES else _code.GROUP
            of_tile = _code.code_bytes(tile, bits)
            # The last group of a code, if it is not whole, is unlike the others.
            end = len(t) - (bits if k in _CODES and size % _code.GROUP else 0)
            if size > tile and not _same(t[of_tile:end], t[: end - of_tile]):
                wrong.append(f"{k} is not as the tile that x repeats")
            found[k] = t[:of_tile].cpu()
        for what, with_g, numbers in (("f", None, f), ("g·f", g, f), ("g·f′", g, slopes)):
            wrong += _off(what, found[what], x, with_g, numbers)
        pairs = {"f in place": "f", "y of encode": "f", "y in place": "f", "code in place": "code"}
        for a, b in pairs.items():
            if a in found and not _same(found[a], found[b]):
                wrong.append(f"{a} is not {b}, bit for bit")
        number = ~x.isnan()
        if coded and not _same(found["decode"][number], found["g·f′"][number]):
            wrong.append("decode is not g·f′, bit for bit")
        if coded and spec.period is None:
            _, code = reference.ppoly_encode(x, *f)
            if not torch.equal(code, found["code"]):
                wrong.append("the code is not the CPU's")
        return wrong

    return Check(name, backend, call, judge)


def _same(a: Tensor, b: Tensor) -> bool:
    """As numbers, or both NaN."""
    if a.shape != b.shape:
        return False
    return bool(((a == b) | ((a != a) & (b != b))).all())


def _off(what: str, got: Tensor, x: Tensor, g: Tensor | None, numbers: Any) -> list[str]:
    """Where it errs by more than twice what plain torch does in the dtype, or one rounding."""
    want = reference.ppoly(x.double(), None if g is None else g.double(), *numbers)
    plain = reference.ppoly(x, g, *numbers).double()
    finite = want.isfinite() & plain.isfinite()
    eps = torch.finfo(x.dtype).eps
    largest = want[finite].abs().max() if finite.any() else torch.tensor(0.0)
    limit = 2 * max((plain - want)[finite].abs().max() if finite.any() else 0.0, eps * largest)
    wrong = finite & ~((got.double() - want).abs() <= limit)
    # What overflows in the dtype, and NaN: as plain torch has it.
    other = ~finite & ~((got.double() == plain) | (got.isnan() & plain.isnan()))
    if not (wrong | other).any():
        return []
    i = int((wrong | other).nonzero()[0])
    count = int((wrong | other).sum())
    return [
        f"{what} is wrong at {count} of {x.numel()}, first f({float(x[i])}) = {float(got[i])}, "
        f"by definition {float(want[i])}"
    ]
