"""A CUDA device that is not here: streams, graphs and events that keep a clock by hand."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch

LAUNCH = 0.05  # milliseconds from Python to the device


class Output:
    """What a call returns; a list cannot be asked whether it is alive."""


class FakeCuda:
    """`now` is the device's clock in milliseconds; `work` what a call does there."""

    def __init__(self) -> None:
        self.now = self.host = 0.0
        self.stream = "default"
        self.capturing: FakeGraph | None = None
        self.graphs: list[FakeGraph] = []
        self.emptied = 0
        self.outputs: list[weakref.ref[Output]] = []

    def work(self, milliseconds: float) -> Output:
        output = Output()
        if self.capturing is None:
            self.host += LAUNCH
            self.now = max(self.now, self.host) + milliseconds
        else:
            self.capturing.parts.append(milliseconds)
            self.outputs.append(weakref.ref(output))
        return output

    def wait(self) -> None:
        if self.capturing is not None:
            self.capturing.broken = True
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nhelp")
        self.host = max(self.host, self.now)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def replace(name: str, value: object) -> None:
            monkeypatch.setattr(torch.cuda, name, value)

        streams = {"default": _Stream("default"), "side": _Stream("side")}
        replace("Stream", lambda: streams["side"])
        replace("current_stream", lambda: streams[self.stream])
        replace("stream", self._on)
        replace("CUDAGraph", lambda: FakeGraph(self))
        replace("graph", self._capture)
        replace("Event", lambda enable_timing: _Event(self))
        replace("synchronize", self.wait)
        replace("empty_cache", lambda: setattr(self, "emptied", self.emptied + 1))
        replace("get_device_properties", lambda _: SimpleNamespace(L2_cache_size=50 * 2**20))
        replace("mem_get_info", lambda: (80 * 10**9, 80 * 10**9))

    @contextmanager
    def _on(self, stream: _Stream) -> Iterator[None]:
        before, self.stream = self.stream, stream.name
        try:
            yield
        finally:
            self.stream = before

    @contextmanager
    def _capture(self, graph: FakeGraph, stream: _Stream) -> Iterator[None]:
        self.stream = stream.name  # as torch does: not undone where the capture is broken
        self.graphs.append(graph)
        self.capturing = graph
        try:
            yield
        finally:
            self.capturing = None
            graph.alive = sum(of() is not None for of in self.outputs)
            self.outputs.clear()
            if graph.broken:
                raise RuntimeError("CUDA error: operation failed due to a previous error")


class FakeGraph:
    """The milliseconds of each call in it; `alive`: outputs that were held as its capture ended."""

    def __init__(self, cuda: FakeCuda) -> None:
        self.cuda = cuda
        self.parts: list[float] = []
        self.alive = self.replays = 0
        self.broken = self.freed = False

    def replay(self) -> None:
        assert not self.freed
        self.replays += 1
        self.cuda.now += sum(self.parts)

    def reset(self) -> None:
        self.freed = True


class _Stream:
    def __init__(self, name: str) -> None:
        self.name = name

    def wait_stream(self, other: _Stream) -> None:
        assert isinstance(other, _Stream)


class _Event:
    def __init__(self, cuda: FakeCuda) -> None:
        self.cuda = cuda
        self.time: float | None = None

    def record(self) -> None:
        self.time = self.cuda.now

    def synchronize(self) -> None:
        self.cuda.wait()

    def elapsed_time(self, end: Any) -> float:
        assert self.time is not None
        return float(end.time - self.time)


def counted(cuda: FakeCuda, milliseconds: float, on: list[str]) -> Callable[[], Output]:
    """A call, and the stream that each turn of it ran on."""

    def call() -> Output:
        on.append(cuda.stream)
        return cuda.work(milliseconds)

    return call
