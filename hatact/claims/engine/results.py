"""Runs claims one after the other and keeps results.json current; knows no paper."""

from __future__ import annotations

import json
import math
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import filelock
import torch

import hatact
from hatact import ops
from hatact.claims.engine.cache import Cache, write_whole
from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.statistics import Measure
from hatact.claims.engine.timing import slowness

REPRODUCED = "reproduced"
PARTLY = "partly"
NOT_REPRODUCED = "not reproduced"
NOT_ATTEMPTED = "not attempted"
DEFAULT_SEEDS = {"quick": 2, "full": 5}
FORMAT = 2
"""Of results.json; raised whenever a reader of the old one would misread the new one."""
UNREADABLE = "unreadable"


class InUse(RuntimeError):
    """Another verification is writing into the same folder."""


@dataclass(frozen=True)
class Settings:
    """How to run: quick or full, how many seeds (0, 1, …), on which device."""

    quick: bool
    seeds: int
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"the number of seeds must be at least 1; got {self.seeds}")

    @property
    def name(self) -> str:
        """The key of the recorded verdict."""
        return "quick" if self.quick else "full"

    def command(self, claim: str) -> str:
        """What reproduces a claim under these settings."""
        seeds = "" if self.seeds == DEFAULT_SEEDS[self.name] else f" --seeds {self.seeds}"
        device = "" if self.device == "cpu" else f" --device {self.device}"
        return f"hatact verify {claim} --{self.name}{seeds}{device}"


@dataclass
class Outcome:
    """What a claim's run found.

    Args:
        verdict, reason: the verdict and, in one phrase, why.
        findings: sentences on which the verdict does not hang.
        measures: the numbers to be read first.
        tables, figures: data for the terminal and the report; see `hatact.report`.
        values: everything else; nothing in it may depend on how long something took.
        timing: what does.
    """

    verdict: str
    reason: str
    findings: list[str] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    figures: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    timing: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """One sentence, and the runs that decide it.

    Args:
        id: unique, "paper/word".
        name: a short heading.
        statement: what is claimed, decidable, one sentence.
        source: where the paper says it, and what of the sentence is this package's own.
        recorded: the verdict that this package's own runs gave, by "quick" and "full".
        tasks: the runs it will ask for if the recorded learning rates are found again.
        judge: asks a lab for its runs and decides.
    """

    id: str
    name: str
    statement: str
    source: str
    recorded: Mapping[str, str]
    tasks: Callable[[Settings], Sequence[Task]]
    judge: Callable[[Settings, Lab], Outcome]


@dataclass(frozen=True)
class Paper:
    """A paper and its claims."""

    title: str
    authors: str
    year: int
    arxiv: str
    claims: tuple[Claim, ...]


class Monitor(Protocol):
    """Who watches a run."""

    def plan(self, work: float, seconds: float | None, runs: int, missing: int) -> None:
        """Told once, before the start.

        All work in units of `Task.cost`, the seconds it should take here if that is known, the
        number of runs, and of those that the cache does not hold.
        """

    def claim(self, claim: Claim) -> None:
        """A claim begins."""

    def advance(self, work: float) -> None:
        """A share of the work is done."""

    def notice(self, text: str) -> None:
        """Something happened that the user should know and need not act on."""


