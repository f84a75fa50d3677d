"""Finished runs on disk, one file each, so that a verification resumes and a repeated one is quick.

A run's key holds everything its numbers depend on: the function and its arguments, the seeds, the
device, torch, the kernels' backend, and the text of every module of hatact that the function's own
module reaches by imports, with the compiled library's bytes and the versions of the packages that
data come from.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import pkgutil
import reprlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from hatact import ops
from hatact.backends import extension

DATA = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
"""Packages that bring data, and their distributions."""
DISCOVERING = ("hatact.activations",)
"""Packages that find their modules by walking their folder, not by imports."""


def key_of(run: Callable[..., Any], arguments: Mapping[str, Any], device: str) -> dict[str, Any]:
    """What identifies a run, as plain JSON."""
    return {
        "run": f"{run.__module__}.{run.__qualname__}",
        "arguments": _plain(dict(arguments)),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "backend": ops.current_backend(device),
        "capability": _capability() if device == "cpu" else None,
        "torch": str(torch.__version__),
        "code": code_version(run.__module__),
    }


def _capability() -> str | None:
    return extension.cpu_capability() if ops.current_backend("cpu") == "extension" else None


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(v) for v in value]
    return value


@lru_cache
def code_version(module: str) -> str:
    """A digest of the sources that `module` reaches by imports within hatact, and the library's."""
    digest = hashlib.sha256()
    for path in _sources(module):
        content = path.read_bytes()
        digest.update(path.name.encode() + b"\0" + content + b"\0")
        for package, distribution in DATA.items():
            if path.suffix == ".py" and package.encode() in content:
                digest.update(f"{distribution} {_installed(distribution)}".encode())
    return digest.hexdigest()[:16]


def _installed(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "missing"


def _sources(module: str) -> list[Path]:
    """Files of the modules reached, sorted; compiled libraries where backends are among them."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or (path := _file(name)) is None:
            continue
        found[name] = path
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        source = path.read_text(encoding="utf-8")
        waiting += _imported(source, package)
        if name in DISCOVERING:
            waiting += [f"{name}.{m.name}" for m in pkgutil.iter_modules([str(path.parent)])]
    paths = sorted(found.values())
    if "hatact.backends.extension" in found:
        paths += sorted(_file("hatact").parent.glob("*.so"))  # type: ignore[union-attr]
    return paths


def _file(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _imported(source: str, package: str) -> set[str]:
    """Modules of hatact that a source names in imports; `from a import b` may mean a or a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, *([base] if base else [])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.split(".")[0] == "hatact" and name != "hatact.claims"}


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


def write_whole(path: Path, text: str) -> None:
    """Written aside and renamed: whole or not at all, whenever the process is killed."""
    aside = path.with_name(path.name + ".part")
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
