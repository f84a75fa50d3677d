"""How a kernel is launched: chosen among a few by timing, once, and remembered on disk.

A choice is meant to change the time and not a bit of the result: those who call choose among rows
of a tile, warps and stages that leave the order of every sum as it is.
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
_chosen: dict[tuple[str, str], Config | None] = {}  # of this process, by device and key
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


def _entries(path: Path, level: int) -> dict[str, Config]:
    """Those of a file. What is not as written here is said, at a level, and will be made again."""
    try:
        found = json.loads(path.read_text())
        return {key: _config(value) for key, value in found.items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        _log.debug("tuned launches are not read: %s", error)
        return {}
    except (ValueError, AttributeError, RecursionError) as error:
        _log.log(level, "%s is not a cache of tuned launches (%s): it is made again", path, error)
        return {}


def _config(value: object) -> Config:
    if not (isinstance(value, list) and len(value) == 3 and all(type(n) is int for n in value)):
        raise ValueError(f"an entry must be three integers; got {value!r}")
    return Config(*value)


def _write(path: Path, key: str, config: Config) -> None:
    """Adds to what other processes wrote meanwhile; a reader never sees half of a file."""
    entries = _entries(path, logging.DEBUG) | {key: config}
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n")
        part.replace(path)
    except OSError as error:
        _log.debug("tuned launches are not kept: %s", error)
        with suppress(OSError):
            part.unlink()


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


def _is_gpu(device: torch.device) -> bool:
    return device.type == "cuda"


def _can_time(device: torch.device) -> bool:
    return os.environ.get("HATACT_TUNE") != "0" and not torch.cuda.is_current_stream_capturing()


def launch_best(
    key: str, device: torch.device, configs: Sequence[Config], launch: Launch
) -> Config | None:
    """Launches with the fastest of `configs`; None, nothing launched, if none fits the device.

    The first that fits serves where nothing is timed and nothing is remembered: off the GPU, while
    a CUDA graph is captured, with no memory left to time in, and where HATACT_TUNE=0 says so.
    """
    from triton.runtime.errors import OutOfResources

    at = _name(device), key
    best = _chosen.get(at)
    if best not in configs and len(configs) > 1 and _is_gpu(device):
        with _lock:
            _read_once(at[0])
            best = _chosen.get(at)
            if best not in configs and _can_time(device):
                best = _tuned(at, configs, launch)
    if best is None and at in _chosen:
        return None
    for config in configs if best is None or best not in configs else (best, *configs):
        with suppress(OutOfResources):
            launch(config)
            return config
    return None


def _read_once(name: str) -> None:
    path = _path(name)
    if path not in _read:
        _read.add(path)
        for key, config in _entries(path, logging.WARNING).items():
            _chosen.setdefault((name, key), config)


def _tuned(at: tuple[str, str], configs: Sequence[Config], launch: Launch) -> Config | None:
    """The fastest, remembered, as is that none fits; None too where memory does not suffice."""
    name, key = at
    if at in _chosen and _chosen[at] is None:
        return None
    try:
        times = {config: _milliseconds(launch, config) for config in configs}
    except torch.OutOfMemoryError as error:  # do_bench has a buffer as large as the L2 cache
        _log.debug("%s on %s is not timed: %s", key, name, error)
        return None
    best = min(times, key=lambda config: times[config])
    _log.debug("%s on %s: %s of %s", key, name, best, times)
    if times[best] == math.inf:
        _chosen[at] = None
        return None
    _chosen[at] = best
    _write(_path(name), key, best)
    return best
