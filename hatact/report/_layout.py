"""Where the parts of a claim stand on a wide screen, so that the least of it stays empty.

Measures and findings stand at the right, a third of the width, and figures at their left until one
would reach far below them: that one takes the whole width. Measures far longer than the figures
come after them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hatact.claims.figures import Figure, Images
from hatact.report import _axes

# CSS pixels, about: what a browser makes of them depends on its fonts.
MEASURE, HEADING, LINE = 54, 60, 21
LONG_MEASURE = 75  # with an interval and a known value
CHARACTERS = 52  # of a finding on a line
PANELS, WORDS, IMAGES = 310, 120, 290  # heights of a row of panels, of words above, of images
TABLE_ROW, CHARACTER, GAP = 29, 8, 14
BESIDE = 735  # width that is left of the measures
MOST = 1.25  # of the height of what measures stand beside, theirs


@dataclass(frozen=True)
class Layout:
    """What takes the whole width, and does not stand beside others.

    Args:
        measures: whether they do, after the figures; findings may stand at their side.
        figures: for each, whether it does, and begins below the measures.
        tables: whether they do.
        findings: whether they do, after the tables.
    """

    measures: bool
    figures: list[bool]
    tables: bool
    findings: bool


def layout(claim: Mapping[str, Any], figures: Sequence[Figure]) -> Layout:
    """The layout of a claim whose figures are these."""
    measures, findings = _measures(claim), _findings(claim)
    tables = any(_width(table) > BESIDE for table in claim["tables"])
    left = sum(map(_height, figures))
    if measures > MOST * left:
        apart = TABLE_ROW * len(claim["measures"]) > MOST * findings
        return Layout(True, [False for _ in figures], tables, apart)
    left += 0 if tables else sum(TABLE_ROW * len(table["rows"]) for table in claim["tables"])
    apart = measures + findings / 2 > left
    right = measures + (0 if apart else findings)
    return Layout(False, _below(figures, right), tables, apart)


def _below(figures: Sequence[Figure], right: int) -> list[bool]:
    """Begin below where that loses less, of two thirds of the width, than beside of one third."""
    left, answers = 0, []
    for figure in figures:
        height = _height(figure)
        lost_above, lost_beside = 2 * (right - left), left + height - right
        answers.append(0 < lost_above < lost_beside)
        left = max(left, right) if answers[-1] else left + height
    return answers


def _measures(claim: Mapping[str, Any]) -> int:
    measures = claim["measures"]
    keys = ("seeds", "known")
    long = all(any(measure[key] for measure in measures) for key in keys)
    return HEADING + (LONG_MEASURE if long else MEASURE) * len(measures) if measures else 0


def _findings(claim: Mapping[str, Any]) -> int:
    lines = sum(math.ceil(len(finding) / CHARACTERS) for finding in claim["findings"])
    return HEADING + LINE * lines if lines else 0


def _height(figure: Figure) -> int:
    """At the left of the measures, where an odd panel has the words at its side."""
    count = len(_axes.titles(figure))
    if isinstance(figure, Images):
        return WORDS + IMAGES * math.ceil(count / 3)
    return PANELS * math.ceil(count / 2) + (0 if count % 2 else WORDS)


def _width(table: Mapping[str, Any]) -> int:
    cells = zip(table["columns"], *table["rows"], strict=True)
    return sum(CHARACTER * max(len(cell or "") for cell in column) + GAP for column in cells)
