"""What a panel of a figure is on a matplotlib axis: the page and the PNG files share this.

Limits and ticks are set here, not left to matplotlib, so that a panel is the same alone or beside
others. Colours: viridis, and the palette of Okabe and Ito, which colour-blind readers tell apart;
every line has a marker of its own too. INK stands for the colour of the text around the figure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import fill
from typing import Any

from hatact.report import _ticks

Figure = Mapping[str, Any]

INK = "#010203"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", INK, "#E69F00", "#56B4E9")
STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
REFERENCES = ((0, (4, 2.5)), (0, (1, 2)), (0, (6, 2, 1, 2)))
FAR = 1e100  # what is farther from 0, or on a logarithmic axis nearer, is drawn here
RC = {
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.labelsize": 12,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 12,
    "font.size": 11.5,
    "legend.fontsize": 10.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True)
class Look:
    """Colour, dashes and marker of a series; a reference is thin and grey, without marker."""

    colour: str
    dashes: Any
    marker: str
    reference: bool = False

    def line(self) -> dict[str, Any]:
        """Keywords of matplotlib's line."""
        thin = {"alpha": 0.6, "linewidth": 1.2} if self.reference else {}
        return {"color": self.colour, "linestyle": self.dashes, **thin}

    def dot(self) -> dict[str, Any]:
        """Keywords of its marker."""
        return {"marker": self.marker or "_", "markeredgewidth": 0 if self.marker else 1.2}


