"""Runs claims one after the other and keeps results.json current; knows no paper."""

from __future__ import annotations

import json
import math
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

import hatact
from hatact import ops
from hatact.claims._pool import Advance

REPRODUCED = "reproduced"
PARTLY = "partly"
NOT_REPRODUCED = "not reproduced"
NOT_ATTEMPTED = "not attempted"


@dataclass(frozen=True)
class Settings:
    """How to run: quick or full, how many seeds (0, 1, …), on which device."""

    quick: bool
    seeds: int
    device: str = "cpu"

    @property
    def name(self) -> str:
        """The key of the recorded verdict."""
        return "quick" if self.quick else "full"


@dataclass
class Outcome:
    """What a claim's run found, in `findings` also what the verdict does not hang on.

    `figures` are data for the pictures, `table` for the terminal.
    """

    verdict: str
    reason: str
    findings: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    table: dict[str, Any] = field(default_factory=dict)
    figures: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Claim:
    """One sentence, and the run that decides it.

    Args:
        id: unique, "paper/word".
        statement: what is claimed, decidable, one sentence.
        recorded: the verdict that this package's own runs gave, by "quick" and "full".
        work: the size of the run, in any unit that its `Advance` also uses.
        run: the run itself; it calls its `Advance` with every share of the work that is done.
    """

    id: str
    statement: str
    recorded: Mapping[str, str]
    work: Callable[[Settings], float]
    run: Callable[[Settings, Advance], Outcome]


@dataclass(frozen=True)
class Paper:
    """A paper and its claims."""

    title: str
    arxiv: str
    claims: tuple[Claim, ...]


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
    begin: Callable[[Claim, float], Advance],
) -> dict[str, Any]:
    """Run every claim of the chosen papers; results.json in `out` is rewritten after each.

    `begin(claim, work)` is told of a claim before it starts and returns its `Advance`.
    """
    results: dict[str, Any] = {"environment": environment(settings), "claims": []}
    with _flush_denormal():
        for name, paper in chosen.items():
            for claim in paper.claims:
                advance = begin(claim, claim.work(settings))
                start = time.perf_counter()
                outcome = _attempt(claim, settings, advance)
                seconds = time.perf_counter() - start
                results["claims"].append(_record(name, paper, claim, settings, outcome, seconds))
                write_json(results, out / "results.json")
    return results


def _attempt(claim: Claim, settings: Settings, advance: Advance) -> Outcome:
    try:
        return claim.run(settings, advance)
    except ModuleNotFoundError as missing:
        return Outcome(
            NOT_ATTEMPTED, f"{missing.name} is missing: pip install 'hatact[verify]' brings it"
        )


def _record(
    name: str, paper: Paper, claim: Claim, settings: Settings, outcome: Outcome, seconds: float
) -> dict[str, Any]:
    recorded = claim.recorded[settings.name]
    return {
        "id": claim.id,
        "paper": name,
        "title": paper.title,
        "arxiv": paper.arxiv,
        "statement": claim.statement,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "findings": outcome.findings,
        "recorded": recorded,
        "as_recorded": outcome.verdict == recorded,
        "quick": settings.quick,
        "seconds": round(seconds, 1),
        "values": outcome.values,
        "table": outcome.table,
        "figures": outcome.figures,
    }


@contextmanager
def _flush_denormal() -> Iterator[None]:
    """Dead compact units make Adam's moments denormal, which can slow a run tenfold."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def write_json(data: Any, path: Path) -> None:
    """Strict JSON (NaN and inf become null), written aside and renamed: whole or not at all."""
    aside = path.with_name(path.name + ".part")
    aside.write_text(json.dumps(_plain(data), indent=1, allow_nan=False, ensure_ascii=False))
    os.replace(aside, path)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value


def median(values: Sequence[float | None]) -> float:
    """The median, None counting as inf: of an even number, the upper of the middle two.

    The upper one, so that half of the seeds failing is a failure and never half a number.
    """
    ordered = sorted(math.inf if v is None else float(v) for v in values)
    return ordered[len(ordered) // 2]
