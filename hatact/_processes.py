"""Jobs side by side in processes that end with their parent, and not of a Ctrl-C as they start."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import Any

SLOTS = 4096  # jobs in one call at most whose progress is told apart
POLL = 0.2  # seconds between two looks at how far the processes are

Advance = Callable[[float], None]


class Stopped(RuntimeError):
    """Raised inside a job when another one has failed, or the user wants to stop."""


@dataclass(frozen=True)
class Job:
    """What a process is to do.

    Args:
        do: called as do(advance), to be told of every share of the job that is done; the shares sum
            to 1. It is pickled, and so is what it returns.
        size: of the job, in units of the caller's.
    """

    do: Callable[[Advance], Any]
    size: float


class Crew:
    """Up to `most` processes, spawned when there are jobs for them and kept for the next ones.

    Args:
        prepare: called in every process before its first job; found by its module and name.
    """

    def __init__(self, most: int, prepare: Callable[[], None]) -> None:
        self._most, self._prepare = most, prepare
        self._pool: ProcessPoolExecutor | None = None
        # Without locks: a process that is killed would hold its lock for ever.
        self._stop = RawValue("b", 0)
        self._done = RawArray("d", SLOTS)
        self._slot = 0

    def stop(self) -> None:
        """End all processes; a job that is being done ends when it next tells its share."""
        if self._pool is not None:
            self._stop.value = 1
            self._pool.shutdown(wait=True, cancel_futures=True)

    def run(
        self, jobs: Mapping[Any, Job], finished: Callable[[Any, Any], None], advance: Advance
    ) -> None:
        """Do all jobs, the largest first; without any, no process is started.

        Args:
            finished: told of every result as it comes, by the job's key.
            advance: told of every share of the work that is done, in units of the jobs' sizes.

        Raises:
            BrokenProcessPool: if a process was killed from outside.
            Exception: what a job raised, after all results that came before it.
        """
        if not jobs:
            return
        largest = sorted(jobs, key=lambda name: -jobs[name].size)
        slots = {name: (self._slot + n) % SLOTS for n, name in enumerate(largest)}
        self._slot += len(largest)
        for slot in slots.values():
            self._done[slot] = 0.0
        pool = self._started()
        with deaf_to_interrupts():
            futures: dict[Future[Any], Any] = {
                pool.submit(_do, jobs[name].do, slots[name]): name for name in largest
            }
            # The pool watches for the death of the processes that it had when it was last woken,
            # and a submit wakes it before it starts one: this wakes it with all there.
            pool.submit(int)
        left, told = set(futures), 0.0
        while left:
            ready, left = wait(left, timeout=POLL, return_when=FIRST_COMPLETED)
            done = sum(self._done[slots[name]] * jobs[name].size for name in jobs)
            advance(done - told)
            told = done
            for future in sorted(ready, key=lambda f: f.exception() is not None):
                finished(futures[future], future.result())

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            shared = (self._prepare, self._stop, self._done)
            self._pool = ProcessPoolExecutor(self._most, spawn, _begin, shared)
        return self._pool


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """Processes started in here never hear Ctrl-C; here it is heard when the block ends.

    It reaches every process of a terminal; one that is still importing torch would die of it, with
    a traceback of its own. The mask is inherited, and covers this thread; the handler remembers
    what other threads of this process take.
    """
    heard: list[int] = []
    main = threading.current_thread() is threading.main_thread()  # others may set no handler
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, lambda *of: heard.append(1)) if main else None
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if main:
            signal.signal(signal.SIGINT, handler)
    if heard:
        signal.raise_signal(signal.SIGINT)


# ---- inside a process

_stop: Any = None
_done: Any = None


def _begin(prepare: Callable[[], None], stop: Any, done: Any) -> None:
    global _stop, _done
    _stop, _done = stop, done
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them; the parent decides
    prepare()
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A killed parent leaves its processes waiting for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(job: Callable[[Advance], Any], slot: int) -> Any:
    def advance(share: float) -> None:
        if _stop.value:
            raise Stopped
        _done[slot] += share

    return job(advance)
