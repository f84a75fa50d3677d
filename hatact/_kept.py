"""Values kept on disk, one JSON file each, so that work done once need not be done again."""

from __future__ import annotations

import hashlib
import json
import reprlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hatact._files import write_whole

_UNREADABLE = (OSError, ValueError, RecursionError)
_PARTS = ("key", "seconds", "check", "value")


class Cache:
    """Entries in a folder: `<digest of the key>.json` with key, seconds, value and its checksum.

    Args:
        folder: made when the first entry is written.
        notice: told, in a sentence, of every entry that cannot be used.
        fresh: take only what this object has written itself.
    """

    def __init__(self, folder: Path, notice: Callable[[str], None], fresh: bool = False) -> None:
        self.folder = folder
        self.notice = notice
        self._written: set[Path] | None = set() if fresh else None

    def _path(self, key: Mapping[str, Any]) -> Path:
        return self.folder / f"{_digest(key)}.json"

    def get(self, key: Mapping[str, Any]) -> tuple[Any, float] | None:
        """The value and the seconds it took; None if there is none or it is corrupted."""
        try:
            return self._read(key)
        except _UNREADABLE as error:
            name = self._path(key).name
            self.notice(f"the kept run {name} is corrupted ({_reason(error)}): it is done again")
            return None

    def _read(self, key: Mapping[str, Any]) -> tuple[Any, float] | None:
        path = self._path(key)
        if self._written is not None and path not in self._written:
            return None
        try:
            entry = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        if not isinstance(entry, dict) or not all(part in entry for part in _PARTS):
            raise ValueError(f"it must hold {', '.join(_PARTS)} and does not")
        value, seconds = entry["value"], _seconds(entry["seconds"])
        if entry["check"] != _digest([entry["key"], seconds, value]):
            raise ValueError("its checksum does not match")
        if _digest(entry["key"]) != _digest(key):
            raise ValueError("it is another run's")
        return value, seconds

    def holds(self, key: Mapping[str, Any]) -> bool:
        """Whether there is an entry that can be used; says nothing of one that cannot."""
        try:
            return self._read(key) is not None
        except _UNREADABLE:
            return False

    def put(self, key: Mapping[str, Any], value: Any, seconds: float) -> Any:
        """Keep a value; returns it as :meth:`get` will, having gone through JSON."""
        key, value = json.loads(json.dumps([key, value]))
        check = _digest([key, seconds, value])
        entry = {"key": key, "seconds": seconds, "check": check, "value": value}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._path(key), json.dumps(entry, ensure_ascii=False))
        if self._written is not None:
            self._written.add(self._path(key))
        return value


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return str((isinstance(error, OSError) and error.strerror) or error)


def _seconds(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= sys.float_info.max:
        got = reprlib.repr(value)
        raise ValueError(f"its seconds must be a finite number, at least 0; got {got}")
    return float(value)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
