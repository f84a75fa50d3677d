"""Random specs on every path an activation has, judged by exact fractions (exact.py).

A longer setting: `pytest tests/ops/test_every_path.py --specs 5000 --points 60 --seed 1`, on
another instruction set of the CPU by HATACT_CPU_CAPABILITY; `make random` runs it on each. How
much was drawn is printed at the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import hatact
from hatact import functional as F
from hatact import reference
from tests.support.judged import Judged, sample
from tests.support.places import DTYPES, Place

ops = torch.ops.hatact


def _value(c: Judged, place: Place):
    x = c.x.to(place.device)
    y = ops.ppoly(x, None, *c.spec.numbers)
    yield "ppoly", c.wrong_values(y)
    yield "piecewise", _differ(F.piecewise(x, c.spec), y)
    yield "ppoly with g", c.wrong_values(ops.ppoly(x, c.g.to(x.device), *c.spec.numbers), c.g)
    gap = torch.stack([x, x], 1)[:, 0]
    yield "ppoly, strided", _differ(ops.ppoly(gap, None, *c.spec.numbers), y)


def _saves_x(c: Judged, place: Place):
    x, g = c.x.to(place.device), c.g.to(place.device)
    y, pull = torch.func.vjp(lambda x: F.piecewise(x, c.spec), x)
    yield "vjp", c.wrong_slopes(pull(g)[0], c.g)
    yield "vjp, value", c.wrong_values(y)
    tangent = torch.func.jvp(lambda x: F.piecewise(x, c.spec), (x,), (g,))[1]
    yield "jvp", c.wrong_slopes(tangent, c.g)
    leaf = x.clone().requires_grad_()
    ops.ppoly(leaf, None, *c.spec.numbers).backward(g)
    yield "ppoly.backward", c.wrong_slopes(leaf.grad, c.g)


def _code(c: Judged, place: Place):
    leaf = c.x.to(place.device, copy=True).requires_grad_()
    y = F.piecewise(leaf, c.spec)
    y.backward(c.g.to(place.device))
    yield "value", c.wrong_values(y)
    yield "gradient", _wrong_gradient(c, leaf.grad)


def _wrong_gradient(c: Judged, gx: Tensor) -> Tensor:
    """Of a backward that has a code where there is one."""
    return c.wrong_slopes(gx, c.g) if c.slopes is None else _none_of(gx, c.coded, c.code)


def _none_of(y: Tensor, options: Tensor, code: Tensor) -> Tensor:
    y = y.detach().cpu()[:, None]
    return ~((y == options) | (y.isnan() & options.isnan()) | (code < 0)).any(1)


def _in_place(c: Judged, place: Place):
    x, g = c.x.to(place.device), c.g.to(place.device)
    y = F.piecewise(x, c.spec)
    yield "no gradient", _differ(F.piecewise(x.clone(), c.spec, inplace=True), y)
    if c.slopes is None:
        return
    leaf = x.clone().requires_grad_()
    own = leaf.clone()
    written = F.piecewise(own, c.spec, inplace=True)
    assert written is own
    written.backward(g)
    yield "value", _differ(written, y)
    yield "gradient", _wrong_gradient(c, leaf.grad)


def _linear(c: Judged, place: Place):
    layer = hatact.nn.LinearAct(1, 1, c.spec, bias=False, device=place.device, dtype=c.x.dtype)
    torch.nn.init.ones_(layer.weight)
    x = c.x.to(place.device, copy=True).view(-1, 1).detach().requires_grad_()
    # What torch's linear makes of x is what f is to be applied to: it may flush what is tiny.
    z = torch.nn.functional.linear(x, layer.weight).detach().flatten()
    kept = (z == x.detach().flatten()) | z.isnan()
    y = layer(x)
    y.backward(c.g.to(place.device).view(-1, 1))
    yield "value", c.wrong_values(y.flatten(), only=kept.cpu())
    with torch.no_grad():
        yield "no gradient", c.wrong_values(layer(x).flatten(), only=kept.cpu())
    if bool(kept.all()):
        yield "gradient", _wrong_gradient(c, x.grad.flatten()) & c.x.isfinite()


def _network(c: Judged, place: Place):
    """f between layers that change nothing; of eight inputs z is kept, of one it is made again."""
    n, dtype = len(c.x), c.x.dtype
    finite = c.x.isfinite() & (c.f.abs() < torch.finfo(dtype).max / 4).all(1)
    finite &= (c.d.abs() < torch.finfo(dtype).max / 4).all(1)
    finite &= (c.f_bound.isfinite() & c.d_bound.isfinite()).all(1)  # else inf·0 may come of it
    at = torch.where(finite, c.x, torch.zeros((), dtype=dtype))
    for inputs in (1, 8):
        net = hatact.nn.MLP(inputs, 16, 1, 2, c.spec, bias=False, device=place.device, dtype=dtype)
        first, last = net.layers
        with torch.no_grad():
            first.weight.copy_(torch.eye(16, inputs)[:1].expand(16, inputs))
            last.weight.copy_(torch.eye(1, 16))
        x = torch.nn.functional.pad(at[:, None], (0, inputs - 1)).to(place.device).requires_grad_()
        y = net(x)
        y.sum().backward()
        ok = finite.clone()
        if place.backend == "reference":  # torch's product of half types may flush what is tiny
            for t in (at[:, None], c.f, c.d):
                ok &= ((t == 0) | (t.abs() >= torch.finfo(dtype).smallest_normal)).all(1)
        yield f"value, {inputs} inputs", c.wrong_values(y.detach().cpu().view(n), only=ok)
        yield f"gradient, {inputs} inputs", c.wrong_slopes(x.grad[:, 0].cpu(), only=ok)


def _raw(c: Judged, place: Place):
    x, g = c.x.to(place.device), c.g.to(place.device)
    y = ops.ppoly(x, None, *c.spec.numbers)
    own = x.clone()
    ops.ppoly_(own, *c.spec.numbers)
    yield "ppoly_", _differ(own, y)
    if c.slopes is None:
        return
    encoded, code = ops.ppoly_encode(x, *c.spec.numbers)
    yield "encode, value", _differ(encoded, y)
    n, bits = len(x), 1 if len(c.slopes) <= 2 else 2 if len(c.slopes) <= 4 else 3
    planes = code.cpu().view(-1, bits, 1).int() >> torch.arange(8) & 1
    index = (planes << torch.arange(bits).view(1, bits, 1)).sum(1).flatten()
    assert not index[n:].any(), "bits that belong to no element"
    yield "encode, code", ~((index[:n, None] == c.code) | (c.code < 0)).any(1)
    own = x.clone()
    assert torch.equal(ops.ppoly_encode_(own, *c.spec.numbers), code)
    yield "encode_, value", _differ(own, y)
    gx = ops.ppoly_decode(g, code, c.slopes)
    yield "decode", _none_of(gx, c.coded, c.code)
    leaf = x.clone().requires_grad_()
    ops.ppoly_encode(leaf, *c.spec.numbers)[0].backward(g)
    yield "encode.backward", _wrong_gradient(c, leaf.grad)


def _differ(a: Tensor, b: Tensor) -> Tensor:
    """Where two results of one computation are not the same number."""
    a, b = a.detach().cpu(), b.detach().cpu()
    return ~((a == b) | (a.isnan() & b.isnan()))


Path = Callable[[Judged, Place], object]
PATHS: dict[str, Path] = {
    "value": _value,
    "saves x": _saves_x,
    "code": _code,
    "in place": _in_place,
    "LinearAct": _linear,
    "MLP": _network,
    "raw ops": _raw,
}
every_dtype = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)


def _drawn(config: pytest.Config, dtype: torch.dtype, most: int | None = None) -> list[Judged]:
    specs, points, seed = (config.getoption(f"--{name}") for name in ("specs", "points", "seed"))
    return sample(dtype, seed, min(specs, most or specs), points)


def _judge(found: list[tuple[Judged, str, Tensor]]) -> None:
    lines = []
    for c, what, bad in found:
        if bool(bad.any()):
            i = int(bad.nonzero()[0])
            lines.append(
                f"{what}: {int(bad.sum())} wrong in spec {c.label}, at x={float(c.x[i])!r}"
            )
            lines.append(f"    {c.spec!r}")
            lines.append(f"    f {c.f[i].tolist()} ± {c.f_bound[i].tolist()}, f′ {c.d[i].tolist()}")
    assert not lines, f"{len(lines) // 3} of {len(found)}:\n" + "\n".join(lines[:30])


@every_dtype
@pytest.mark.parametrize("path", PATHS)
def test_path(place, dtype, path, pytestconfig):
    compiles = (place.backend, place.device) == ("triton", "cuda")  # a second each
    drawn = _drawn(pytestconfig, dtype, 8 if compiles else None)
    _judge([(c, what, bad) for c in drawn for what, bad in PATHS[path](c, place)])


def pairs(
    drawn: list[Judged], compiled, gradients: int | None = None
) -> list[tuple[Judged, str, Tensor]]:
    """Values, and gradients of the first, where `compiled` gives all values at once."""
    leaves = [c.x.clone() for c in drawn]
    for leaf in leaves[:gradients]:
        leaf.requires_grad_()
    ys = compiled(*leaves)
    torch.autograd.backward(ys[:gradients], [c.g for c in drawn[:gradients]])
    found = []
    for c, leaf, y in zip(drawn, leaves, ys, strict=True):
        found.append((c, "value", c.wrong_values(y)))
        if leaf.requires_grad:
            found.append((c, "gradient", c.wrong_traced(leaf.grad, c.g)))
    return found


@every_dtype
def test_traced(dtype, pytestconfig):
    """What torch.compile traces, called as it stands."""
    drawn, of = _drawn(pytestconfig, dtype), reference.ppoly
    numbers = [c.spec.numbers for c in drawn]
    _judge(pairs(drawn, lambda *xs: [of(x, None, *numbers[i]) for i, x in enumerate(xs)]))


@pytest.mark.skipif(
    not any(map(shutil.which, ("g++", "clang++", "c++"))), reason="Inductor needs a C++ compiler"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled(pytestconfig):
    """20 short specs by Inductor in one graph, ten with gradients: one by one takes minutes."""
    drawn = [c for c in _drawn(pytestconfig, torch.float32) if len(c.spec.knots) < 5][:20]
    specs = [c.spec for c in drawn]

    @torch.compile(fullgraph=True)
    def compiled(*xs):
        return [F.piecewise(x, specs[i]) for i, x in enumerate(xs)]

    assert len(specs) == 20 or pytestconfig.getoption("--specs") < 60
    _judge(pairs(drawn, compiled, gradients=10))
