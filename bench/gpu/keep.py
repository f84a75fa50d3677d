"""Keeps what was measured on a GPU: bench/results/<card>/<date>/, and README's tables of it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from bench import tables
from bench.environment import slug
from bench.gpu.stages import STAGES


class NotKept(ValueError):
    """Why a folder holds nothing to keep."""


def main(out: Path) -> int:
    """Keeps the stages' files and writes README; 2 if there is nothing to keep."""
    from bench import readme

    try:
        into = keep(out)
    except NotKept as error:
        print(f"python -m bench.gpu --keep: {error}", file=sys.stderr)
        return 2
    readme.update()
    print(f"kept in {into.relative_to(tables.RESULTS.parent.parent)}; README.md has its tables")
    return 0


def keep(out: Path) -> Path:
    """Copies the files of stages to a folder of the card and the date that they name.

    Raises:
        NotKept: if none was measured on a GPU, or they are of several.
    """
    paths = [out / stage.file for stage in STAGES if stage.keeps_record]
    found = {path: json.loads(path.read_text()) for path in paths if path.exists()}
    if not found:
        raise NotKept(f"there is no file of a stage in {out}")
    rehearsed = [path.name for path, record in found.items() if record["rehearsal"]]
    if rehearsed:
        raise NotKept(f"{', '.join(rehearsed)} was rehearsed without a GPU: it measures nothing")
    ran = [record["environment"] for record in found.values() if record["environment"]]
    places = {(slug(of["device"]), of["date"]) for of in ran}
    if len(places) != 1:
        raise NotKept(f"the files must be of one card and one day; got {sorted(places)}")
    into = tables.RESULTS.joinpath(*places.pop())
    into.mkdir(parents=True, exist_ok=True)
    for path in found:
        shutil.copy2(path, into)
    return into
