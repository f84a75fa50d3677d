"""How a kernel is launched: chosen among a few by timing, once, and remembered on disk.

A choice changes the time and not a bit of the result: what is chosen among are rows of a tile,
warps and stages, none of which alters the order of a sum.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch

_log = logging.getLogger("hatact")
_lock = threading.RLock()
_chosen: dict[tuple[str, str], Config] = {}  # of this process, by device and key
_read: set[Path] = set()  # files whose entries are among them


class Config(NamedTuple):
    """Rows of a tile, warps of a program, and stages of copies in flight."""

    rows: int
    warps: int
    stages: int


Launch = Callable[[Config], None]


def folder() -> Path:
    """Where choices are kept: $HATACT_CACHE_DIR, else hatact in $XDG_CACHE_HOME or ~/.cache."""
    given = os.environ.get("HATACT_CACHE_DIR")
    if given:
        return Path(given)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hatact"
    except RuntimeError:  # no home: a choice is no secret, and is checked when read
        return Path(tempfile.gettempdir()) / "hatact"


def _path(device: str) -> Path:
    import triton

    name = re.sub(r"[^A-Za-z0-9]+", "-", device).strip("-").lower()
    return folder() / f"tuned-{name}-triton-{triton.__version__}.json"


def _entries(path: Path) -> dict[str, Config]:
    """Those of a file. What is not as written here is said once, and will be written again."""
    try:
        found = json.loads(path.read_text())
        return {key: _config(value) for key, value in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        _log.warning("%s is not a cache of tuned launches (%s): it is made again", path, error)
        return {}


def _config(value: object) -> Config:
    if not (isinstance(value, list) and len(value) == 3 and all(type(n) is int for n in value)):
        raise ValueError(f"an entry must be three integers; got {value!r}")
    return Config(*value)


def _write(path: Path, key: str, config: Config) -> None:
    """Adds to what other processes wrote meanwhile; a reader never sees half of a file."""
    entries = _entries(path) | {key: config}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    except OSError as error:
        _log.debug("tuned launches are not kept: %s", error)
        return
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(entries, file, indent=1, sort_keys=True)
        os.replace(name, path)
    except OSError as error:
        _log.debug("tuned launches are not kept: %s", error)
        with suppress(OSError):
            os.unlink(name)


def _milliseconds(launch: Launch, config: Config) -> float:
    """Of a launch, the median; infinite where it does not fit the device."""
    from triton.runtime.errors import OutOfResources
    from triton.testing import do_bench

    try:
        found: float = do_bench(lambda: launch(config), warmup=5, rep=20, return_mode="median")
    except OutOfResources:
        return math.inf
    return found


@lru_cache(maxsize=64)
def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _can_time(device: torch.device) -> bool:
    return device.type == "cuda" and not torch.cuda.is_current_stream_capturing()


def launch_best(
    key: str, device: torch.device, configs: Sequence[Config], launch: Launch
) -> Config | None:
    """Launches with the fastest of `configs`; None, nothing launched, if none fits the device.

    The first that fits serves where nothing can be timed and nothing is remembered: off the GPU,
    and while a CUDA graph is captured.
    """
    from triton.runtime.errors import OutOfResources

    best = _chosen.get((_name(device), key))
    if best not in configs and len(configs) > 1 and _can_time(device):
        with _lock:
            best = _best(key, device, configs, launch)
        if best is None:
            return None
    for config in configs if best is None or best not in configs else (best, *configs):
        with suppress(OutOfResources):
            launch(config)
            return config
    return None


def _best(
    key: str, device: torch.device, configs: Sequence[Config], launch: Launch
) -> Config | None:
    name = _name(device)
    path = _path(name)
    if path not in _read:
        _read.add(path)
        for found, config in _entries(path).items():
            _chosen.setdefault((name, found), config)
    known = _chosen.get((name, key))
    if known in configs:  # an entry of another version need not be
        return known
    times = {config: _milliseconds(launch, config) for config in configs}
    best = min(times, key=lambda config: times[config])
    if times[best] == math.inf:
        return None
    _log.debug("%s on %s: %s of %s", key, name, best, times)
    _chosen[name, key] = best
    _write(path, key, best)
    return best
