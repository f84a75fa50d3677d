"""Limits and ticks of an axis from the values on it: few, round, written without mathtext."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hatact.report._format import power

MARGIN = 0.04
APART = 0.1  # least distance of two labels on x, as a share of its length


def set_x(axis: Any, scale: str, values: Sequence[float], at: Sequence[float] | None) -> None:
    """x's scale, limits around the values (NaN left out) and ticks, those of `at` if given."""
    ends = _limits(scale, values)
    if ends:
        fix_x(axis, scale, *ends, at)


def set_y(axis: Any, scale: str, values: Sequence[float]) -> None:
    """The same of y."""
    ends = _limits(scale, values)
    if ends:
        fix_y(axis, scale, *ends)
    else:
        nothing(axis)


def fix_x(axis: Any, scale: str, low: float, high: float, at: Sequence[float] | None) -> None:
    """x from `low` to `high`; of `at` the ticks that have room."""
    axis.set(xscale=scale, xlim=(low, high))
    ticks = _ticks(scale, low, high) if at is None else _roomy(scale, low, high, at)
    axis.set_xticks(ticks, labels(ticks))
    axis.minorticks_off()


def fix_y(axis: Any, scale: str, low: float, high: float, below: float = math.inf) -> None:
    """y from `low` to `high`, ticks up to `below`."""
    axis.set(yscale=scale, ylim=(low, high))
    ticks = [t for t in _ticks(scale, low, high) if t <= below]
    axis.set_yticks(ticks, labels(ticks))
    axis.minorticks_off()


def nothing(axis: Any) -> None:
    """Say on an axis that there is no value to show."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.annotate("no value", (0.5, 0.5), xycoords="axes fraction", ha="center", va="center")


def labels(ticks: Sequence[float]) -> list[str]:
    """0.5, 20, −3; on an axis with a very large or small tick 1, 10, 10², 2×10⁵."""
    plain = all(t == 0 or 1e-3 <= abs(t) < 1e5 for t in ticks)
    return [_label(t, plain) for t in ticks]


def _label(value: float, plain: bool) -> str:
    text = f"{value:.8g}" if plain or value in (0, 1, 10) else power(value, 6)
    return text.replace("-", "−")


def _limits(scale: str, values: Sequence[float]) -> tuple[float, float] | None:
    kept = [v for v in values if math.isfinite(v)]
    if not kept:
        return None
    if scale == "log":
        low, high = math.log(min(kept)), math.log(max(kept))
        room = MARGIN * (high - low) or math.log(2)
        return math.exp(low - room), math.exp(high + room)
    room = MARGIN * (max(kept) - min(kept)) or abs(kept[0]) / 2 or 1.0
    return min(kept) - room, max(kept) + room


def _ticks(scale: str, low: float, high: float) -> list[float]:
    from matplotlib.ticker import MaxNLocator

    if scale == "log" and high >= 10 * low:
        powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
        found = [10.0**p for p in powers]
        inside = [t for t in found if t >= low]
        if len(inside) < 3:
            inside = [m * t for t in found for m in (1, 2, 5) if low <= m * t <= high]
        return inside[:: math.ceil(len(inside) / 6)]
    ticks = MaxNLocator(5).tick_values(low, high)
    return [float(t) for t in ticks if low <= t <= high]


def _roomy(scale: str, low: float, high: float, at: Sequence[float]) -> list[float]:
    """The ticks of `at` that lie on the axis, each with room to the one before."""
    here = sorted(t for t in at if low <= t <= high)
    place = math.log if scale == "log" else float
    length = place(high) - place(low)
    kept: list[float] = []
    for tick in reversed(here):
        if not kept or place(kept[-1]) - place(tick) >= APART * length:
            kept.append(tick)
    return kept[::-1]
