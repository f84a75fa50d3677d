"""What a stage found: one JSON file, whole at every moment, whenever the stage is cut."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from bench.gpu.setting import Setting
from bench.tables import FORMAT

_EVERY = 0.5  # seconds between two writes, of rows that come one by one


class Record:
    """A stage's file. `failures`, `left_out` and `says` are sentences, which the summary prints."""

    def __init__(self, path: Path, stage: str, setting: Setting) -> None:
        self.path, self._setting, self._written = path, setting, 0.0
        self.data: dict[str, Any] = {
            "format": FORMAT,
            "stage": stage,
            "rehearsal": setting.kind != "gpu",
            "complete": False,
            "seconds": 0.0,
            "environment": {},
            "failures": [],
            "left_out": [],
            "says": [],
        }
        self.write()

    def put(self, key: str, value: object) -> None:
        self.data[key] = value
        self.write()

    def add(self, key: str, entry: object) -> None:
        """One entry more of a list."""
        self.data.setdefault(key, []).append(entry)
        self.touch()

    def touch(self) -> None:
        """What was put may have changed by now."""
        if time.monotonic() - self._written > _EVERY:
            self.write()

    def fail(self, sentence: str) -> None:
        """Something is wrong: the summary says it, and the exit status is not 0."""
        self.data["failures"].append(sentence)
        self.write()

    def say(self, sentence: str) -> None:
        self.data["says"].append(sentence)

    def leave_out(self, what: str, why: str = "no time was left") -> None:
        self.add("left_out", f"{what}: {why}")

    def time_for(self, what: str, seconds: float) -> bool:
        """Whether so many are left in the box; else `what` is left out."""
        if self._setting.left >= seconds:
            return True
        self.leave_out(what)
        return False

    def write(self, *, complete: bool = False) -> None:
        """The file is replaced, so that no reader sees half of one."""
        self._written = time.monotonic()
        self.data["complete"] = complete
        self.data["seconds"] = round(self._written - self._setting.start, 2)
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        part.write_text(json.dumps(self.data, indent=1) + "\n")
        part.replace(self.path)
