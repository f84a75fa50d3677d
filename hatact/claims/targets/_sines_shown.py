"""The runs of `_sines` as figures and a table; apart, so that runs stay valid when these change."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from hatact.claims.engine.runs import Record
from hatact.claims.engine.statistics import median
from hatact.claims.targets.sines import FREQUENCIES


def heat_map(
    panels: Mapping[str, Record], name: str, title: str, caption: str = ""
) -> dict[str, Any]:
    """The normalised spectrum over training, one panel a run, as data for the pictures."""
    return {
        "kind": "heat_maps",
        "name": name,
        "title": title,
        "caption": caption,
        "x_label": "frequency k (cycles per unit length)",
        "y_label": "training step",
        "z_label": "normalised spectrum (1: learnt)",
        "panels": [
            {
                "title": label,
                "x": list(FREQUENCIES),
                "y": of["shown_steps"][1:],  # the axis is logarithmic
                "z": of["spectrum"][1:],
            }
            for label, of in panels.items()
        ],
    }


def arrivals(
    rows: Mapping[str, Sequence[Record]], horizon: int, name: str, title: str, caption: str = ""
) -> dict[str, Any]:
    """Steps to 10 % residual against frequency, every seed, as data for the pictures."""
    return {
        "kind": "arrivals",
        "name": name,
        "title": title,
        "caption": caption,
        "x": list(FREQUENCIES),
        "horizon": horizon,
        "x_label": "frequency k (cycles per unit length)",
        "y_label": "steps to 10 % residual",
        "series": [
            {"label": label, "seeds": [r["steps_to_10_percent"] for r in of]}
            for label, of in rows.items()
        ],
    }


def table(rows: Mapping[str, Sequence[Record]]) -> dict[str, Any]:
    """Medians over seeds: steps to 10 % by frequency, the bias exponent, the final loss."""
    lines = []
    for name, of in rows.items():
        arrived = [r["steps_to_10_percent"] for r in of]
        middle = [median(column) for column in zip(*arrived, strict=True)]
        slopes = [r["bias_exponent"] for r in of if r["bias_exponent"] is not None]
        mark = "*" if any(r["frequencies_not_reached"] for r in of) else ""
        lines.append(
            [
                name,
                *("–" if math.isinf(m) else f"{m:g}" for m in middle),
                f"{statistics.median(slopes):.2f}{mark}" if slopes else "–",
                f"{median([r['final_loss'] for r in of]):.2g}",
            ]
        )
    return {
        "title": "Steps to 10 % residual by k (– never), bias exponent p (* not all k arrived), "
        "final loss; medians",
        "columns": ["k =", *map(str, FREQUENCIES), "p", "loss"],
        "rows": lines,
    }
