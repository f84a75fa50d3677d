"""What every op and every function of a family inherits: tests/ops/test_every_op.py runs it.

A family states its ops in tests/ops/<family>/op_cases.py, a list `OPS` of OpCase and a list
`FUNCTIONS` of FunctionCase. Layouts, dtypes, sizes, corners, opcheck and transforms follow from
those; a test fails where an op of hatact has no case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

import hatact
from tests.support.layouts import POOL, same_bits

Kind = Literal["values", "kinked", "sums", "code"]
FAMILIES = Path(__file__).parent.parent / "ops"


@dataclass(frozen=True)
class OpCase:
    """An op of hatact with arguments.

    arguments: all of them, of the main tensor (any shape that `takes`, dtype and device).
    results: of each result, what it is held to. "values": float64 on the same numbers; "kinked":
        the reference in the same dtype, whose rounded points lie on the same side of each kink;
        "sums": as values, over many elements in any order; "code": the reference's bits.
    main: the position of the main tensor, whose layout and values vary.
    pointwise: an element of the first result depends on that element of the main tensor alone;
        else on its row, the last dimension.
    strides: of the first result: "like" torch.relu's of the main tensor, or "dense".
    writes: the main tensor is overwritten by what counts as the first result.
    least: dimensions that the main tensor has at least; `channels`: its last one is not empty.
    spread: mean and deviation of its numbers.
    largest: the largest number tried, where that is not the dtype's.
    fake: fake and meta tensors are taken; else its numbers are values, and autograd calls it.
    differentiable: the raw op has a derivative by the main tensor; else it refuses to be asked.
    """

    op: str
    arguments: Callable[[Tensor], Sequence[Any]]
    results: tuple[Kind, ...] = ("values",)
    what: str = ""
    main: int = 0
    pointwise: bool = True
    strides: Literal["like", "dense"] = "like"
    writes: bool = False
    least: int = 0
    channels: bool = False
    spread: tuple[float, float] = (0.5, 1.5)
    largest: float | None = None
    fake: bool = True
    differentiable: bool = True

    def __str__(self) -> str:
        return f"{self.op} {self.what}".strip()

    @cached_property
    def overload(self) -> Callable[..., Any]:
        return getattr(torch.ops.hatact, self.op).default

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether the main tensor may have this shape."""
        return len(shape) >= self.least and not (self.channels and shape[-1] == 0)

    def pool(self, dtype: torch.dtype, n: int = POOL) -> Tensor:
        """A vector of numbers for the main tensor to be a view of."""
        mean, deviation = self.spread
        return drawn((n,), torch.zeros((), dtype=dtype), 0, mean, deviation)

    def call(self, arguments: Sequence[Any]) -> list[Tensor]:
        """The results, lists of tensors flattened; of an op that writes, what it wrote first."""
        found = self.overload(*arguments)
        flat = [] if found is None else pytree.tree_leaves(found)
        return [arguments[self.main], *flat] if self.writes else flat

    def kind(self, i: int) -> Kind:
        """What the i-th of the flattened results is held to: the last kind holds for the rest."""
        return self.results[min(i, len(self.results) - 1)]

    def reference(self, arguments: Sequence[Any], dtype: torch.dtype | None = None) -> list[Tensor]:
        """The results of the reference, in another dtype where one is given."""

        def as_asked(t: Tensor) -> Tensor:
            wide = dtype if dtype and t.is_floating_point() else t.dtype
            return t.detach().to(wide, copy=self.writes)

        with hatact.use_backend("reference"):
            return self.call(mapped(as_asked, arguments))

    def check(self, arguments: Sequence[Any]) -> list[Tensor]:
        """The results on these arguments, after AssertionErrors for whatever is wrong."""
        main = arguments[self.main]
        shared = [a for a in pytree.tree_leaves(arguments) if isinstance(a, Tensor)]
        before = [a.clone() for a in shared]
        plain = self.reference(arguments)
        exact = self.reference(arguments, torch.float64)
        got = self.call(arguments)
        assert len(got) == len(plain)
        sums = not self.pointwise and hatact.ops.current_backend(main.device.type) == "triton"
        for i, (y, same, wide) in enumerate(zip(got, plain, exact, strict=True)):
            where = f"result {i} of {self}, {main.dtype}"
            assert (y.dtype, y.shape) == (same.dtype, same.shape), where
            if not (self.kind(i) == "code" and sums):  # its own sums may cross a knot
                assert_near(y, same, wide, self.kind(i), where)
        for a, b in zip(shared, before, strict=True):
            assert (a is main and self.writes) or same_bits_or_bytes(a, b), "an argument changed"
        if self.strides == "dense":
            assert got[0].is_contiguous()
        return got


