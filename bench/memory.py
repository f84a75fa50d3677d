"""Bytes: what a forward keeps for its backward, the peak of both, and what must be moved."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

_TIMES_L2, _FEWEST, _MOST = 4, 2, 32
# Times its input and output that a copy of a call may hold in the two graphs of a pair: the
# greediest formula keeps seven times its input for the backward.
_HELD = 16

os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # the profiler prints a line at every start and stop


@dataclass(frozen=True)
class Kept:
    """Bytes that a forward keeps for the backward: all, and those of neither input nor output."""

    all: int
    extra: int


def kept(forward: Callable[[Tensor], Tensor], x: Tensor, left_out: Collection[int] = ()) -> Kept:
    """What `forward(x)` keeps, storage by storage (saved-tensor hooks).

    `left_out`: addresses of storages that do not count.
    """
    found: dict[int, int] = {}
    held = []  # a storage that were freed could give its address to the next

    def pack(t: Tensor) -> Tensor:
        held.append(t)
        storage = t.untyped_storage()
        if storage.data_ptr() not in left_out:
            found[storage.data_ptr()] = storage.nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = forward(x)
    known = {t.untyped_storage().data_ptr() for t in (x, y)}
    extra = sum(size for pointer, size in found.items() if pointer not in known)
    return Kept(sum(found.values()), extra)


def peak(call: Callable[[], object], device: str) -> int:
    """The most bytes that `call()` holds at once beyond what was there before it."""
    call()  # compiled, its caches filled
    if device == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        return torch.cuda.max_memory_allocated() - before
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True, acc_events=True) as p:
        result = call()  # still held when the profile ends
    events = p.profiler.kineto_results.events()
    del result
    allocations = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    held = highest = 0
    for _, nbytes in allocations:
        held += nbytes
        highest = max(highest, held)
    return highest


def traffic(mode: str, itemsize: int, kept_bytes: float, extra_bytes: float) -> float:
    """Bytes an element that a mode must read and write, given what it keeps (an element).

    A forward reads x and writes y (in training also what it keeps beside them), a backward reads
    gy and what was kept and writes gx. A provider that passes over memory more than once moves
    more, and its bandwidth comes out as low as it is slow.
    """
    forward, backward = 2 * itemsize, 2 * itemsize + kept_bytes
    if mode == "forward":
        return forward
    return backward if mode == "backward" else forward + extra_bytes + backward


def free(device: str) -> int:
    """Bytes that can still be allocated on a device."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    info = Path("/proc/meminfo")  # there what the page cache would give back counts as well
    found = re.search(r"MemAvailable:\s*(\d+) kB", info.read_text()) if info.exists() else None
    if found:
        return 1024 * int(found[1])
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def copies(nbytes: int, device: str) -> int:
    """Copies of a call's input and output, of `nbytes`, that exceed the L2 cache four times.

    A call that rotates over them finds nothing in the cache. At least 2 and at most 32, and no more
    than there is memory for; 1 on the CPU.
    """
    if device != "cuda":
        return 1
    cache = torch.cuda.get_device_properties(device).L2_cache_size
    wanted = min(max(_FEWEST, math.ceil(_TIMES_L2 * cache / nbytes)), _MOST)
    return max(1, min(wanted, free(device) // (_HELD * nbytes)))
