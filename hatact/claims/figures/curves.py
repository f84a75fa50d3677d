"""Figures as data: what results.json holds and `hatact.report` draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hatact.claims.engine.statistics import median


def band(label: str, x: Sequence[float], seeds: Sequence[Sequence[float | None]]) -> dict[str, Any]:
    """A line, the median over seeds, and around it their range; one sequence over x a seed.

    A point at x = 0 is left out: these axes are logarithmic, or start where training starts.
    """
    points = [(a, c) for a, *c in zip(x, *seeds, strict=True) if a > 0]
    numbers = [[math.inf if v is None or math.isnan(v) else v for v in c] for _, c in points]
    return {
        "label": label,
        "x": [a for a, _ in points],
        "y": [median(c) for c in numbers],
        "low": [min(c) for c in numbers],
        "high": [max(c) for c in numbers],
    }


def curves(
    name: str,
    title: str,
    panels: Sequence[tuple[str, Sequence[dict[str, Any]]]],
    *,
    x: str,
    y: str,
    legend: str,
    caption: str = "",
    scales: str = "linear linear",
    share_y: bool = True,
    ticks: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Lines, one panel a (title, series); `x` and `y` label the axes, `scales` says x's and y's."""
    x_scale, y_scale = scales.split()
    figure: dict[str, Any] = {
        "kind": "curves",
        "name": name,
        "title": title,
        "caption": caption,
        "x_label": x,
        "y_label": y,
        "x_scale": x_scale,
        "y_scale": y_scale,
        "share_y": share_y,
        "legend": legend,
        "panels": [{"title": heading, "series": list(series)} for heading, series in panels],
    }
    return figure if ticks is None else {**figure, "x_ticks": list(ticks)}
