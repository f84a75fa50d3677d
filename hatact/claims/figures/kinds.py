"""The kinds of figures, as frozen dataclasses: a claim makes them, the report draws from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

Numbers = Sequence[float | None]
"""None, NaN and ±inf are gaps."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What every figure has.

    Args:
        name: of its file, without a suffix, and unlike that of any other figure.
        title, caption: what it shows, in words.
    """

    KIND: ClassVar[str]
    """The kind's name in results.json."""

    name: str
    title: str
    caption: str = ""


@dataclass(frozen=True)
class Line:
    """y over x in a panel.

    Args:
        label: lines of one label look the same in every panel.
        low, high: the ends of a band around the line.
        marker: whether every point has a mark.
        reference: whether it is what the others are held against, drawn thin and grey.
    """

    label: str
    x: Sequence[float]
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None
    marker: bool = False
    reference: bool = False


@dataclass(frozen=True)
class Panel:
    """Lines on one pair of axes."""

    title: str
    series: Sequence[Line]


@dataclass(frozen=True, kw_only=True)
class Curves(Figure):
    """Lines, in panels beside each other.

    Args:
        x_scale, y_scale: "linear" or "log".
        share_y: whether all panels have one range of y.
        legend: what the labels name.
        x_ticks: where x has a number, if there is room for it.
    """

    KIND = "curves"

    x_label: str
    y_label: str
    panels: Sequence[Panel]
    x_scale: str = "linear"
    y_scale: str = "linear"
    share_y: bool = True
    legend: str = ""
    x_ticks: Sequence[float] | None = None


@dataclass(frozen=True)
class HeatMap:
    """z, from 0 to 1, of every y (a row) and x (a column); both increase."""

    title: str
    x: Sequence[float]
    y: Sequence[int]
    z: Sequence[Numbers]


@dataclass(frozen=True, kw_only=True)
class HeatMaps(Figure):
    """Colours over x and a logarithmic y, in panels that share one scale of colours."""

    KIND = "heat_maps"

    x_label: str
    y_label: str
    z_label: str
    panels: Sequence[HeatMap]


@dataclass(frozen=True)
class SeedSteps:
    """By seed, the steps at which each x arrived; None for never."""

    label: str
    seeds: Sequence[Numbers]


@dataclass(frozen=True, kw_only=True)
class Arrivals(Figure):
    """Steps until something arrived, over x: every seed a dot, their median a line.

    Args:
        horizon: the steps that every run had.
    """

    KIND = "arrivals"

    x_label: str
    y_label: str
    x: Sequence[float]
    horizon: int
    series: Sequence[SeedSteps]


@dataclass(frozen=True)
class Image:
    """Grey values 0 … 255 by row, with a note below."""

    title: str
    note: str
    image: Sequence[Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class Images(Figure):
    """Grey images beside each other."""

    KIND = "images"

    panels: Sequence[Image]


KINDS: dict[str, type[Figure]] = {kind.KIND: kind for kind in (Curves, HeatMaps, Arrivals, Images)}
PARTS: dict[type, dict[str, type]] = {
    Curves: {"panels": Panel},
    Panel: {"series": Line},
    HeatMaps: {"panels": HeatMap},
    Arrivals: {"series": SeedSteps},
    Images: {"panels": Image},
}
"""The fields of a class that hold dataclasses themselves, and which."""


@dataclass(frozen=True)
class Table:
    """Cells of text in rows under columns; the first names the row.

    Raises:
        ValueError: if a row does not have as many cells as there are columns.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row must have as many cells as there are columns, {len(self.columns)}; "
                    f"got {len(row)} in {self.title!r}"
                )
