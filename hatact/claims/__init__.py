"""One file or folder per paper. It defines `PAPER`; `papers()` finds all, no list is kept."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from hatact.claims._engine import DEFAULT_SEEDS, Claim, Outcome, Paper, Settings
from hatact.claims._statistics import Measure

__all__ = ["DEFAULT_SEEDS", "Claim", "Measure", "Outcome", "Paper", "Settings", "papers"]


def papers() -> dict[str, Paper]:
    """Every paper by the name of its file, in alphabetical order."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return {name: import_module(f"{__name__}.{name}").PAPER for name in names}
