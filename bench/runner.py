"""Runs cases: correctness first, then memory and time; a wrong provider is never timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle
from typing import Any

import torch

from bench import memory
from bench.cases import Case
from bench.correctness import check, forced
from bench.peers import peers
from bench.providers import RELU, Provider, providers
from bench.timing import Timing, pair

MODES = {
    "cpu": ("forward", "forward+backward"),
    "cuda": ("forward", "backward", "forward+backward"),
}
SECONDS = 2.0  # a forward and backward that takes longer is not timed
_PROBE = 2**20
_MOST_PROFILED = 2**22  # beyond it the bytes an element are the same


def call_of(case: Case, provider: Provider, mode: str) -> Callable[[], object]:
    """One call of a mode. On CUDA the inputs rotate, so that none is in the cache already."""
    copies = 1 if case.device == "cpu" else 2 if case.size > 2**24 else 4
    xs = cycle([case.input(requires_grad=mode != "forward") for _ in range(copies)])
    if mode == "forward":
        return lambda: provider(next(xs))
    gy = torch.ones_like(provider(next(xs)))
    if mode == "forward+backward":

        def both() -> object:
            x = next(xs)
            return torch.autograd.grad(provider(x), x, gy)

        return both
    x = next(xs)
    y = provider(x)
    return lambda: torch.autograd.grad(y, x, gy, retain_graph=True)


def too_much(case: Case, provider: Provider) -> str | None:
    """Why a case is not run with a provider: by what one call takes on 2²⁰ elements."""
    if provider.compiled or provider is RELU or case.size <= _PROBE:
        return None
    call = call_of(replace(case, size=_PROBE), provider, "forward+backward")
    times = case.size / _PROBE
    nbytes = times * memory.peak(call, case.device)
    if nbytes > memory.free(case.device) / 2:
        return f"it would need about {nbytes / 1e9:.0f} GB"
    seconds = times * min(seconds_of(call) for _ in range(3))  # one may be disturbed
    return f"a call would take about {seconds:.0f} s" if seconds > SECONDS else None


def seconds_of(call: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    call()
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


def rows(case: Case, *, rounds: int) -> Iterator[dict[str, Any]]:
    """One row a provider and mode, each paired with `F.relu` on the same input.

    A provider that is wrong or fails has a row that says so, marked failed, and no times.
    """
    for provider in (*providers(case), *peers(case), RELU):
        head = {
            "activation": case.activation,
            "dtype": str(case.dtype).removeprefix("torch."),
            "size": case.size,
            "provider": provider.name,
        }
        try:
            with forced(provider.backend):
                for row in _rows_of(case, provider, rounds):
                    yield {**head, **row}
        except Exception as error:  # one provider's failure is a row, not the end of the run
            yield {**head, **failed(error)}


def _rows_of(case: Case, provider: Provider, rounds: int) -> Iterator[dict[str, Any]]:
    why = too_much(case, provider)
    if why is not None:
        yield {"skipped": why}
        return
    error = None if provider is RELU else check(case, provider)
    bytes_of = used(case, provider)
    for mode, timing in _timings(case, provider, rounds):
        moved = memory.traffic(
            mode,
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
    for mode in MODES[case.device]:
        if mode == "backward" and provider.compiled:
            continue  # it reuses what was kept as scratch, so that it runs once only
        pair_of = [call_of(case, p, mode) for p in (provider, baseline)]
        yield mode, pair(pair_of[0], pair_of[1], case.device, rounds)
