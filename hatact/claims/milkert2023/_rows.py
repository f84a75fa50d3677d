"""The tasks of one row of a table, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence

from hatact.claims.engine.lab import Task
from hatact.claims.milkert2023 import _train
from hatact.claims.milkert2023._networks import CASCADES

PEAKS, RELEASED = (2.5e-3, 2e-5), (1e-3, 2e-5)
"""Seconds an update: of all networks together, and of each; peaks alone and all weights."""
LOOK = 2e-3
"""Seconds an epoch to measure the errors."""


def task(row: str, data: str, targets: Sequence[str], epochs: int, seeds: Sequence[int]) -> Task:
    """A row's networks on all targets from all seeds, trained in one batch."""
    arguments = {"row": row, "data": data, "targets": tuple(targets), "epochs": epochs}
    networks = len(targets) * len(seeds)
    first = PEAKS if row in CASCADES and row != "skip pre-train" else RELEASED
    cost = sum(LOOK + _train.UPDATES * (once + each * networks) for once, each in (first, RELEASED))
    return Task(_train.train, arguments, tuple(seeds), cost * epochs)
