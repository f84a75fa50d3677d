"""What is printed at the end: the worst first, in few lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.gpu.boxes import Ended

MOST_LINES, MOST_WIDTH = 60, 190
_FAILURES, _LOG = 8, 3  # lines of one stage at most


def lines(ended: Sequence[Ended], notes: Sequence[str], logs: Path) -> list[str]:
    """First stages that did not end by themselves, then what failed, what was left out, and last
    what was found."""
    worst = [line for e in ended if e.why for line in (f"{e.stage.name}: {e.why}", *_log(e, logs))]
    failed = [line for e in ended for line in _failures(e)]
    left = [line for e in ended for line in _left_out(e)]
    told = [f"{e.stage.name}: {said}" for e in ended for said in e.record.get("says", [])]
    state = ", ".join(f"{e} {e.seconds:.0f} s" for e in ended)
    found = [state, *notes, *worst, *failed, *left]
    room = max(0, MOST_LINES - len(found))
    if len(told) > room:
        told = [*told[: max(0, room - 1)], f"… and {len(told) - room + 1} more in the files"]
    return [line[:MOST_WIDTH] for line in (*found, *told)][:MOST_LINES]


def _failures(of: Ended) -> list[str]:
    found = [f"{of.stage.name} FAILED {sentence}" for sentence in of.record.get("failures", [])]
    if len(found) > _FAILURES:
        # From both ends: what one thing broke stands together, and another is not to be hidden.
        more = f"{of.stage.name} FAILED … {len(found) - _FAILURES + 1} more in its file …"
        found = [*found[: _FAILURES // 2], more, *found[1 - _FAILURES // 2 :]]
    return found


def _left_out(of: Ended) -> list[str]:
    found = of.record.get("left_out", [])
    if not found:
        return []
    return [f"{of.stage.name} left out {len(found)}: {'; '.join(found)}"]


def _log(of: Ended, logs: Path) -> list[str]:
    """The end of what a stage printed that did not end by itself."""
    try:
        said = (logs / f"{of.stage.name}.log").read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [f"    {line}" for line in said[-_LOG:] if line.strip()]
