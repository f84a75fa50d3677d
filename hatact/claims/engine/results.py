"""Runs claims one after the other and keeps results.json current; knows no paper."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import filelock
import torch

from hatact._environment import environment
from hatact._files import write_whole
from hatact._kept import Cache
from hatact.claims.engine.claim import Claim, Outcome, Paper, Settings
from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.verdicts import NOT_ATTEMPTED
from hatact.claims.figures import to_json

FORMAT = 2
"""Of results.json; raised whenever a reader of the old one would misread the new one."""


class InUse(RuntimeError):
    """Another verification is writing into the same folder."""


class Monitor(Protocol):
    """Who watches a run."""

    def plan(self, missing: Sequence[Sequence[Task]], runs: int, lab: Lab) -> None:
        """Told once, before the start: by claim, in order, the runs not kept; the number of all."""

    def claim(self, claim: Claim) -> None:
        """A claim begins."""

    def advance(self, work: float) -> None:
        """A share of the work is done, in units of `Task.cost`."""

    def notice(self, text: str) -> None:
        """Something happened that the user should know and need not act on."""


def run(
    chosen: Mapping[str, Paper],
    settings: Settings,
    out: Path,
    monitor: Monitor,
    workers: int | None = None,
    fresh: bool = False,
    before: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Run every claim of the chosen papers; results.json in `out` is rewritten after each.

    Finished runs are kept in `out`/cache, so an interrupted verification goes on where it was and
    comes to the same values; `fresh` does them again. `workers` processes at a time, by default
    torch's number of threads. `before()` is called once nobody else writes into `out`: a
    results.json that is there is then replaced.

    Raises:
        InUse: if another run is writing into `out`.
    """
    lock = filelock.FileLock(out / ".lock", timeout=0)  # the system drops it if this is killed
    try:
        lock.acquire()
    except filelock.Timeout:
        raise InUse(f"another verification is writing into {out}") from None
    cache = Cache(out / "cache", monitor.notice, fresh)
    count = torch.get_num_threads() if workers is None else workers
    try:
        before()
        with Lab(settings.device, cache, count, monitor.advance) as lab:
            return _run(chosen, settings, out / "results.json", monitor, lab)
    finally:
        lock.release()


def _run(
    chosen: Mapping[str, Paper], settings: Settings, path: Path, monitor: Monitor, lab: Lab
) -> dict[str, Any]:
    claims = [(name, paper, claim) for name, paper in chosen.items() for claim in paper.claims]
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    asked = {"setting": settings.name, "seeds": settings.seeds, "started": started}
    results: dict[str, Any] = {
        "format": FORMAT,
        "environment": environment(settings.device) | asked,
        "asked": [claim.id for _, _, claim in claims],
        "complete": False,
        "claims": [],
    }
    announced = _announced([claim for _, _, claim in claims], settings)
    monitor.plan([lab.missing(tasks) for tasks in announced], sum(map(len, announced)), lab)
    for name, paper, claim in claims:
        monitor.claim(claim)
        lab.took.clear()
        start = time.perf_counter()
        outcome = _attempt(claim, settings, lab)
        took = {"seconds": sum(lab.took.values()), "wall_seconds": time.perf_counter() - start}
        results["claims"].append(_record(name, paper, claim, settings, outcome, took))
        results["complete"] = len(results["claims"]) == len(claims)
        write_json(results, path)
    return results


def _announced(claims: Sequence[Claim], settings: Settings) -> list[list[Task]]:
    """The runs of every claim that no claim before it has."""
    seen: set[Any] = set()
    announced = []
    for claim in claims:
        tasks = {task.identity(): task for task in claim.tasks(settings)}
        announced.append([task for name, task in tasks.items() if name not in seen])
        seen |= tasks.keys()
    return announced


def _attempt(claim: Claim, settings: Settings, lab: Lab) -> Outcome:
    try:
        return claim.outcome(settings, lab)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "hatact":
            raise
        needs = f"{missing.name} is missing: pip install 'hatact[verify]' brings it"
        return Outcome(NOT_ATTEMPTED, needs)


def _record(
    name: str, paper: Paper, claim: Claim, settings: Settings, outcome: Outcome, took: Any
) -> dict[str, Any]:
    recorded = claim.recorded[settings.name]
    return {
        "id": claim.id,
        "paper": name,
        **_fields(paper, "title", "authors", "year", "arxiv"),
        "paper_note": paper.note,
        "leads": claim.id == f"{name}/{paper.lead}",
        **_fields(claim, "name", "statement", "source"),
        **_fields(outcome, "verdict", "reason", "headline", "findings", "values", "timing"),
        "recorded": recorded,
        "as_recorded": outcome.verdict == recorded,
        "quick": settings.quick,
        "command": settings.command(claim.id),
        **{key: round(seconds, 1) for key, seconds in took.items()},
        "measures": [asdict(measure) for measure in outcome.measures],
        "tables": [asdict(table) for table in outcome.tables],
        "figures": [to_json(figure) for figure in outcome.figures],
    }


def _fields(part: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(part, name) for name in names}


def write_json(data: Any, path: Path) -> None:
    """Strict JSON (NaN and inf become null), whole or not at all."""
    write_whole(path, json.dumps(_plain(data), indent=1, allow_nan=False, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value
