"""Lines and panels out of runs: medians over the seeds and their range."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hatact.analysis import median
from hatact.claims.figures.kinds import Arrivals, HeatMap, HeatMaps, Line, Panel, SeedSteps
from hatact.claims.figures.records import ByRow, of_records

TRAINING = {"steps": "training step", "seconds": "training time (s)"}
"""The label of an axis over training, by what counts it."""
BY_TIME = " Seconds: steps times the median of paired timings, one thread."
"""What a caption adds where seconds count it."""


def axes(
    x: str,
    y: str,
    scales: str = "linear linear",
    legend: str = "",
    ticks: Sequence[float] | None = None,
) -> dict[str, Any]:
    """Keywords of `Curves`: labels of x and y, their scales, what the labels name, x's ticks."""
    x_scale, y_scale = scales.split()
    labels = {"x_label": x, "y_label": y, "legend": legend}
    return {**labels, "x_scale": x_scale, "y_scale": y_scale, "x_ticks": ticks}


def band(label: str, x: Sequence[float], seeds: Iterable[Sequence[float | None]]) -> Line:
    """A line, the median over seeds, and around it their range; one sequence over x a seed.

    A point at x = 0 is left out: these axes are logarithmic, or start where training starts.
    """
    points = [(a, column) for a, *column in zip(x, *seeds, strict=True) if a > 0]
    finite = [[math.inf if v is None or math.isnan(v) else v for v in c] for _, c in points]
    return Line(
        label,
        [a for a, _ in points],
        [median(column) for column in finite],
        [min(column) for column in finite],
        [max(column) for column in finite],
    )


def row_lines(
    runs: ByRow, key: str, steps: str = "shown_steps", unit: Mapping[Any, float] | None = None
) -> list[Line]:
    """A line a row: the median and range of `record[key]`, one number a step.

    Args:
        steps: the key of the steps.
        unit: by row, what a step counts on x; 1 if not given.
    """
    lines = []
    for row, records in runs.items():
        x = [step * (unit[row] if unit else 1) for step in records[0][steps]]
        lines.append(band(str(row), x, of_records(records, key)))
    return lines


def component_panels(
    runs: ByRow,
    key: str,
    labels: Sequence[str],
    steps: str = "shown_steps",
    unit: Mapping[Any, float] | None = None,
) -> list[Panel]:
    """A panel a row, a line for every component of `record[key]`, which is one list a step."""
    panels = []
    for row, records in runs.items():
        x = [step * (unit[row] if unit else 1) for step in records[0][steps]]
        lines = [
            band(label, x, [[values[i] for values in record[key]] for record in records])
            for i, label in enumerate(labels)
        ]
        panels.append(Panel(str(row), lines))
    return panels


def arrivals(
    runs: ByRow,
    frequencies: Sequence[float],
    horizon: int,
    name: str,
    title: str,
    caption: str = "",
    key: str = "steps_to_10_percent",
    x_label: str = "frequency k (cycles per unit length)",
    y_label: str = "steps to 10 % residual",
) -> Arrivals:
    """Steps to 10 % residual, or `record[key]`, over k, of runs that had `horizon` steps."""
    return Arrivals(
        name=name,
        title=title,
        caption=caption,
        x=frequencies,
        horizon=horizon,
        x_label=x_label,
        y_label=y_label,
        series=[SeedSteps(str(row), of_records(records, key)) for row, records in runs.items()],
    )


def spectra(
    runs: ByRow, frequencies: Sequence[float], name: str, title: str, caption: str = ""
) -> HeatMaps:
    """The first seed's normalised "spectrum" at its "shown_steps", a panel a row."""
    return HeatMaps(
        name=name,
        title=title,
        caption=caption,
        x_label="frequency k (cycles per unit length)",
        y_label="training step",
        z_label="normalised spectrum (1: learnt)",
        panels=[  # the axis is logarithmic: step 0 is left out
            HeatMap(str(row), frequencies, first["shown_steps"][1:], first["spectrum"][1:])
            for row, (first, *_) in runs.items()
        ],
    )
