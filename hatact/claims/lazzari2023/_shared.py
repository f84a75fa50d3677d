"""What the claims of lazzari2023 share: rows, studies, and how confusion is told and drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hatact.analysis import median, median_interval
from hatact.claims.engine import Record, Settings, Study
from hatact.claims.engine.study import Trained
from hatact.claims.figures import Curves, Line, Panel, Table
from hatact.claims.figures.lines import axes
from hatact.claims.figures.records import lower_middle, middle, of_records
from hatact.claims.figures.tables import number
from hatact.claims.lazzari2023 import _runs
from hatact.claims.lazzari2023._runs import Coordinates

ZERO_ONE = Coordinates("relu", low=0)
RELU = Coordinates("relu")
PLAIN = (ZERO_ONE, RELU)
KINDS = ("local", "global")
IMAGES = ("noise", "camera")
PAIRS = {"quick": 400, "full": 5000}
WAVE_STEPS = {"sines": {"quick": 250, "full": 500}, "map": {"quick": 400, "full": 2000}}
WAVE_COST = {"sines": 1.8e-2, "map": 8e-3}
IMAGE_STEPS = {"noise": {"quick": 400, "full": 16000}, "camera": {"quick": 400, "full": 8000}}
IMAGE_COST = {"noise": 9e-4, "camera": 2.9e-3}
"""Seconds a step and network, by target; see `engine.Task.cost`."""
ByRow = Mapping[Coordinates, Sequence[Record]]
Value = Callable[[Record], Any]


def waves(settings: Settings, target: str, rows: Sequence[Coordinates]) -> Study:
    """Rows on a sum of sines."""
    steps, pairs = WAVE_STEPS[target][settings.name], PAIRS[settings.name]
    arguments = {"target": target, "pairs": pairs}
    return Study(_runs.wave, settings, steps, WAVE_COST[target], rows, arguments=arguments)


def images(settings: Settings, rows: Sequence[Coordinates]) -> dict[str, Study]:
    """Rows on either image."""
    studies = {}
    for image in IMAGES:
        steps, pairs = IMAGE_STEPS[image][settings.name], PAIRS[settings.name]
        arguments = {"image": image, "pairs": pairs}
        cost = IMAGE_COST[image]
        studies[image] = Study(_runs.pixels, settings, steps, cost, rows, arguments=arguments)
    return studies


def confusion(kind: str, when: str = "end") -> Value:
    """The mean of max(−cos, 0) over the pairs of a kind, None where no cosine was a number."""
    return lambda record: record[when][kind]["confusion"]


def negative(kind: str) -> Value:
    """The share of cosines below 0 after training."""
    return lambda record: record["end"][kind]["negative"]


def last(key: str) -> Value:
    """What a record of an image holds at its last step."""
    return lambda record: record[key][-1]


def interval(of: Sequence[Record], key: Value) -> tuple[float, float]:
    """Both ends of the interval of the median over seeds."""
    return median_interval(of_records(of, key))


def lower(of: Sequence[Record], than: Sequence[Record], key: Value) -> bool:
    """Whether the interval over seeds lies below that of another, which must be known."""
    theirs = interval(than, key)[0]
    return math.isfinite(theirs) and interval(of, key)[1] < theirs


def fits(of: Sequence[Record], than: Sequence[Record]) -> bool:
    """Whether a loss is no higher than another: who learns less opposes less for nothing."""
    return middle(of, "relative_loss") <= lower_middle(than, "relative_loss")


def higher(of: Sequence[Record], than: Sequence[Record], key: Value, times: float = 1) -> bool:
    """Whether the interval lies above so many times another, which must not be 0."""
    theirs = interval(than, key)[1]
    return 0 < times * theirs < interval(of, key)[0]


def told(runs: ByRow, key: Value, spec: str = ".3f") -> str:
    """The rows' medians, within a sentence."""
    return ", ".join(f"{row} {number(middle(of, key), spec)}" for row, of in runs.items())


def values(trained: Trained, keys: Sequence[str]) -> dict[str, Any]:
    """What results.json keeps of a study; densities are in its figures."""
    found = trained.values(keys)
    for run in found["runs"]:
        for when in {"start", "end"} & {*keys}:
            run[when] = {
                kind: {key: v for key, v in of.items() if key != "density"}
                for kind, of in run[when].items()
            }
    return found


def table(runs: Mapping[str, ByRow]) -> Table:
    """Confusion and the share of negative cosines by target, row and kind of pairs."""
    rows = [
        [
            f"{target}: {row}",
            *(number(middle(of, confusion(kind)), ".3f") for kind in KINDS),
            *(number(middle(of, negative(kind)), ".2f") for kind in KINDS),
        ]
        for target, by_row in runs.items()
        for row, of in by_row.items()
    ]
    return Table(
        "Confusion, the mean of max(−cos, 0), and the share of cosines below 0, after training; "
        "medians",
        ["row", *(f"confusion, {k}" for k in KINDS), *(f"share below 0, {k}" for k in KINDS)],
        rows,
    )


def densities(name: str, title: str, runs: ByRow, caption: str = "") -> Curves:
    """The densities of the cosines after training, by kind of pairs, a line a row."""
    width = 2 / _runs.BINS
    centres = [-1 + width * (i + 0.5) for i in range(_runs.BINS)]
    panels = [
        Panel(f"{kind} pairs", [_density(str(row), centres, of, kind) for row, of in runs.items()])
        for kind in KINDS
    ]
    return Curves(
        name=name,
        title=title,
        caption=f"Median and range over seeds, bins of {width:g}. Mass far below 0 is confusion: "
        f"a step for one sample undoes what it does for another. {caption}".strip(),
        panels=panels,
        share_y=False,
        **axes("cosine of two samples' gradients", "density", legend="row"),
    )


def _density(label: str, centres: Sequence[float], of: Sequence[Record], kind: str) -> Line:
    columns = list(zip(*(record["end"][kind]["density"] for record in of), strict=True))
    middle_, low, high = ([take(c) for c in columns] for take in (median, min, max))
    return Line(label, centres, middle_, low, high)
