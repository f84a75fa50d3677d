"""Made-up runs, claims and papers for the engine's tests. Processes find the runs by their name."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hatact.baselines import fit
from hatact.claims.engine import Claim, Outcome, Paper, Task
from hatact.claims.engine.lab import Lab
from hatact.claims.engine.runs import Advance, Record, Row
from hatact.ops import current_backend


def train(
    row: Row, steps: int, seeds: Sequence[int], device: str, advance: Advance, width: int = 24
) -> list[Record]:
    """A real training: every network's loss at every step."""
    x = torch.linspace(-1, 1, 64)[:, None]
    y = torch.sin(9 * x)
    model = row.networks(1, width, 4, seeds, device)
    losses = fit(model, row.optimiser_of(model), x, y, steps, advance=advance)
    return [{"losses": loss.tolist()} for loss in losses.T]


def square(value: int, seeds: Sequence[int], device: str, advance: Advance) -> list[Record]:
    """value² + seed; the work in four shares."""
    for _ in range(4):
        advance(0.25)
    return [{"square": value**2 + seed} for seed in seeds]


def where(mark: str, seeds: Sequence[int], device: str, advance: Advance) -> list[Record]:
    """In which process it runs, on what, and whether a subnormal product is flushed."""
    advance(1)
    return [
        {
            "process": os.getpid(),
            "threads": torch.get_num_threads(),
            "backend": current_backend("cpu"),
            "flushed": float(torch.tensor(1e-30) * torch.tensor(1e-10)) == 0,
        }
        for _ in seeds
    ]


def counted(mark: str, folder: str, seeds: Sequence[int], device: str, advance: Advance) -> Any:
    """Leaves a file in `folder` every time it runs."""
    advance(1)
    Path(folder, f"{mark}-{time.perf_counter_ns()}").touch()
    return [{"mark": mark} for _ in seeds]


def interrupted(
    mark: str, folder: str, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Ctrl-C, before it has done anything."""
    raise KeyboardInterrupt


def broken(seeds: Sequence[int], device: str, advance: Advance, after: str = "") -> list[Record]:
    """Fails, once there is something in the folder `after`."""
    _wait_for(after)
    raise KeyError("broken")


def endless(seeds: Sequence[int], device: str, advance: Advance, ended: str = "") -> list[Record]:
    """Ends when it is stopped; should that fail, after a minute, leaving the file `ended`."""
    for _ in range(6000):
        advance(1e-9)
        time.sleep(0.01)
    if ended:
        Path(ended).touch()
    return [{} for _ in seeds]


def dies(seeds: Sequence[int], device: str, advance: Advance) -> list[Record]:
    """Takes its process with it, as the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def _wait_for(folder: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while folder and time.monotonic() < end and not any(Path(folder).glob("*.json")):
        time.sleep(0.01)


class Watch:
    """A `Monitor` that remembers what it was told."""

    def __init__(self) -> None:
        self.plans: list[tuple[list[list[Task]], int]] = []
        self.claims: list[str] = []
        self.notices: list[str] = []
        self.work = 0.0

    def plan(self, missing: Sequence[Sequence[Task]], runs: int, lab: Lab) -> None:
        self.plans.append(([list(tasks) for tasks in missing], runs))

    def claim(self, claim: Claim) -> None:
        self.claims.append(claim.id)

    def advance(self, work: float) -> None:
        self.work += work

    def notice(self, text: str) -> None:
        self.notices.append(text)


def alone(run: Callable[..., Any], cost: float = 1.0, **arguments: Any) -> Task:
    """A task that runs in this process, whatever the number of workers."""
    return Task(run, arguments, (0,), cost, alone=True)


@dataclass(frozen=True)
class Bare:
    """A plan of these tasks that hands on the lab itself."""

    given: Sequence[Task]

    def tasks(self) -> list[Task]:
        return list(self.given)

    def run(self, lab: Lab) -> Lab:
        return lab


def claim(
    name: str,
    judge: Callable[..., Outcome],
    tasks: Callable[..., Sequence[Task]] = lambda settings: [],
    quick: str = "reproduced",
    full: str = "reproduced",
) -> Claim:
    """A claim of the paper "made", whose judge gets the settings and the lab."""
    return Claim(
        id=f"made/{name}",
        name=f"Of {name}",
        statement="A thing holds.",
        source="nowhere",
        recorded={"quick": quick, "full": full},
        runs=lambda settings: {"bare": Bare(tasks(settings))},
        judge=lambda settings, given: judge(settings, given["bare"]),
    )


def endless_paper() -> dict[str, Paper]:
    """One claim with a run that is soon finished and two that never are."""

    def tasks(settings: Any) -> list[Task]:
        never = [Task(endless, {}, (seed,), 1.0) for seed in (0, 1)]
        return [Task(square, {"value": 3}, (0,), 10.0), *never]  # the longest comes first

    return paper(claim("one", lambda settings, lab: lab.run(tasks(settings)), tasks))


def paper(*claims: Claim) -> dict[str, Paper]:
    """The paper "made"."""
    return {"made": Paper("Made up", "Nobody, Somebody", 1999, "0000.00000", claims)}


def same(a: Any, b: Any) -> bool:
    """Equal as data, NaN equal to itself."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def squares(*values: int, seeds: tuple[int, ...] = (0, 1)) -> list[Task]:
    """Runs of no effort."""
    return [Task(square, {"value": v}, seeds, cost=1.0 + v) for v in values]
