"""What a panel of a figure is on a matplotlib axis: the page and the PNG files share this.

Limits and ticks are set here, not left to matplotlib, so that a panel is the same alone or beside
others. Heat maps are in viridis; `_looks` says how lines look.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import singledispatch
from itertools import pairwise
from textwrap import fill
from typing import Any

from hatact.claims.figures import Arrivals, Curves, Figure, HeatMaps, Image, Images
from hatact.report import _ticks
from hatact.report._looks import INK, looks

FAR = 1e100  # what is farther from 0, or on a logarithmic axis nearer, is drawn here


@singledispatch
def titles(figure: Figure) -> list[str]:
    """The title of every panel of the figure."""
    raise TypeError(f"a figure must be of a kind that has panels; got {type(figure).__name__}")


@titles.register(Curves)
@titles.register(HeatMaps)
@titles.register(Images)
def _(figure: Curves | HeatMaps | Images) -> list[str]:
    return [panel.title for panel in figure.panels]


@titles.register
def _(figure: Arrivals) -> list[str]:
    return [""]


@singledispatch
def draw(figure: Figure, axis: Any, index: int) -> None:
    """Draw panel `index` of the figure, its axis labels too; no title, no legend."""
    raise TypeError(f"a figure must be of a kind that is drawn; got {type(figure).__name__}")


def _name_axes(axis: Any, figure: Curves | HeatMaps | Arrivals) -> None:
    axis.set_xlabel(wrapped(figure.x_label, 44))
    axis.set_ylabel(wrapped(figure.y_label, 32))


def wrapped(text: str, width: int) -> str:
    """Two lines at most: what a panel has room for."""
    return fill(text, width, max_lines=2, placeholder=" …")


@draw.register
def _(figure: Curves, axis: Any, index: int) -> None:
    """Lines with bands; a gap where there is no value, a mark and a bar where one stands alone."""
    panel, known = figure.panels[index], looks(figure)
    x_scale, y_scale = figure.x_scale, figure.y_scale
    for place, line in enumerate(panel.series):
        look = known[line.label]
        x, y = _numbers(line.x, x_scale), _numbers(line.y, y_scale)
        lone = [i for i in range(len(y)) if _alone(y, i)]
        if line.low and line.high:
            low, high = _numbers(line.low), _numbers(line.high)
            if y_scale == "log":  # an interval that reaches 0 runs out of the panel
                low, high = ([max(v, 1e-300) for v in end] for end in (low, high))
            axis.fill_between(x, low, high, color=look.colour, alpha=0.16, linewidth=0)
            bars = [[ends[i] for i in lone] for ends in (x, low, high)]
            axis.vlines(*bars, color=look.colour, alpha=0.5, linewidth=1.2)
        every = None if line.marker else _marked(x, y, x_scale, 0.04 + 0.05 * (place % 4))
        mark = {} if look.reference else {**look.dot(), "markevery": every}
        axis.plot(x, y, **look.line(), **mark)
        alone = {**look.line(), "linestyle": "", **look.dot()}
        axis.plot([x[i] for i in lone], [y[i] for i in lone], **alone)
    beside = figure.panels if figure.share_y else [panel]
    lines = [line for other in beside for line in other.series]
    ys = [v for line in lines for end in (line.y, line.low, line.high) for v in end or ()]
    xs = [v for line in panel.series for v in line.x]
    _ticks.set_x(axis, x_scale, _numbers(xs, x_scale), figure.x_ticks)
    _ticks.set_y(axis, y_scale, _numbers(ys, y_scale))
    axis.grid(color=INK, alpha=0.13, linewidth=0.7)
    _name_axes(axis, figure)


def _marked(x: Sequence[float], y: Sequence[float], scale: str, first: float) -> list[int]:
    """The points nearest to equal distances along x, from the share `first` on."""
    place = math.log if scale == "log" else float
    points = [(place(v), i) for i, v in enumerate(x) if math.isfinite(v) and math.isfinite(y[i])]
    if not points:
        return []
    low, high = min(points)[0], max(points)[0]
    targets = [low + (high - low) * (first + 0.22 * j) for j in range(5)]
    return sorted({min(points, key=lambda p: abs(p[0] - t))[1] for t in targets})


def _alone(y: Sequence[float], i: int) -> bool:
    beside = [*y[max(i - 1, 0) : i], *y[i + 1 : i + 2]]
    return math.isfinite(y[i]) and not any(math.isfinite(v) for v in beside)


def _numbers(values: Iterable[float | None], scale: str = "linear") -> list[float]:
    """None, and on a logarithmic axis what is not positive, as NaN; FAR at most."""
    kept = (math.nan if v is None or not math.isfinite(v) else float(v) for v in values)
    if scale == "log":
        return [min(max(v, 1 / FAR), FAR) if v > 0 else math.nan for v in kept]
    return [v if math.isnan(v) else min(max(v, -FAR), FAR) for v in kept]


@draw.register
def _(figure: HeatMaps, axis: Any, index: int) -> None:
    """x against y (logarithmic); the colour is z, 0 … 1."""
    panel = figure.panels[index]
    if panel.x and panel.y:
        centres = _numbers(panel.x)
        x = _edges(centres)
        y = [math.exp(e) for e in _edges([math.log(max(v, 0.5)) for v in panel.y])]
        z = [_numbers(row) for row in panel.z]
        axis.pcolormesh(x, y, z, vmin=0, vmax=1, cmap="viridis", rasterized=True)
        _ticks.fix_x(axis, "linear", x[0], x[-1], centres)
        _ticks.fix_y(axis, "log", y[0], y[-1])
    else:
        _ticks.nothing(axis)
    _name_axes(axis, figure)


def _edges(centres: Sequence[float]) -> list[float]:
    if len(centres) == 1:
        half = max(0.5, abs(centres[0]) * 1e-9)
        return [centres[0] - half, centres[0] + half]
    inner = [(a + b) / 2 for a, b in pairwise(centres)]
    return [2 * centres[0] - inner[0], *inner, 2 * centres[-1] - inner[-1]]


def colour_bar(canvas: Any, label: str, **where: Any) -> None:
    """The scale of a heat map's colours, 0 … 1."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = canvas.colorbar(ScalarMappable(Normalize(0, 1), "viridis"), **where)
    bar.set_label(wrapped(label, 44))
    bar.solids.set_rasterized(True)
    bar.outline.set_visible(False)


