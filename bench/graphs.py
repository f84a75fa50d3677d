"""Calls as one CUDA graph, timed by the GPU's clock: no Python and no launch in between."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

_SAMPLE_MS = 0.2  # a sample's replays last about this long: the events tell half a microsecond
_WARM = 3  # calls before the capture: autograd and the libraries set up what they keep
# The allocator goes on asking a graph whose capture broke off for its number: none may be freed.
_broken: list[Any] = []


class NotCaptured(RuntimeError):
    """A call that no CUDA graph can hold: it has no time."""


@dataclass
class Captured:
    """`copies` calls in one graph, replayed `repeats` times a sample."""

    graph: Any
    copies: int
    repeats: int = 1

    def sample(self) -> float:
        """Milliseconds a call.

        One replay runs ahead of the clock. While it does, the first that counts is queued, so that
        its launch costs nothing; and the cache holds what this graph leaves there, not another.
        """
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.graph.replay()
        start.record()
        for _ in range(self.repeats):
            self.graph.replay()
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / (self.repeats * self.copies)


@contextmanager
def captured(call: Callable[[], object], copies: int) -> Iterator[Captured]:
    """`copies` calls in a row as a graph, which is freed with its memory when the block ends.

    What a call makes at its first `copies` turns alone is no part of the graph.

    Raises:
        NotCaptured: if a call cannot be captured, as one that waits for the GPU.
    """
    found = Captured(_capture(call, copies), copies)
    try:
        milliseconds = found.sample() * copies
        found.repeats = max(1, math.ceil(_SAMPLE_MS / max(milliseconds, 1e-3)))
        yield found
    finally:
        torch.cuda.synchronize()
        found.graph.reset()
        torch.cuda.empty_cache()


@lru_cache(maxsize=1)
def _stream() -> Any:
    """One for all captures: the allocator keeps what it has cached apart by stream."""
    return torch.cuda.Stream()


def _capture(call: Callable[[], object], copies: int) -> Any:
    stream, graph = _stream(), torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream())
    held: list[object] = []  # so that no call writes to where the one before wrote
    # Entered here too: torch leaves the capture's stream current where the capture breaks off.
    with torch.cuda.stream(stream):
        # On the capture's stream, as autograd runs a backward on the stream of its forward.
        for _ in range(max(copies, _WARM)):
            call()
        why: Exception | None = None
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", "The CUDA Graph is empty")
                with torch.cuda.graph(graph, stream=stream):
                    try:
                        held.extend(call() for _ in range(copies))
                    except Exception as error:  # the end of a broken capture raises another
                        why = error
                        raise
        except Exception as error:
            _broken.append(graph)
            why = why or error
            said = f"the call cannot be captured in a CUDA graph: {type(why).__name__}: {why}"
            raise NotCaptured(said) from why
    torch.cuda.current_stream().wait_stream(stream)
    return graph
