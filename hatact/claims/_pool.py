"""Independent runs side by side: one core each beats all cores on one, and is reproducible."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Result = TypeVar("Result")
Advance = Callable[[float], None]


class Interrupted(RuntimeError):
    """Raised inside a run when another one has failed, or the user wants to stop."""


def each(
    tasks: Sequence[Callable[[Advance], Result]], device: str, advance: Advance
) -> list[Result]:
    """What every task returns, in their order; a failure stops the others.

    On a CPU as many tasks run at a time as torch has threads, each on one thread: networks this
    small lose half of a second core to its synchronisation (two cores: 6.3 ms a step on one,
    3.8 ms on both), and on a busy machine far more. With one thread a run's numbers do not depend
    on the number of cores. Elsewhere one task runs at a time.
    """
    workers = torch.get_num_threads() if device == "cpu" else 1
    stop = threading.Event()

    def step(done: float) -> None:
        if stop.is_set():
            raise Interrupted
        advance(done)

    def task(run: Callable[[Advance], Result]) -> Result:
        if device == "cpu":
            torch.set_flush_denormal(True)  # per thread: see `_engine._flush_denormal`
        return run(step)

    torch.set_num_threads(1 if device == "cpu" else workers)
    try:
        with ThreadPoolExecutor(workers) as pool:
            futures = [pool.submit(task, run) for run in tasks]
            try:
                return [future.result() for future in futures]
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(workers)
