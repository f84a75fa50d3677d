"""Triangle cascades: one op against the composition in plain torch, eager and compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import torch
from torch import Tensor

import hatact
from bench import memory
from bench.correctness import WrongResult, forced
from bench.runner import failed, timed
from bench.timing import pair
from hatact import ops
from hatact.functional._cascade import of_known_numbers
from hatact.reference_cascade import triangle_cascade as composed

Cascade = Callable[[Tensor, Tensor, Tensor], Tensor]
DEPTH = 8
SHAPES = ((2**20, 1), (2**14, 64))  # rows, channels
MODES = ("forward", "forward+backward")
_CHECKED = ("y", "gx", "gpeaks", "gscales")
_COMPILED_SLACK = 16.0  # it sums its gradients element by element


@dataclass(frozen=True)
class Inputs:
    """x ~ U(0, 1), g ~ N(0, 1), peaks from U(0.2, 0.8) and the scales of Theorem 3.1 for them."""

    rows: int
    channels: int
    device: str

    def tensors(self, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(0)
        x = torch.rand(self.rows, self.channels, generator=generator)
        g = torch.randn(self.rows, self.channels, generator=generator)
        peaks = 0.2 + 0.6 * torch.rand(self.channels, DEPTH + 1, generator=generator)
        scales = ((1 - peaks[:, :-1]) * peaks[:, 1:]).cumprod(1)
        return tuple(t.to(self.device, dtype) for t in (x, peaks[:, :-1].clone(), scales, g))


@dataclass(frozen=True)
class Who:
    """A way to compute the cascade; the first, the composition, is what the others err against."""

    name: str
    function: Cascade
    backend: str | None = None
    slack: float = 2.0  # times the composition's own error


def providers(device: str) -> Iterator[Who]:
    """The composition, eager and compiled, and hatact on every backend that has a kernel.

    The reference is the composition.
    """
    yield Who("composition, eager", composed)
    compiled = torch.compile(composed, fullgraph=True, dynamic=False)
    yield Who("composition, torch.compile", compiled, slack=_COMPILED_SLACK)
    for name, backend in hatact.available_backends().items():
        lacks = name == "extension" and "triangle_cascade" in ops._LACKS.get(device, ())
        if device in backend.devices and name != "reference" and not lacks:
            yield Who(f"hatact {name}", of_known_numbers, name)


def call_of(who: Who, tensors: tuple[Tensor, ...], mode: str, copies: int = 1) -> Callable[[], Any]:
    """One call of a mode: y, in training the gradients of x, peaks and scales too.

    What it reads rotates over `copies`.
    """
    training = mode != "forward"
    x, peaks, scales = (t.detach().requires_grad_(training) for t in tensors[:3])
    xs = [x, *(x.detach().clone().requires_grad_(training) for _ in range(copies - 1))]
    gs = [tensors[3], *(tensors[3].clone() for _ in range(copies - 1))]
    turns = cycle(zip(xs, gs, strict=True))
    if not training:
        return lambda: who.function(next(turns)[0], peaks, scales)

    def both() -> Any:
        x, g = next(turns)
        y = who.function(x, peaks, scales)
        return y, *torch.autograd.grad(y, (x, peaks, scales), g)

    return both


def check(who: Who, of: Inputs) -> float:
    """The largest error, relative to the largest value, of y and the three gradients.

    Raises:
        WrongResult: if one is more than `slack` times the composition's own in float32.
    """

    def errors(provider: Who) -> list[float]:
        forward, both = (call_of(provider, of.tensors(), mode)() for mode in MODES)
        found = []
        for what, t, w in zip(_CHECKED, (forward, *both[1:]), want, strict=True):
            relative = ((t.double() - w).abs() / w.abs().max()).flatten()
            if what == "gx":  # of an element that rounds across a kink either slope is right
                relative = relative.sort().values[: len(relative) - len(relative) // 50]
            found.append(float(relative.max()))
        return found

    exact = call_of(Who("", composed), of.tensors(torch.float64), MODES[1])()
    want = [t.detach() for t in exact]
    with forced(who.backend):
        found = errors(who)
    floor = 4 * torch.finfo(torch.float32).eps
    allowed = errors(Who("", composed))
    for what, error, plain in zip(_CHECKED, found, allowed, strict=True):
        if not error <= who.slack * max(plain, floor):
            raise WrongResult(f"{who.name}: {what} is off by {error:.3g}; not timed")
    return max(found)


def kept(who: Who, of: Inputs) -> float:
    """Bytes an element that a forward keeps for its backward."""
    x, peaks, scales, _ = of.tensors()
    peaks.requires_grad_()
    scales.requires_grad_()
    found = memory.kept(lambda x: who.function(x, peaks, scales), x.requires_grad_())
    return found.all / x.numel()


def rows(
    device: str,
    *,
    rounds: int,
    sizes: tuple[int, ...] | None = None,
    wanted: Callable[[Who], bool] = lambda who: True,
) -> Iterator[dict[str, Any]]:
    """One row a provider, shape and mode, paired with hatact's default; float32."""
    fused = Who("hatact", of_known_numbers)
    for shape in SHAPES if sizes is None else tuple((n, 1) for n in sizes):
        of = Inputs(*shape, device)
        copies = memory.copies(2 * shape[0] * shape[1] * torch.float32.itemsize, device)
        for who in filter(wanted, providers(device)):
            head = {"cascade": who.name, "depth": DEPTH, "rows": shape[0], "channels": shape[1]}
            try:
                with forced(who.backend):
                    error, nbytes = check(who, of), kept(who, of)
                for mode in MODES:
                    with forced(who.backend):
                        calls = (call_of(w, of.tensors(), mode, copies) for w in (who, fused))
                        found = pair(*calls, device, rounds, copies)
                    yield {
                        **{**head, "mode": mode, **timed(found)},
                        **{"kept_bytes": nbytes, "max_error": error},
                    }
            except Exception as error:  # one provider's failure is a row, not the end of the run
                yield {**head, **failed(error)}
        torch.compiler.reset()
