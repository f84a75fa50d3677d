"""A made-up paper with real trainings, and a process that verifies it and is killed meanwhile.

`python -m tests.support.claims_killed FOLDER` verifies into FOLDER, each time in a process
of its own: five times it is killed, the sixth time left alone. It prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from hatact.claims.engine import Claim, Measure, Outcome, Plan, Row, Settings, Study, Timing
from hatact.claims.engine import results as engine
from tests.support.claims_made import Watch, paper, train

MARK = "HATACT_TEST_KILLED"
"""A variable of the environment that all processes of one test share."""
SETTINGS = Settings(quick=True, seeds=2)
SCALES = {"low": (1, 2, 3, 4, 5, 6), "high": (5, 6, 7, 8, 9, 10)}  # two are shared
TIMED = (Row("hat"), Row("relu"))


def runs(name: str) -> dict[str, Plan]:
    rows = [Row("hat", scale) for scale in SCALES[name]]
    width = {"width": 160}
    study = Study(train, SETTINGS, 80, 1.4e-3, rows, arguments=width, batch=1)
    return {"trained": study, "timed": Timing(TIMED, 1, 16, 8, 3, 1e-4)}


def judge(settings: Settings, given: dict[str, Any]) -> Outcome:
    trained = given["trained"].runs
    ends = {str(row): [r["losses"][-1] for r in records] for row, records in trained.items()}
    return Outcome(
        "reproduced",
        f"{ends}",
        measures=[Measure.over(row, losses) for row, losses in ends.items()],
        values={str(row): [r["losses"] for r in records] for row, records in trained.items()},
        timing={str(row): seconds for row, seconds in given["timed"].items()},
    )


PAPERS = paper(
    *(
        Claim(
            id=f"made/{name}",
            name=f"Of {name}",
            statement="A thing holds.",
            source="nowhere",
            recorded={"quick": "reproduced", "full": "reproduced"},
            runs=lambda settings, name=name: runs(name),
            judge=judge,
        )
        for name in SCALES
    )
)


def entries(out: Path) -> dict[str, Any]:
    """What the cache keeps, by the name of the file."""
    return {path.name: json.loads(path.read_bytes()) for path in (out / "cache").glob("*.json")}


def processes(mark: str) -> list[int]:
    """Living processes, other than this one, that have the mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            marked = f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # another's, or gone
            continue
        if marked and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def attempt(out: Path) -> int:
    """Verify in a process of its own; its id."""
    child = os.fork()
    if child:
        return child
    try:
        engine.run(PAPERS, SETTINGS, out, Watch(), workers=2)
        os._exit(0)
    finally:
        os._exit(1)


def wait_for(out: Path, count: int, seconds: float = 120) -> None:
    """Until the cache keeps so many runs."""
    end = time.monotonic() + seconds
    while len([*(out / "cache").glob("*.json")]) < count and time.monotonic() < end:
        time.sleep(0.002)


def main() -> None:
    """Five kills and a run to the end."""
    import_module("torch._dynamo")  # slow, and every optimiser does it

    out, moments, seen = Path(sys.argv[1]), random.Random(0), []
    for late in (False, True, False, True, False):
        kept = len(entries(out))
        child = attempt(out)
        if late:
            wait_for(out, kept + moments.randint(1, 4))
        time.sleep((0.1 if late else 2) * moments.random())
        alive = len(processes(os.environ[MARK]))
        os.kill(child, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        seen.append(
            {"status": status, "found": kept, "left": len(entries(out)), "processes": alive}
        )
    last = os.waitstatus_to_exitcode(os.waitpid(attempt(out), 0)[1])
    print(json.dumps({"kills": seen, "last": last}))


if __name__ == "__main__":
    main()
