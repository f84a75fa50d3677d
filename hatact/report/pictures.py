"""Pictures of a run, drawn from the data in results.json alone; one function per kind of figure.

Colours are safe for colour-blind readers: viridis, and the palette of Okabe and Ito.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

Figure = Mapping[str, Any]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DPI = 120


def draw(results: Mapping[str, Any], out: Path) -> list[Path]:
    """Write every figure of every claim as a PNG in `out`; the paths."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    paths = []
    for claim in results["claims"]:
        for figure in claim["figures"]:
            canvas = DRAW[figure["kind"]](figure)
            path = out / f"{figure['name']}.png"
            canvas.savefig(path, dpi=DPI)
            pyplot.close(canvas)
            paths.append(path)
    return paths


def _grid(count: int, columns: int, width: float, height: float, **more: Any) -> tuple[Any, Any]:
    """A figure and `count` axes in rows of `columns`; axes that are left over are switched off."""
    from matplotlib import pyplot

    columns = min(columns, count)
    rows = math.ceil(count / columns)
    canvas, axes = pyplot.subplots(
        rows,
        columns,
        figsize=(width * columns + 0.9, height * rows + 0.9),
        squeeze=False,
        layout="constrained",
        **more,
    )
    flat = list(axes.flat)
    for spare in flat[count:]:
        spare.axis("off")
    return canvas, flat[:count]


def _edges(centres: Sequence[float], logarithmic: bool) -> list[float]:
    values = [math.log(c) for c in centres] if logarithmic else list(centres)
    if len(values) == 1:
        inner, first, last = [], values[0] - 0.5, values[0] + 0.5
    else:
        inner = [(a + b) / 2 for a, b in pairwise(values)]
        first = values[0] - (inner[0] - values[0])
        last = values[-1] + (values[-1] - inner[-1])
    edges = [first, *inner, last]
    return [math.exp(e) for e in edges] if logarithmic else edges


def heat_maps(figure: Figure) -> Any:
    """Frequency against training step (logarithmic), one panel a network, one colour bar."""
    panels = figure["panels"]
    canvas, axes = _grid(len(panels), 4, 3.0, 3.0, sharex=True, sharey=True)
    mesh = None
    for axis, panel in zip(axes, panels, strict=True):
        mesh = axis.pcolormesh(
            _edges(panel["x"], False),
            _edges(panel["y"], True),
            panel["z"],
            vmin=0,
            vmax=1,
            cmap="viridis",
            rasterized=True,
        )
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.set_xticks(panel["x"][1::2])
        axis.set_title(panel["title"])
    canvas.supxlabel(figure["x_label"], fontsize="medium")
    canvas.supylabel(figure["y_label"], fontsize="medium")
    canvas.suptitle(figure["title"])
    canvas.colorbar(mesh, ax=axes, label=figure["z_label"], shrink=0.95)
    return canvas


def arrivals(figure: Figure) -> Any:
    """Steps to the threshold: every seed a dot, the median a line; above, what never arrived."""
    canvas, (axis,) = _grid(1, 1, 8.0, 4.6)
    horizon, ks = figure["horizon"], figure["x"]
    top = horizon * 1.35
    arrived = [
        s for series in figure["series"] for c in series["seeds"] for s in c if s is not None
    ]
    lowest = max(min(arrived, default=horizon), 1)
    for i, series in enumerate(figure["series"]):
        colour = PALETTE[i % len(PALETTE)]
        columns = [
            sorted(math.inf if s is None else max(s, 1) for s in c)
            for c in zip(*series["seeds"], strict=True)
        ]
        middle = [c[len(c) // 2] for c in columns]
        for k, column in zip(ks, columns, strict=True):
            dots = [s for s in column if s < math.inf]
            axis.plot([k] * len(dots), dots, ".", color=colour, markersize=4, alpha=0.6)
        look = {"color": colour, "marker": MARKERS[i % len(MARKERS)], "markersize": 5}
        line = STYLES[i // len(PALETTE) % len(STYLES)]
        axis.plot(
            ks,
            [m if m < math.inf else math.nan for m in middle],
            line,
            **look,
            label=series["label"],
        )
        never = [k for k, m in zip(ks, middle, strict=True) if m == math.inf]
        axis.plot(never, [top] * len(never), linestyle="", **look)
        top *= 1.12
    axis.axhspan(horizon, top * 1.05, color="0.93", zorder=0)
    axis.annotate(
        f"not within {horizon} steps", (0.01, 0.985), xycoords="axes fraction", va="top", size=8
    )
    axis.set(
        xscale="log",
        yscale="log",
        xlabel=figure["x_label"],
        ylabel=figure["y_label"],
        title=figure["title"],
        ylim=(lowest * 0.6, top * 1.4),
    )
    axis.set_xticks(ks, [str(k) for k in ks])
    axis.set_yticks([10**p for p in range(9) if lowest * 0.6 <= 10**p <= horizon])
    axis.minorticks_off()
    axis.yaxis.set_major_formatter("{x:g}")
    axis.grid(alpha=0.3)
    axis.legend(
        loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize="small", reverse=True
    )
    return canvas


def curves(figure: Figure) -> Any:
    """Lines over training, one panel a network or a measure, one legend for all."""
    panels = figure["panels"]
    canvas, axes = _grid(len(panels), 4, 3.2, 3.0, sharey=figure["share_y"])
    for axis, panel in zip(axes, panels, strict=True):
        for i, series in enumerate(panel["series"]):
            axis.plot(
                panel["x"],
                series["y"],
                STYLES[i // len(PALETTE) % len(STYLES)],
                color=PALETTE[i % len(PALETTE)],
                label=series["label"],
            )
        axis.set_title(panel["title"])
        axis.grid(alpha=0.3)
    canvas.supxlabel(figure["x_label"], fontsize="medium")
    canvas.supylabel(figure["y_label"], fontsize="medium")
    canvas.suptitle(figure["title"])
    handles, labels = axes[0].get_legend_handles_labels()
    canvas.legend(handles, labels, title=figure["legend"], loc="outside right center")
    return canvas


def images(figure: Figure) -> Any:
    """Grey images side by side, a note under each."""
    canvas, axes = _grid(len(figure["panels"]), 5, 2.3, 2.7)
    for axis, panel in zip(axes, figure["panels"], strict=True):
        axis.imshow(panel["image"], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_title(panel["title"], fontsize="medium")
        axis.set_xlabel(panel["note"], fontsize="small")
        axis.set_xticks([])
        axis.set_yticks([])
    canvas.suptitle(figure["title"])
    return canvas


DRAW = {"heat_maps": heat_maps, "arrivals": arrivals, "curves": curves, "images": images}
