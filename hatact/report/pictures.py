"""Pictures of a run, drawn from the data in results.json alone; one function per kind of figure.

Colours are safe for colour-blind readers: viridis, and the palette of Okabe and Ito.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
        inner = [(a + b) / 2 for a, b in zip(values[:-1], values[1:], strict=True)]
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
        axis.set_xticks(panel["x"][1::2])
        axis.set_title(panel["title"])
    canvas.supxlabel(figure["x_label"], fontsize="medium")
    canvas.supylabel(figure["y_label"], fontsize="medium")
    canvas.suptitle(figure["title"])
    canvas.colorbar(mesh, ax=axes, label=figure["z_label"], shrink=0.95)
    return canvas


def arrivals(figure: Figure) -> Any:
    """Steps to the threshold: median and range over seeds; what never arrived, above the line."""
    canvas, (axis,) = _grid(1, 1, 7.5, 4.2)
    horizon, ks = figure["horizon"], figure["x"]
    never = horizon * 1.6
    for i, series in enumerate(figure["series"]):
        seeds = [[never if s is None else max(s, 1) for s in seed] for seed in series["seeds"]]
        columns = [sorted(column) for column in zip(*seeds, strict=True)]
        middle = [c[len(c) // 2] for c in columns]
        colour = PALETTE[i % len(PALETTE)]
        shift = 1 + 0.012 * (i - len(figure["series"]) / 2)  # keeps equal points apart
        xs = [k * shift for k in ks]
        axis.plot(
            xs,
            middle,
            STYLES[i // len(PALETTE) % len(STYLES)],
            marker=MARKERS[i % len(MARKERS)],
            markersize=5,
            color=colour,
            label=series["label"],
        )
        axis.vlines(xs, [c[0] for c in columns], [c[-1] for c in columns], colors=colour, lw=1)
    axis.axhspan(horizon * 1.25, horizon * 2.1, color="0.9", zorder=0)
    axis.text(ks[-1], never * 1.02, f"not within {horizon} steps", ha="right", va="bottom", size=8)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel=figure["x_label"],
        ylabel=figure["y_label"],
        title=figure["title"],
        ylim=(None, horizon * 2.1),
    )
    axis.set_xticks(ks, [str(k) for k in ks])
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize="small")
    return canvas


def curves(figure: Figure) -> Any:
    """Lines over training, one panel a network or a measure, one legend for all."""
    panels = figure["panels"]
    canvas, axes = _grid(len(panels), 4, 3.2, 3.0, sharey=True)
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
    canvas, axes = _grid(len(figure["panels"]), 5, 2.3, 2.4)
    for axis, panel in zip(axes, figure["panels"], strict=True):
        axis.imshow(panel["image"], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.set_title(panel["title"], fontsize="medium")
        axis.set_xlabel(panel["note"], fontsize="x-small")
        axis.set_xticks([])
        axis.set_yticks([])
    canvas.suptitle(figure["title"])
    return canvas


DRAW = {"heat_maps": heat_maps, "arrivals": arrivals, "curves": curves, "images": images}
