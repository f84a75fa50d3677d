"""Does the runs that claims ask for: from the cache, or side by side in processes of their own."""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import Any

import torch

from hatact import use_backend
from hatact.claims.engine.cache import Cache, code_version, key_of
from hatact.claims.engine.runs import Record, prepare

MOST = 16  # processes at a time: each holds some 500 MB
SLOTS = 4096  # runs in one call at most whose progress is told apart
POLL = 0.2  # seconds between two looks at how far the processes are


class Died(RuntimeError):
    """A process that did a run was killed from outside."""


class Changed(RuntimeError):
    """The source that a run depends on changed while runs were being done."""


class Interrupted(RuntimeError):
    """Raised inside a run when another one has failed, or the user wants to stop."""


@dataclass(frozen=True)
class Task:
    """One run over a batch of seeds, the unit that is cached.

    Args:
        run: called as run(**arguments, seeds=…, device=…, advance=…); one record a seed. It must
            be found by its module and name, and its records must depend on its arguments alone.
        arguments: plain values or dataclasses of them.
        seeds: networks from these seeds are trained in one batch.
        cost: seconds expected, on one core of the machine on which this package was measured.
        alone: whether nothing may run beside it, because it measures time.
    """

    run: Callable[..., list[Record]]
    arguments: Mapping[str, Any]
    seeds: tuple[int, ...]
    cost: float
    alone: bool = False

    def identity(self) -> tuple[Any, ...]:
        """Equal for two tasks that are the same run."""
        return self.run, repr(sorted(self.arguments.items())), self.seeds

    def key(self, device: str) -> dict[str, Any]:
        """What identifies it in the cache; a run that measures time belongs to its machine."""
        key = key_of(self.run, {**self.arguments, "seeds": self.seeds}, device)
        if self.alone:
            key["machine"] = [platform.processor() or platform.machine(), os.cpu_count()]
        return key


class Lab:
    """Runs tasks; a context manager, since it may hold processes.

    Networks this small lose half of a second core to its synchronisation, and threads of Python
    wait for each other (a shallow network of width 64: two runs in threads take 2.2 times as long
    as in processes), so on a CPU each run has a process and one core. Its numbers then do not
    depend on the number of cores. On another device runs take turns in this process.

    Args:
        device: "cpu" or "cuda".
        cache: where finished runs are kept.
        workers: processes at a time; 0 runs everything in this process, in order.
        advance: told of every share of the work that is done, in units of `Task.cost`.
    """

    def __init__(
        self, device: str, cache: Cache, workers: int, advance: Callable[[float], None]
    ) -> None:
        self.device = device
        self.cache = cache
        self.workers = min(workers, MOST) if device == "cpu" else 0
        self.advance = advance
        self.took: dict[Any, float] = {}
        """Seconds by run asked for, when it was done, by whichever process or command."""
        self._pool: ProcessPoolExecutor | None = None
        # Without locks: a process that is killed would hold its lock for ever.
        self._stop = RawValue("b", 0)
        self._done = RawArray("d", SLOTS)
        self._slot = 0

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._stop.value = 1
            self._pool.shutdown(wait=True, cancel_futures=True)

    def missing(self, tasks: Sequence[Task]) -> list[Task]:
        """Those of the tasks that the cache does not hold."""
        return [task for task in tasks if not self.cache.holds(task.key(self.device))]

    def run(self, tasks: Sequence[Task]) -> list[list[Record]]:
        """Every task's records, in order; those that the cache holds are not run again."""
        keys = [task.key(self.device) for task in tasks]
        results: dict[int, list[Record]] = {}
        waiting: list[int] = []
        first: dict[Any, int] = {}
        for i, key in enumerate(keys):
            if first.setdefault(tasks[i].identity(), i) != i:
                continue
            held = self.cache.get(key)
            if held is None:
                waiting.append(i)
            else:
                results[i] = held[0]
                self.took[tasks[i].identity()] = held[1]

        def finished(i: int, value: list[Record], seconds: float) -> None:
            results[i] = self.cache.put(keys[i], value, seconds)
            self.took[tasks[i].identity()] = seconds

        together = [i for i in waiting if not tasks[i].alone]
        if self.workers and together:
            self._run_in_processes({i: tasks[i] for i in together}, keys, finished)
        for i in waiting:
            if i not in results:
                finished(i, *self._run_here(tasks[i]))
        return [results[first[task.identity()]] for task in tasks]

    def _run_here(self, task: Task) -> tuple[list[Record], float]:
        threads = torch.get_num_threads()
        if self.device == "cpu":
            prepare()
        try:
            return _timed(task, self.device, lambda share: self.advance(share * task.cost))
        finally:
            torch.set_flush_denormal(False)
            torch.set_num_threads(threads)

    def _run_in_processes(
        self,
        tasks: Mapping[int, Task],
        keys: Sequence[Mapping[str, Any]],
        finished: Callable[[int, list[Record], float], None],
    ) -> None:
        longest = sorted(tasks, key=lambda i: -tasks[i].cost)
        slots = {i: (self._slot + n) % SLOTS for n, i in enumerate(longest)}
        self._slot += len(longest)
        for slot in slots.values():
            self._done[slot] = 0.0
        told = 0.0

        def tell() -> None:
            nonlocal told
            done = sum(self._done[slots[i]] * tasks[i].cost for i in tasks)
            self.advance(done - told)
            told = done

        try:
            pool = self._started()
            with _deaf_to_interrupts():
                futures: dict[Future[tuple[list[Record], float]], int] = {
                    pool.submit(_in_process, tasks[i], self.device, keys[i], slots[i]): i
                    for i in longest
                }
                # The pool watches for the death of the processes that it had when it was last
                # woken, and a submit wakes it before it starts one: this wakes it with all there.
                pool.submit(int)
            left = set(futures)
            while left:
                ready, left = wait(left, timeout=POLL, return_when=FIRST_COMPLETED)
                tell()
                for future in sorted(ready, key=lambda f: f.exception() is not None):
                    finished(futures[future], *future.result())
        except BrokenProcessPool:
            raise Died(
                "a process that did a run was killed, perhaps for lack of memory; "
                "finished runs are kept"
            ) from None

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            spawn = multiprocessing.get_context("spawn")
            shared = (self._stop, self._done)
            self._pool = ProcessPoolExecutor(self.workers, spawn, _prepare, shared)
        return self._pool


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
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


def _timed(task: Task, device: str, advance: Callable[[float], None]) -> tuple[list[Record], float]:
    start = time.perf_counter()
    records = task.run(**task.arguments, seeds=task.seeds, device=device, advance=advance)
    return records, time.perf_counter() - start


# ---- inside a process

_stop: Any = None
_done: Any = None


def _prepare(stop: Any, done: Any) -> None:
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


def _in_process(
    task: Task, device: str, key: Mapping[str, Any], slot: int
) -> tuple[list[Record], float]:
    if code_version(task.run.__module__) != key["code"]:
        raise Changed(
            f"the source of {task.run.__module__} or of what it uses changed during the "
            "verification; start it again"
        )

    def advance(share: float) -> None:
        if _stop.value:
            raise Interrupted
        _done[slot] += share

    with use_backend(key["backend"]):
        return _timed(task, device, advance)