def assert_near(y: Tensor, same: Tensor, wide: Tensor, kind: Kind, where: str) -> None:
    """The same NaNs and infinities as the reference's, and elsewhere an error of torch's own size.

    same, wide: the reference's result in the same dtype, and in float64. Allowed is twice the
    largest error of the former, or the rounding of the result and a few units of the arithmetic;
    where f is 0 the latter alone. Sums are held to it by their root mean square, and to three
    times: a single sum that cancels is a matter of luck.
    """
    if kind == "code" or not y.is_floating_point():
        assert torch.equal(y.cpu(), same.cpu()), where
        return
    want = (same if kind == "kinked" else wide).double().cpu()
    got, plain = y.double().cpu(), same.double().cpu()
    assert torch.equal(got.isnan(), plain.isnan()), f"{where}: NaN in other places"
    odd = ~plain.isfinite()
    assert torch.equal(got[odd].nan_to_num(), plain[odd].nan_to_num()), f"{where}: infinities"
    ok = ~odd & want.isfinite()
    got, plain, want = got[ok], plain[ok], want[ok]
    if not len(want):
        return
    arithmetic = torch.float64 if y.dtype == torch.float64 else torch.float32
    units, step = torch.finfo(arithmetic).eps, torch.finfo(y.dtype).eps
    error, of_plain = (got - want).abs(), (plain - want).abs()
    if kind == "sums":
        error, of_plain, size = (t.square().mean().sqrt() for t in (error, of_plain, want))
        allowed = torch.maximum(3 * of_plain, 64 * units * size.clamp(min=1.0) + 2 * step * size)
    else:
        allowed = 4 * units * want.abs().max().clamp(min=1.0) + step * want.abs()
        allowed = torch.where(want == 0, allowed, allowed.clamp(min=float(2 * of_plain.max())))
    off, torchs = float((error - allowed).max()), float(of_plain.max())
    assert off <= 0, f"{where}: off by {float(error.max()):.3g}, plain torch by {torchs:.3g}"


def same_bits_or_bytes(a: Tensor, b: Tensor) -> bool:
    """Whether two results, or two codes, are the same to the last bit."""
    return same_bits(a, b) if a.is_floating_point() else torch.equal(a, b)


def mapped(f: Callable[[Tensor], Tensor], arguments: Sequence[Any]) -> list[Any]:
    """The arguments with f of each tensor, in lists too."""
    return [pytree.tree_map_only(Tensor, f, a) for a in arguments]


def drawn(
    shape: Sequence[int], like: Tensor, seed: int, mean: float = 0.0, deviation: float = 1.0
) -> Tensor:
    """Normal numbers of a seed, the same on every device, in the dtype of `like`."""
    generator = torch.Generator().manual_seed(seed)
    t = mean + deviation * torch.randn(tuple(shape), generator=generator, dtype=torch.float64)
    return t.to(like.device, like.dtype)


def drawn_like(x: Tensor, seed: int) -> Tensor:
    """The same with the strides of x where those are dense."""
    return torch.empty_like(x).copy_(drawn(x.shape, x, seed))


@dataclass(frozen=True)
class FunctionCase:
    """A differentiable function of hatact, and the same in plain torch operations.

    of: the name in hatact.functional; op: the op that it rests on; what: which of several.
    tensors: float64 arguments on a device, their points clear of every kink. The first one's first
        dimension may be mapped over.
    """

    of: str
    op: str
    what: str
    function: Callable[..., Tensor]
    plain: Callable[..., Tensor]
    tensors: Callable[[str], tuple[Tensor, ...]]

    def __str__(self) -> str:
        return f"{self.of} {self.what}".strip()


def _found(name: str) -> list[Any]:
    families = sorted(FAMILIES.glob("*/op_cases.py"))
    modules = [import_module(f"tests.ops.{path.parent.name}.op_cases") for path in families]
    return [case for module in modules for case in getattr(module, name)]


def ops() -> list[OpCase]:
    """The ops of every family, with arguments."""
    return _found("OPS")


def functions() -> list[FunctionCase]:
    """The differentiable functions of every family."""
    return _found("FUNCTIONS")
