"""How lines look: the colour, dashes and marker of every label, the same in all panels.

The palette is that of Okabe and Ito, which colour-blind readers tell apart; every line has a marker
of its own too. INK stands for the colour of the text around the figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

from hatact.claims.figures import Arrivals, Curves, Figure

INK = "#010203"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", INK, "#E69F00", "#56B4E9")
STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
REFERENCES = ((0, (4, 2.5)), (0, (1, 2)), (0, (6, 2, 1, 2)))
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
    given: dict[str, Look] = {}
    plain = thin = 0
    for label, reference in _labels(figure):
        if label in given:
            continue
        if reference:
            given[label] = Look(INK, REFERENCES[thin % len(REFERENCES)], "", True)
            thin += 1
        else:
            style = STYLES[plain // len(PALETTE) % len(STYLES)]
            colour = PALETTE[plain % len(PALETTE)]
            given[label] = Look(colour, style, MARKERS[plain % len(MARKERS)])
            plain += 1
    return given


@singledispatch
def _labels(figure: Figure) -> list[tuple[str, bool]]:
    """Every label, and whether it is a reference; heat maps and images have none."""
    return []


@_labels.register
def _(figure: Curves) -> list[tuple[str, bool]]:
    return [(line.label, line.reference) for panel in figure.panels for line in panel.series]


@_labels.register
def _(figure: Arrivals) -> list[tuple[str, bool]]:
    return [(series.label, False) for series in figure.series]
