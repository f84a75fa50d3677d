"""A run's figures as PNG files, drawn from the data in results.json alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from hatact.claims.figures import Arrivals, Curves, Figure, HeatMaps, Images
from hatact.report import _axes, _looks
from hatact.report._figures import from_json

DPI = 100
LABEL = 40  # characters of a label on one line
SIZES = {  # columns at most, and a panel's width and height in inches
    Curves: (3, 4.2, 3.2),
    HeatMaps: (4, 3.4, 3.4),
    Arrivals: (1, 7.0, 4.8),
    Images: (5, 2.4, 2.9),
}


def draw(results: Mapping[str, Any], out: Path) -> list[Path]:
    """Write every figure of every claim as `out`/<name>.png; the paths."""
    paths = []
    for claim in results["claims"]:
        for figure in map(from_json, claim.get("figures", ())):
            path = out / f"{figure.name}.png"
            picture(figure, path)
            paths.append(path)
    return paths


def picture(figure: Figure, path: Path) -> None:
    """One figure: its panels in rows, the legend or the colour bar at the right."""
    from matplotlib import style
    from matplotlib.figure import Figure as Canvas

    titles = _axes.titles(figure)
    count = len(titles)
    most, width, height = SIZES[type(figure)]
    columns = 2 if count == 4 else max(min(most, count), 1)
    rows = max(math.ceil(count / columns), 1)
    with style.context({**_looks.RC, "figure.facecolor": "white"}, after_reset=True):
        size = (width * columns + _beside(figure), height * rows + 0.5)
        canvas = Canvas(figsize=size, layout="constrained")
        axes = list(canvas.subplots(rows, columns, squeeze=False).flat)
        for spare in axes[count:]:
            spare.axis("off")
        for index, (axis, title) in enumerate(zip(axes, titles, strict=False)):
            _axes.draw(figure, axis, index)
            axis.set_title(_axes.wrapped(title, LABEL))
        canvas.suptitle(fill(figure.title, int(12 * size[0]), max_lines=4, placeholder=" …"))
        if isinstance(figure, HeatMaps):
            _axes.colour_bar(canvas, figure.z_label, ax=axes, shrink=0.9, aspect=20 * rows)
        else:
            _legend(canvas, figure)
        canvas.savefig(path, dpi=DPI)


def _beside(figure: Figure) -> float:
    """Inches for the legend or the colour bar."""
    longest = max(map(len, _looks.looks(figure)), default=0)
    return 0.8 + 0.085 * min(longest, LABEL)


def _legend(canvas: Any, figure: Figure) -> None:
    from matplotlib.lines import Line2D

    looks = _looks.looks(figure)
    lines = [
        Line2D([], [], **look.line(), **({} if look.reference else look.dot()))
        for look in looks.values()
    ]
    if lines:
        title = _axes.wrapped(figure.legend, LABEL) if isinstance(figure, Curves) else ""
        canvas.legend(
            lines,
            [_axes.wrapped(label, LABEL) for label in looks],
            title=title or None,
            loc="outside right center",
        )
