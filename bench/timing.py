"""Times that can be compared: pairs in turn on the CPU, do_bench medians on CUDA."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

Call = Callable[[], object]
LEAST_ROUNDS = 5
_SAMPLE_SECONDS = 4e-3  # a CPU sample is repeated to last about this long: the timer takes 1e-7
_ROW_SECONDS = 1.5  # rounds beyond the fifth end here
UNSTEADY = 1.5  # quartiles of the ratio that are further apart say that the machine was not quiet
_TRIES = 3


def keep_freed_memory() -> bool:
    """Tells the C allocator (glibc) to give no memory back to the system; whether it could.

    By default it trims its heap by thresholds that move: whether a call pays for page faults, up to
    the time of the kernels themselves, then depends on which sizes were freed before it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    m_trim_threshold, m_mmap_max = -1, -4  # malloc.h
    return mallopt is not None and bool(mallopt(m_mmap_max, 0) and mallopt(m_trim_threshold, -1))


@dataclass(frozen=True)
class Timing:
    """Median milliseconds a call, and the ratio to the paired baseline: median and quartiles."""

    ms: float
    baseline_ms: float
    ratio: float
    ratio_low: float
    ratio_high: float
    rounds: int

    @property
    def unsteady(self) -> bool:
        """Whether half of the pairs are spread over more than a factor of 1.5."""
        return self.ratio_high > UNSTEADY * self.ratio_low


def pair(call: Call, baseline: Call, device: str, rounds: int) -> Timing:
    """`call` against `baseline`, measured in the same run: at most `rounds` pairs, at least 5."""
    if device == "cuda":
        return _cuda_pair(call, baseline, rounds)
    return _cpu_pair(call, baseline, rounds)


def _seconds(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - start


def _repeats(call: Call) -> int:
    """Calls that last a sample, counted on calls that are warm."""
    call()
    repeats, seconds = 1, _seconds(call, 1)
    while seconds < _SAMPLE_SECONDS / 4:
        repeats *= 4
        seconds = _seconds(call, repeats)
    return max(1, round(repeats * _SAMPLE_SECONDS / seconds))


def _cpu_pair(call: Call, baseline: Call, rounds: int) -> Timing:
    """Measured again, at most twice, where the quartiles lie apart; the steadiest counts."""
    found = [_cpu_rounds(call, baseline, rounds)]
    while found[-1].unsteady and len(found) < _TRIES:
        found.append(_cpu_rounds(call, baseline, rounds))
    return min(found, key=lambda t: t.ratio_high / t.ratio_low)


def _cpu_rounds(call: Call, baseline: Call, rounds: int) -> Timing:
    n, m = _repeats(call), _repeats(baseline)
    times: list[float] = []
    bases: list[float] = []
    end = time.perf_counter() + _ROW_SECONDS
    while len(times) < rounds and (len(times) < LEAST_ROUNDS or time.perf_counter() < end):
        # Who goes first alternates, so that neither always finds a warm cache.
        if len(times) % 2:
            bases.append(_seconds(baseline, m) / m * 1e3)
            times.append(_seconds(call, n) / n * 1e3)
        else:
            times.append(_seconds(call, n) / n * 1e3)
            bases.append(_seconds(baseline, m) / m * 1e3)
    return _summary(times, bases)


def _cuda_pair(call: Call, baseline: Call, rounds: int) -> Timing:
    from triton.testing import do_bench  # flushes the L2 cache between calls

    times, bases = [], []
    for _ in range(max(LEAST_ROUNDS, rounds // 5)):
        times.append(do_bench(call, warmup=5, rep=20, return_mode="median"))
        bases.append(do_bench(baseline, warmup=5, rep=20, return_mode="median"))
    torch.cuda.synchronize()
    return _summary(times, bases)


def _summary(times: list[float], bases: list[float]) -> Timing:
    ratios = [t / b for t, b in zip(times, bases, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Timing(
        statistics.median(times), statistics.median(bases), middle, low, high, len(ratios)
    )


def graphed(call: Call) -> Call:
    """`call` as a CUDA graph: replaying it launches its kernels with no Python in between."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def matrix_peak(device: str, dtype: torch.dtype) -> float:
    """Operations a second of a large square torch.mm: what products can reach on a device.

    On the CPU that of float32 whatever the dtype: there products of 16 bits are made in float32.
    """
    on_cuda = device == "cuda"
    n, computes = (8192, dtype) if on_cuda else (1024, torch.float32)
    a, b = (torch.randn(n, n, dtype=computes, device=device) for _ in "ab")
    out = torch.empty_like(a)

    def call() -> object:
        return torch.mm(a, b, out=out)

    if on_cuda:
        from triton.testing import do_bench

        seconds = do_bench(call, return_mode="median") / 1e3
    else:
        call()
        seconds = min(_seconds(call, 1) for _ in range(21))  # a neighbour makes it slow, none fast
    return 2 * n**3 / seconds


def copy_bandwidth(device: str) -> float | None:
    """GB/s of a 1 GiB device-to-device copy, read and written bytes counted; None on the CPU."""
    if device != "cuda":
        return None
    from triton.testing import do_bench

    source = torch.empty(2**28, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    ms = do_bench(lambda: target.copy_(source), return_mode="median")
    return 2 * source.numel() * source.element_size() / ms / 1e6
