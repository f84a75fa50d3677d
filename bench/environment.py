"""What the figures were measured on, and where they are kept."""

from __future__ import annotations

import os
import platform
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

import hatact
from bench.commit import commit
from hatact.backends import extension


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found[1].strip() if found else platform.processor() or platform.machine()


def environment(device: str) -> dict[str, Any]:
    """Versions, hardware, commit and date."""
    reason = extension.unavailable("cpu")
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "commit": commit(),
        "device": torch.cuda.get_device_name() if device == "cuda" else _cpu_model(),
        "cpu_capability": extension.cpu_capability() if reason is None else None,
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "hatact": hatact.__version__,
    }


def results_path(device: str, out: Path) -> Path:
    """OUT/<device>/<date>.json"""
    facts = environment(device)
    name = facts["device"] if device == "cuda" else f"{facts['device']} {facts['cpu_capability']}"
    return out / slug(name) / f"{facts['date']}.json"


def slug(name: str) -> str:
    """A device's name as that of a folder."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