def environment(settings: Settings) -> dict[str, Any]:
    """Where and with what the run took place; no path and no host name."""
    device = platform.processor() or platform.machine()
    if settings.device == "cuda":
        device = torch.cuda.get_device_name()
    return {
        "hatact": hatact.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "system": platform.system(),
        "device": settings.device,
        "device_name": device,
        "threads": torch.get_num_threads(),
        "backend": ops.current_backend(settings.device),
        "setting": settings.name,
        "seeds": settings.seeds,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def run(
    chosen: Mapping[str, Paper],
    settings: Settings,
    out: Path,
    monitor: Monitor,
    workers: int | None = None,
    fresh: bool = False,
    load: Callable[[Path], Any] | None = None,
) -> dict[str, Any]:
    """Run every claim of the chosen papers; results.json in `out` is rewritten after each.

    Finished runs are kept in `out`/cache, so an interrupted verification goes on where it was and
    comes to the same values; `fresh` does them again. `workers` processes at a time, by default
    torch's number of threads. A results.json that is there is replaced if it is of this version and
    format and `load`, which reads one, raises no ValueError; any other is kept aside.

    Raises:
        InUse: if another run is writing into `out`.
    """
    lock = filelock.FileLock(out / ".lock", timeout=0)  # the system drops it if this is killed
    try:
        lock.acquire()
    except filelock.Timeout:
        raise InUse(f"another verification is writing into {out}") from None
    try:
        _keep_other_results(out, monitor.notice, load)
        return _run(chosen, settings, out, monitor, workers, fresh)
    finally:
        lock.release()


def _run(
    chosen: Mapping[str, Paper],
    settings: Settings,
    out: Path,
    monitor: Monitor,
    workers: int | None,
    fresh: bool,
) -> dict[str, Any]:
    asked = [claim.id for paper in chosen.values() for claim in paper.claims]
    results: dict[str, Any] = {
        "format": FORMAT,
        "environment": environment(settings),
        "asked": asked,
        "complete": False,
        "claims": [],
    }
    cache = Cache(out / "cache", monitor.notice, fresh)
    count = torch.get_num_threads() if workers is None else workers
    with Lab(settings.device, cache, count, monitor.advance) as lab:
        tasks = [t for paper in chosen.values() for c in paper.claims for t in c.tasks(settings)]
        tasks = [*{task.identity(): task for task in tasks}.values()]  # claims share runs
        missing = lab.missing(tasks)
        work = sum(task.cost for task in missing)
        known = missing and settings.device == "cpu"  # costs were measured on a CPU
        seconds = slowness() * expected(missing, lab) if known else None
        monitor.plan(work, seconds, len(tasks), len(missing))
        for name, paper in chosen.items():
            for claim in paper.claims:
                monitor.claim(claim)
                lab.took.clear()
                start = time.perf_counter()
                outcome = _attempt(claim, settings, lab)
                wall, runs = time.perf_counter() - start, sum(lab.took.values())
                results["claims"].append(
                    _record(name, paper, claim, settings, outcome, {"wall": wall, "runs": runs})
                )
                results["complete"] = len(results["claims"]) == len(asked)
                write_json(results, out / "results.json")
    return results


def expected(tasks: Sequence[Task], lab: Lab) -> float:
    """Seconds that the tasks should take, on the machine on which their costs were measured."""
    alone = sum(task.cost for task in tasks if task.alone)
    together = [task.cost for task in tasks if not task.alone]
    return alone + max(sum(together) / max(lab.workers, 1), max(together, default=0))


def _keep_other_results(
    out: Path, notice: Callable[[str], None], load: Callable[[Path], Any] | None
) -> None:
    """A results.json of another version, or that cannot be read, is renamed, not overwritten."""
    path = out / "results.json"
    try:
        mark = _other(json.loads(path.read_text(encoding="utf-8")))
        if mark is None and load is not None:
            load(path)
    except FileNotFoundError:
        return
    except (ValueError, RecursionError):
        mark = UNREADABLE
    if mark is None:
        return
    kept, n = out / f"results-{mark}.json", 1
    while kept.exists():
        n += 1
        kept = out / f"results-{mark}-{n}.json"
    path.rename(kept)
    notice(f"results.json was written by another version or cannot be read: kept as {kept.name}")


def _other(found: Any) -> str | None:
    """What to call results by if they are not this version's; of signs that any file may have."""
    environment = found.get("environment") if isinstance(found, dict) else None
    version = environment.get("hatact") if isinstance(environment, dict) else None
    if not isinstance(version, str) or not isinstance(found.get("format", 1), int | str):
        return UNREADABLE
    if found.get("format") == FORMAT and version == hatact.__version__:
        return None
    mark = f"{version[:40]}-format-{str(found.get('format', 1))[:10]}"
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", mark)


def _attempt(claim: Claim, settings: Settings, lab: Lab) -> Outcome:
    try:
        return claim.judge(settings, lab)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "hatact":
            raise
        return Outcome(
            NOT_ATTEMPTED, f"{missing.name} is missing: pip install 'hatact[verify]' brings it"
        )


def _record(
    name: str,
    paper: Paper,
    claim: Claim,
    settings: Settings,
    outcome: Outcome,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    recorded = claim.recorded[settings.name]
    return {
        "id": claim.id,
        "paper": name,
        "title": paper.title,
        "authors": paper.authors,
        "year": paper.year,
        "arxiv": paper.arxiv,
        "name": claim.name,
        "statement": claim.statement,
        "source": claim.source,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "findings": outcome.findings,
        "recorded": recorded,
        "as_recorded": outcome.verdict == recorded,
        "quick": settings.quick,
        "command": settings.command(claim.id),
        "seconds": round(seconds["runs"], 1),
        "wall_seconds": round(seconds["wall"], 1),
        "measures": [asdict(measure) for measure in outcome.measures],
        "tables": outcome.tables,
        "figures": outcome.figures,
        "values": outcome.values,
        "timing": outcome.timing,
    }


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