def looks(figure: Figure) -> dict[str, Look]:
    """The look of every label: one for all panels, in the order in which they come."""
    if figure["kind"] == "curves":
        series = [one for panel in figure["panels"] for one in panel["series"]]
    else:
        series = figure["series"] if figure["kind"] == "arrivals" else []
    found: dict[str, Look] = {}
    plain = thin = 0
    for one in series:
        if one["label"] in found:
            continue
        if one.get("reference"):
            found[one["label"]] = Look(INK, REFERENCES[thin % len(REFERENCES)], "", True)
            thin += 1
        else:
            style = STYLES[plain // len(PALETTE) % len(STYLES)]
            colour = PALETTE[plain % len(PALETTE)]
            found[one["label"]] = Look(colour, style, MARKERS[plain % len(MARKERS)])
            plain += 1
    return found


def count(figure: Figure) -> int:
    """How many panels the figure has."""
    return 1 if figure["kind"] == "arrivals" else len(figure["panels"])


def draw(axis: Any, figure: Figure, index: int) -> None:
    """Draw panel `index` of the figure, its axis labels too; no title, no legend."""
    DRAW[figure["kind"]](axis, figure, index)
    if figure["kind"] != "images":
        axis.set_xlabel(wrapped(figure["x_label"], 44))
        axis.set_ylabel(wrapped(figure["y_label"], 32))


def wrapped(text: str, width: int) -> str:
    """Two lines at most: what a panel has room for."""
    return fill(text, width, max_lines=2, placeholder=" …")


def _curves(axis: Any, figure: Figure, index: int) -> None:
    """Lines with bands; a gap where there is no value, a mark and a bar where one stands alone."""
    panel, known = figure["panels"][index], looks(figure)
    x_scale, y_scale = figure["x_scale"], figure["y_scale"]
    for place, series in enumerate(panel["series"]):
        look = known[series["label"]]
        x, y = _numbers(series["x"], x_scale), _numbers(series["y"], y_scale)
        lone = [i for i in range(len(y)) if _alone(y, i)]
        if series.get("low") and series.get("high"):
            low, high = (_numbers(series[end]) for end in ("low", "high"))
            if y_scale == "log":  # an interval that reaches 0 runs out of the panel
                low, high = ([max(v, 1e-300) for v in end] for end in (low, high))
            axis.fill_between(x, low, high, color=look.colour, alpha=0.16, linewidth=0)
            bars = [[ends[i] for i in lone] for ends in (x, low, high)]
            axis.vlines(*bars, color=look.colour, alpha=0.5, linewidth=1.2)
        every = None if series.get("marker") else _marked(x, y, x_scale, 0.04 + 0.05 * (place % 4))
        mark = {} if look.reference else {**look.dot(), "markevery": every}
        axis.plot(x, y, **look.line(), **mark)
        alone = {**look.line(), "linestyle": "", **look.dot()}
        axis.plot([x[i] for i in lone], [y[i] for i in lone], **alone)
    beside = figure["panels"] if figure["share_y"] else [panel]
    ends = ("y", "low", "high")
    ys = [v for p in beside for s in p["series"] for end in ends for v in s.get(end) or ()]
    xs = [v for s in panel["series"] for v in s["x"]]
    _ticks.set_x(axis, x_scale, _numbers(xs, x_scale), figure.get("x_ticks"))
    _ticks.set_y(axis, y_scale, _numbers(ys, y_scale))
    axis.grid(color=INK, alpha=0.13, linewidth=0.7)


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
    beside = y[max(i - 1, 0) : i] + y[i + 1 : i + 2]  # type: ignore[operator]
    return math.isfinite(y[i]) and not any(math.isfinite(v) for v in beside)


def _numbers(values: Iterable[float | None], scale: str = "linear") -> list[float]:
    """None, and on a logarithmic axis what is not positive, as NaN; FAR at most."""
    kept = (math.nan if v is None or not math.isfinite(v) else float(v) for v in values)
    if scale == "log":
        return [min(max(v, 1 / FAR), FAR) if v > 0 else math.nan for v in kept]
    return [v if math.isnan(v) else min(max(v, -FAR), FAR) for v in kept]


def _edges(centres: Sequence[float]) -> list[float]:
    if len(centres) == 1:
        half = max(0.5, abs(centres[0]) * 1e-9)
        return [centres[0] - half, centres[0] + half]
    inner = [(a + b) / 2 for a, b in pairwise(centres)]
    return [2 * centres[0] - inner[0], *inner, 2 * centres[-1] - inner[-1]]


def _heat_maps(axis: Any, figure: Figure, index: int) -> None:
    """x against y (logarithmic); the colour is z, 0 … 1."""
    panel = figure["panels"][index]
    if not panel["x"] or not panel["y"]:
        _ticks.nothing(axis)
        return
    centres = _numbers(panel["x"])
    x = _edges(centres)
    y = [math.exp(e) for e in _edges([math.log(max(v, 0.5)) for v in panel["y"]])]
    z = [_numbers(row) for row in panel["z"]]
    axis.pcolormesh(x, y, z, vmin=0, vmax=1, cmap="viridis", rasterized=True)
    _ticks.fix_x(axis, "linear", x[0], x[-1], centres)
    _ticks.fix_y(axis, "log", y[0], y[-1])


def colour_bar(canvas: Any, label: str, **where: Any) -> None:
    """The scale of a heat map's colours, 0 … 1."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = canvas.colorbar(ScalarMappable(Normalize(0, 1), "viridis"), **where)
    bar.set_label(wrapped(label, 44))
    bar.solids.set_rasterized(True)
    bar.outline.set_visible(False)


def _arrivals(axis: Any, figure: Figure, _: int) -> None:
    """Every seed a dot, the upper-middle median a line; in a band above, what never arrived."""
    horizon, ks, known = figure["horizon"], _numbers(figure["x"], "log"), looks(figure)
    steps = [v for s in figure["series"] for seed in s["seeds"] for v in _steps(seed)]
    lowest, top = min([horizon, *steps]), horizon * 1.35
    for series in figure["series"]:
        look = known[series["label"]]
        seeds = [_steps(seed) for seed in series["seeds"]]
        columns = [sorted(seed[i] for seed in seeds) for i in range(len(ks))]
        dots = [(k, v) for k, c in zip(ks, columns, strict=True) for v in c if v < math.inf]
        axis.plot(*_columns(dots), "o", color=look.colour, markersize=3, alpha=0.55, mew=0)
        middle = [c[len(c) // 2] if c else math.nan for c in columns]
        axis.plot(
            ks, [m if m < math.inf else math.nan for m in middle], **look.line(), **look.dot()
        )
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


def _steps(seed: Sequence[float | None]) -> list[float]:
    """From 1 on; inf for what never arrived."""
    return [math.inf if math.isnan(v) else max(v, 1) for v in _numbers(seed)]


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [p[0] for p in points], [p[1] for p in points]


def pixels(panel: Figure) -> Any:
    """The image as bytes; a network that diverged leaves numbers far outside 0 … 255."""
    from numpy import array

    return array(panel["image"], "float64").clip(0, 255).astype("uint8")


def _images(axis: Any, figure: Figure, index: int) -> None:
    """A grey image, its note below."""
    panel = figure["panels"][index]
    axis.imshow(pixels(panel), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axis.set_xlabel("\n".join(wrapped(line, 32) for line in panel["note"].splitlines()[:3]))
    axis.set_xticks([])
    axis.set_yticks([])


DRAW = {"curves": _curves, "heat_maps": _heat_maps, "arrivals": _arrivals, "images": _images}
