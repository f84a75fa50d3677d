"""How long the runs that are left will take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from hatact.baselines import Networks, step_seconds
from hatact.claims.engine import Task
from hatact.nn import Hat

PROBE = 5.6e-3
"""What :func:`slowness` measured on the machine on which costs were measured, in seconds."""
STEPS = 6
"""Timed at once, five times over, of which the first warms up."""
TRUST = 10.0
"""Seconds of work that the speed measured beforehand counts as much as."""


def slowness() -> float:
    """How much longer a step takes here than on the machine on which costs were measured."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = Networks((1, *[256] * 5, 1), (0,), Hat())
        x = torch.rand(200, 1, generator=torch.Generator().manual_seed(0))
        optimiser = torch.optim.Adam(model.parameters(), fused=True)
        taken = [step_seconds(model, optimiser, x, x, STEPS) for _ in range(5)]
    finally:
        torch.set_num_threads(threads)
    return statistics.median(taken[1:]) / PROBE


@dataclass(frozen=True)
class Part:
    """The runs of one claim: first those side by side, then those that nothing may run beside.

    Args:
        together, alone: their costs.
        longest: the largest cost of those side by side.
        workers: processes at a time.
    """

    together: float
    alone: float
    longest: float
    workers: int

    @classmethod
    def of(cls, tasks: Sequence[Task], workers: int) -> Part:
        """The part that is made of these runs."""
        costs = [task.cost for task in tasks if not task.alone]
        alone = sum(task.cost for task in tasks if task.alone)
        return cls(sum(costs), alone, max(costs, default=0.0), max(workers, 1))

    @property
    def work(self) -> float:
        """All costs."""
        return self.together + self.alone

    def seconds(self, done: float = 0.0) -> float:
        """Seconds that it should still take where costs were measured, after `done` of the work."""
        side_by_side = max(self.together - done, 0.0)
        span = max(self.together / self.workers, self.longest)
        first = span * side_by_side / self.together if self.together else 0.0
        return first + min(self.alone, max(self.work - done, 0.0))


class Estimate:
    """Seconds left, from the costs of what is left and from how long costs took so far.

    Args:
        parts: in the order in which they are done.
        slowness: how much longer a step takes here than where costs were measured; None if not
            known, and then nothing is said before some work is done.
        clock: seconds now.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        slowness: float | None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.parts = list(parts)
        self.slowness = slowness
        self.clock = clock
        self.start = clock()
        self.part = 0
        self.done = 0.0
        self.spent = 0.0

    def begin(self) -> None:
        """The next part begins, whatever was done or left of the one before."""
        if self.part < len(self.parts):
            self.spent += self._spent()
            self.part += 1
        self.done = 0.0

    def advance(self, work: float) -> None:
        """A share of the work is done."""
        self.done += work

    def _spent(self) -> float:
        """What was done of this part, in seconds where costs were measured."""
        part = self.parts[self.part]
        return part.seconds() - part.seconds(min(self.done, part.work))

    def left(self) -> float | None:
        """Seconds left; None where nothing can be said: at first, or past what was planned."""
        if self.part >= len(self.parts):
            return 0.0
        part, later = self.parts[self.part], self.parts[self.part + 1 :]
        if self.done > part.work * (1 + 1e-6):
            return None
        left = part.seconds(self.done) + sum(part.seconds() for part in later)
        known = TRUST if self.slowness is not None else 0.0
        spent = self.spent + self._spent() + known
        if spent <= 0:
            return None
        passed = self.clock() - self.start + known * (self.slowness or 0.0)
        return left * passed / spent
