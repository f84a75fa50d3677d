"""Times that can be compared: pairs in turn on the CPU, do_bench medians on CUDA."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

Call = Callable[[], object]
_SAMPLE_SECONDS = 4e-3  # a CPU sample is repeated to last about this long


@dataclass(frozen=True)
class Timing:
    """Median milliseconds a call, and the ratio to the paired baseline: median and quartiles."""

    ms: float
    baseline_ms: float
    ratio: float
    ratio_low: float
    ratio_high: float


def pair(call: Call, baseline: Call, device: str, rounds: int) -> Timing:
    """`call` against `baseline`, measured in the same run."""
    if device == "cuda":
        return _cuda_pair(call, baseline, rounds)
    return _cpu_pair(call, baseline, rounds)


def _repeats(call: Call) -> int:
    call()
    start = time.perf_counter()
    call()
    return max(1, min(1000, int(_SAMPLE_SECONDS / max(time.perf_counter() - start, 1e-7))))


def _sample(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats * 1e3


def _cpu_pair(call: Call, baseline: Call, rounds: int) -> Timing:
    n, m = _repeats(call), _repeats(baseline)
    times, bases = [], []
    for i in range(rounds):  # who goes first alternates, so that neither always finds a warm cache
        if i % 2:
            bases.append(_sample(baseline, m))
            times.append(_sample(call, n))
        else:
            times.append(_sample(call, n))
            bases.append(_sample(baseline, m))
    return _summary(times, bases)


def _cuda_pair(call: Call, baseline: Call, rounds: int) -> Timing:
    from triton.testing import do_bench  # flushes the L2 cache between calls

    times, bases = [], []
    for _ in range(max(3, rounds // 5)):
        times.append(do_bench(call, warmup=10, rep=40, return_mode="median"))
        bases.append(do_bench(baseline, warmup=10, rep=40, return_mode="median"))
    torch.cuda.synchronize()
    return _summary(times, bases)


def _summary(times: list[float], bases: list[float]) -> Timing:
    ratios = [t / b for t, b in zip(times, bases, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Timing(statistics.median(times), statistics.median(bases), middle, low, high)


def copy_bandwidth(device: str) -> float | None:
    """GB/s of a 1 GiB device-to-device copy, read and written bytes counted; None on the CPU."""
    if device != "cuda":
        return None
    from triton.testing import do_bench

    source = torch.empty(2**28, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    ms = do_bench(lambda: target.copy_(source), return_mode="median")
    return 2 * source.numel() * source.element_size() / ms / 1e6
