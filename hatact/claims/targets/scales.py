"""The map of scales: which are tried of compact activations, and what bias is on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hatact.claims.figures.records import Record

RATIO = 1.5
"""Without bias the last frequency is learnt at most so many times as late as the first."""
SCALES = {"hat": (1, 2, 4, 6, 8, 10, 12, 16), "bw_relu": (1, 2, 3, 4, 5, 6, 8)}
NAMES = {"hat": "Hat", "bw_relu": "BW-ReLU"}


def learnt(records: Sequence[Record]) -> bool:
    """Whether any frequency was, in more than half of the seeds."""
    none = [all(s is None for s in record["steps_to_10_percent"]) for record in records]
    return sum(none) < len(none) / 2


def listed(scales: Iterable[float]) -> str:
    """The scales, within a sentence."""
    return ", ".join(f"{s:g}" for s in scales) or "no scale"
