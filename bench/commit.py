"""Which commit is measured."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def commit() -> str | None:
    """What is measured; where git is not installed, what was prepared with it."""
    try:
        run = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        found = run.stdout.strip()
    except OSError:
        found = ""
    return found or _prepared_commit()


def _prepared_commit() -> str | None:
    try:
        found = json.loads((ROOT / ".gpu" / "manifest.json").read_text())["commit"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None
