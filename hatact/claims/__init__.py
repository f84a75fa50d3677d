"""One file or folder per paper, beside what papers share: `engine`, `targets` and `figures`.

A paper defines `PAPER`; `papers()` finds all of them, and no list is kept.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from hatact.claims.engine.results import DEFAULT_SEEDS, Claim, Outcome, Paper, Settings
from hatact.claims.engine.statistics import Measure

__all__ = ["DEFAULT_SEEDS", "Claim", "Measure", "Outcome", "Paper", "Settings", "papers"]

ROOMS = {"engine", "targets", "figures"}
"""Folders that are no papers."""


def papers() -> dict[str, Paper]:
    """Every paper by the name of its file, in alphabetical order."""
    names = sorted({m.name for m in pkgutil.iter_modules(__path__)} - ROOMS)
    return {name: import_module(f"{__name__}.{name}").PAPER for name in names}
