"""Times that can be compared: pairs in turn, by the host's clock or as graphs on CUDA."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle

import torch

from bench.graphs import captured

Call = Callable[[], object]
Sample = Callable[[], float]  # milliseconds a call
LEAST_ROUNDS = 5
_SAMPLE_SECONDS = 4e-3  # by the clock a sample lasts about this long: the timer takes 1e-7
_ROW_SECONDS = 1.5  # rounds beyond the fifth end here
UNSTEADY = 1.5  # quartiles of the ratio that are further apart say that the machine was not quiet
_TRIES = 3
_PEAK_ROUNDS = 21


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


def pair(call: Call, baseline: Call, device: str, rounds: int, copies: int = 1) -> Timing:
    """`call` against `baseline`, measured in the same run: at most `rounds` pairs, at least 5.

    On CUDA each is a graph of `copies` calls. A call that rotates over as many copies of its input
    finds none of them in the cache, if they exceed it.

    Raises:
        NotCaptured: on CUDA, if one of them cannot be captured.
    """
    if device != "cuda":
        return wall_pair(call, baseline, device, rounds)
    with captured(call, copies) as one, captured(baseline, copies) as other:
        return _steadiest(lambda: _rounds(one.sample, other.sample, rounds))


def wall_pair(call: Call, baseline: Call, device: str, rounds: int) -> Timing:
    """As :func:`pair`, of what a call costs a Python loop: on CUDA its launches too."""
    return _steadiest(lambda: _rounds(_clocked(call, device), _clocked(baseline, device), rounds))


def time_ms(call: Call, device: str, rounds: int, copies: int = 1) -> float:
    """Median milliseconds a call: on CUDA in a graph of `copies` calls, else by the clock.

    A call of a few microseconds needs several copies: a graph takes longer than that to launch.

    Raises:
        NotCaptured: on CUDA, if it cannot be captured.
    """
    if device != "cuda":
        return wall_ms(call, device, rounds)
    with captured(call, copies) as one:
        return _median(one.sample, rounds)


def wall_ms(call: Call, device: str, rounds: int) -> float:
    """Median milliseconds that a call costs a Python loop, the wait for the last one included."""
    return _median(_clocked(call, device), rounds)


def finish(device: str) -> None:
    """Waits for what was launched."""
    if device == "cuda":
        torch.cuda.synchronize()


def _seconds(call: Call, repeats: int, device: str) -> float:
    finish(device)
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    finish(device)
    return time.perf_counter() - start


def _repeats(call: Call, device: str) -> int:
    """Calls that last a sample, counted on calls that are warm."""
    call()
    repeats, seconds = 1, _seconds(call, 1, device)
    while seconds < _SAMPLE_SECONDS / 4:
        repeats *= 4
        seconds = _seconds(call, repeats, device)
    return max(1, round(repeats * _SAMPLE_SECONDS / seconds))


def _clocked(call: Call, device: str) -> Sample:
    n = _repeats(call, device)
    return lambda: _seconds(call, n, device) / n * 1e3


def _steadiest(measure: Callable[[], Timing]) -> Timing:
    """Measured again, at most twice, where the quartiles lie apart; the steadiest counts."""
    found = [measure()]
    while found[-1].unsteady and len(found) < _TRIES:
        found.append(measure())
    return min(found, key=lambda t: t.ratio_high / t.ratio_low)


def _turns(rounds: int) -> Iterator[int]:
    """0, 1, …: `rounds` of them, or as many as time is left for, at least 5."""
    end = time.perf_counter() + _ROW_SECONDS
    done = 0
    while done < rounds and (done < LEAST_ROUNDS or time.perf_counter() < end):
        yield done
        done += 1


def _rounds(one: Sample, other: Sample, rounds: int) -> Timing:
    times: list[float] = []
    bases: list[float] = []
    for turn in _turns(rounds):
        # Who goes first alternates, so that neither always finds a warm cache.
        if turn % 2:
            bases.append(other())
            times.append(one())
        else:
            times.append(one())
            bases.append(other())
    return _summary(times, bases)


def _median(sample: Sample, rounds: int) -> float:
    return statistics.median(sample() for _ in _turns(rounds))


def _summary(times: list[float], bases: list[float]) -> Timing:
    ratios = [t / b for t, b in zip(times, bases, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Timing(
        statistics.median(times), statistics.median(bases), middle, low, high, len(ratios)
    )


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
        seconds = time_ms(call, device, _PEAK_ROUNDS) / 1e3
    else:
        call()  # a neighbour makes it slow, none fast
        seconds = min(_seconds(call, 1, device) for _ in range(_PEAK_ROUNDS))
    return 2 * n**3 / seconds


def copy_bandwidth(device: str) -> float | None:
    """GB/s of a 1 GiB device-to-device copy, read and written bytes counted; None on the CPU."""
    if device != "cuda":
        return None
    sources = [torch.zeros(2**28, dtype=torch.float32, device=device) for _ in range(2)]
    turns = cycle(sources)
    ms = time_ms(lambda: next(turns).clone(), device, _PEAK_ROUNDS, len(sources))
    return 2 * sources[0].nbytes / ms / 1e6