@draw.register
def _(figure: Arrivals, axis: Any, _: int) -> None:
    """Every seed a dot, the upper-middle median a line; in a band above, what never arrived."""
    horizon, ks, known = figure.horizon, _numbers(figure.x, "log"), looks(figure)
    steps = [v for one in figure.series for seed in one.seeds for v in _steps(seed)]
    lowest, top = min([horizon, *steps]), horizon * 1.35
    for one in figure.series:
        look = known[one.label]
        seeds = [_steps(seed) for seed in one.seeds]
        columns = [sorted(seed[i] for seed in seeds) for i in range(len(ks))]
        dots = [(k, v) for k, c in zip(ks, columns, strict=True) for v in c if v < math.inf]
        axis.plot(*_columns(dots), "o", color=look.colour, markersize=3, alpha=0.55, mew=0)
        middle = [c[len(c) // 2] if c else math.nan for c in columns]
        arrived = [m if m < math.inf else math.nan for m in middle]
        axis.plot(ks, arrived, **look.line(), **look.dot())
        never = [k for k, m in zip(ks, middle, strict=True) if m == math.inf]
        alone = {**look.line(), "linestyle": "", **look.dot()}
        axis.plot(never, [top] * len(never), **alone)
        top *= 1.12
    axis.axhspan(horizon, top * 2, color=INK, alpha=0.07, linewidth=0)
    says = f"not within {horizon} steps"
    axis.annotate(says, (0.015, 0.985), xycoords="axes fraction", va="top", size=11)
    _ticks.set_x(axis, "log", ks, ks)
    _ticks.fix_y(axis, "log", lowest * 0.7, top * (top / lowest) ** 0.09, below=horizon)
    axis.grid(color=INK, alpha=0.13, linewidth=0.7)
    _name_axes(axis, figure)


def _steps(seed: Iterable[float | None]) -> list[float]:
    """From 1 on; inf for what never arrived."""
    return [math.inf if math.isnan(v) else max(v, 1) for v in _numbers(seed)]


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [p[0] for p in points], [p[1] for p in points]


@draw.register
def _(figure: Images, axis: Any, index: int) -> None:
    """A grey image, its note below."""
    panel = figure.panels[index]
    axis.imshow(pixels(panel), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axis.set_xlabel("\n".join(wrapped(line, 32) for line in panel.note.splitlines()[:3]))
    axis.set_xticks([])
    axis.set_yticks([])


def pixels(panel: Image) -> Any:
    """The image as bytes; a network that diverged leaves numbers far outside 0 … 255."""
    from numpy import array

    return array(panel.image, "float64").clip(0, 255).astype("uint8")
