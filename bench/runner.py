"""Runs cases: correctness first, then memory and time; a wrong provider is never timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import cycle
from typing import Any

import torch

from bench import memory
from bench.cases import Case
from bench.correctness import check, forced
from bench.peers import peers
from bench.providers import RELU, Provider, providers
from bench.timing import Timing, finish, pair, time_ms, wall_pair

MODES = {
    "cpu": ("forward", "forward+backward"),
    "cuda": ("forward", "backward", "forward+backward"),
}
ONE_BY_ONE = ", one by one"  # as a loop launches them; without it, in a CUDA graph
SECONDS = 2.0  # a forward and backward that takes longer is not timed
_PROBE = 2**20
_MOST_PROFILED = 2**22  # beyond it the bytes an element are the same
_MOST_LAUNCHED = 2**16  # up to it a launch takes as long as a kernel, or longer
COPY = Provider("copy_", torch.clone)


def copies_of(case: Case) -> int:
    """How many copies of its input a call rotates over where it is timed."""
    return memory.copies(2 * case.size * case.dtype.itemsize, case.device)


def call_of(case: Case, provider: Provider, mode: str, copies: int = 1) -> Callable[[], object]:
    """One call of a mode; what it reads rotates over `copies`, so that none is in the cache."""
    first = case.input(requires_grad=False)
    xs = [first, *(first.clone() for _ in range(copies - 1))]
    if mode == "forward":
        turns = cycle(xs)
        return lambda: provider(next(turns))
    pairs = cycle([(x.requires_grad_(), torch.ones_like(x)) for x in xs])
    if mode == "forward+backward":

        def both() -> object:
            x, gy = next(pairs)
            y = provider(x)
            return y, *torch.autograd.grad(y, x, gy)

        return both
    kept: dict[int, torch.Tensor] = {}

    def backward() -> object:
        x, gy = next(pairs)
        # At its first turn, not here: a backward runs on the stream of its forward.
        if id(x) not in kept:
            kept[id(x)] = provider(x)
        return torch.autograd.grad(kept[id(x)], x, gy, retain_graph=True)

    return backward


def too_much(case: Case, provider: Provider) -> str | None:
    """Why a case is not run with a provider: by what one call takes on 2²⁰ elements."""
    if provider.compiled or provider is RELU or case.size <= _PROBE:
        return None
    call = call_of(case.of_size(_PROBE), provider, "forward+backward")
    times = case.size / _PROBE
    nbytes = times * memory.peak(call, case.device)
    if nbytes > memory.free(case.device) / 2:
        return f"it would need about {nbytes / 1e9:.0f} GB"
    seconds = times * min(seconds_of(call, case.device) for _ in range(3))  # one may be disturbed
    return f"a call would take about {seconds:.0f} s" if seconds > SECONDS else None


def seconds_of(call: Callable[[], object], device: str) -> float:
    """Of one call."""
    finish(device)
    start = time.perf_counter()
    call()
    finish(device)
    return time.perf_counter() - start


def used(case: Case, provider: Provider) -> dict[str, float | None]:
    """Bytes an element: kept for the backward, of these beside x and y, and the peak of both."""
    found = memory.kept(provider, case.input(requires_grad=True))
    highest = None
    if case.size <= _MOST_PROFILED or case.device == "cuda":
        highest = memory.peak(call_of(case, provider, "forward+backward"), case.device)
    return {
        "kept_bytes": found.all / case.size,
        "extra_bytes": found.extra / case.size,
        "peak_bytes": None if highest is None else highest / case.size,
    }


def rows(
    case: Case, *, rounds: int, who: Iterable[Provider] | None = None
) -> Iterator[dict[str, Any]]:
    """One row a provider and mode, each paired with `F.relu` on the same input; of all providers,
    or of `who`, the next of which is asked for when the one before is done.

    A provider that is wrong or fails has a row that says so, marked failed, and no times. On CUDA
    each row has the rate of a copy of equal size, measured right before.
    """
    head: dict[str, Any] = {
        "activation": case.activation,
        "dtype": str(case.dtype).removeprefix("torch."),
        "size": case.size,
    }
    if case.shape is not None:
        scale = str(case.scale) if isinstance(case.scale, Fraction) else case.scale
        head |= {"shape": list(case.shape), "scale": scale}
    if case.device == "cuda":
        try:
            head["copy_gb_per_s"] = copy_gb_per_s(case, rounds)
        except Exception as error:  # the providers have their times all the same
            yield {**head, "provider": COPY.name, **failed(error)}
    for provider in (*providers(case), *peers(case), RELU) if who is None else who:
        of = {**head, "provider": provider.name}
        try:
            with forced(provider.backend):
                for row in _rows_of(case, provider, rounds):
                    yield {**of, **row}
        except Exception as error:  # one provider's failure is a row, not the end of the run
            yield {**of, **failed(error)}


def copy_gb_per_s(case: Case, rounds: int) -> float:
    """GB/s of a copy of the case's input, timed as a provider is: what is read and written."""
    copies = copies_of(case)
    ms = time_ms(call_of(case, COPY, "forward", copies), case.device, rounds, copies)
    return float(f"{2 * case.size * case.dtype.itemsize / ms / 1e6:.4g}")


def _rows_of(case: Case, provider: Provider, rounds: int) -> Iterator[dict[str, Any]]:
    why = too_much(case, provider)
    if why is not None:
        yield {"skipped": why}
        return
    error = None if provider is RELU else check(case, provider)
    bytes_of = used(case, provider)
    for mode, timing in _timings(case, provider, rounds):
        moved = memory.traffic(
            mode.removesuffix(ONE_BY_ONE),
            case.dtype.itemsize,
            bytes_of["kept_bytes"] or 0,
            bytes_of["extra_bytes"] or 0,
        )
        yield {
            "mode": mode,
            **timed(timing),
            "gb_per_s": float(f"{moved * case.size / timing.ms / 1e6:.4g}"),
            **bytes_of,
            "max_error": error,
        }


def failed(error: Exception) -> dict[str, Any]:
    """What a row says of a provider that is wrong or does not run."""
    return {"skipped": f"{type(error).__name__}: {error}".splitlines()[0], "failed": True}


def timed(timing: Timing) -> dict[str, float]:
    """A timing's figures, to four digits."""
    return {k: float(f"{v:.4g}") for k, v in vars(timing).items()}


def _timings(case: Case, provider: Provider, rounds: int) -> Iterator[tuple[str, Timing]]:
    # What overwrites its input is paired with a baseline that gets its own in the same way.
    baseline = replace(RELU, in_place=provider.in_place)
    copies = copies_of(case)
    for mode in MODES[case.device]:
        if mode == "backward" and provider.compiled:
            continue  # it reuses what was kept as scratch, so that it runs once only
        call, base = (call_of(case, p, mode, copies) for p in (provider, baseline))
        yield mode, pair(call, base, case.device, rounds, copies)
        if case.device == "cuda" and case.size <= _MOST_LAUNCHED and mode != "backward":
            yield mode + ONE_BY_ONE, wall_pair(call, base, case.device, rounds)
