"""Does the runs that claims ask for: from the cache, or side by side in processes of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from hatact import use_backend
from hatact._environment import machine
from hatact._kept import Cache
from hatact._processes import Crew, Job
from hatact._sources import code_version
from hatact.claims.engine.keys import key_of
from hatact.claims.engine.runs import Advance, Record, prepare

MOST = 16  # processes at a time: each holds some 500 MB

Key = Mapping[str, Any]


class Died(RuntimeError):
    """A process that did a run was killed from outside."""


class Changed(RuntimeError):
    """The source that a run depends on changed while runs were being done."""


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
            key["machine"] = [machine(), os.cpu_count()]
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
        self, device: str, cache: Cache, workers: int, advance: Advance = lambda work: None
    ) -> None:
        self.device = device
        self.cache = cache
        self.workers = min(workers, MOST) if device == "cpu" else 0
        self.advance = advance
        self.took: dict[Any, float] = {}
        """Seconds by run asked for, when it was done, by whichever process or command."""
        self._crew = Crew(self.workers, prepare)

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *error: object) -> None:
        self._crew.stop()

    def missing(self, tasks: Sequence[Task]) -> list[Task]:
        """Those of the tasks that the cache does not hold."""
        return [task for task in tasks if not self.cache.holds(task.key(self.device))]

    def run(self, tasks: Sequence[Task]) -> list[list[Record]]:
        """Every task's records, in order; those that the cache holds are not run again."""
        records: dict[Any, list[Record]] = {}
        waiting: dict[Any, tuple[Task, Key]] = {}
        for task in tasks:
            name, key = task.identity(), task.key(self.device)
            if name in records or name in waiting:
                continue
            held = self.cache.get(key)
            if held is None:
                waiting[name] = task, key
            else:
                records[name], self.took[name] = held

        def finished(name: Any, done: tuple[list[Record], float]) -> None:
            value, self.took[name] = done
            records[name] = self.cache.put(waiting[name][1], value, self.took[name])

        jobs = {
            name: Job(partial(_in_process, task, self.device, key), task.cost)
            for name, (task, key) in waiting.items()
            if self.workers and not task.alone
        }
        try:
            self._crew.run(jobs, finished, self.advance)
        except BrokenProcessPool:
            raise Died(
                "a process that did a run was killed, perhaps for lack of memory; "
                "finished runs are kept"
            ) from None
        for name, (task, _) in waiting.items():
            if name not in records:
                finished(name, self._here(task))
        return [records[task.identity()] for task in tasks]

    def _here(self, task: Task) -> tuple[list[Record], float]:
        threads = torch.get_num_threads()
        if self.device == "cpu":
            prepare()
        try:
            return _timed(task, self.device, lambda share: self.advance(share * task.cost))
        finally:
            torch.set_flush_denormal(False)
            torch.set_num_threads(threads)


def _timed(task: Task, device: str, advance: Advance) -> tuple[list[Record], float]:
    start = time.perf_counter()
    records = task.run(**task.arguments, seeds=task.seeds, device=device, advance=advance)
    return records, time.perf_counter() - start


def _in_process(task: Task, device: str, key: Key, advance: Advance) -> tuple[list[Record], float]:
    if code_version(task.run.__module__) != key["code"]:
        raise Changed(
            f"the source of {task.run.__module__} or of what it uses changed during the "
            "verification; start it again"
        )
    with use_backend(key["backend"]):
        return _timed(task, device, advance)
