"""lazzari2023/regions: how many activation patterns the pixels of an image have in training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hatact.analysis import median
from hatact.claims.engine import Claim, Outcome, Settings, Study
from hatact.claims.engine.verdicts import PARTLY, Decision, conclude, share
from hatact.claims.figures import Curves, Panel, Table
from hatact.claims.figures.lines import axes, band
from hatact.claims.figures.records import lower_middle, middle_of_large, of_records
from hatact.claims.figures.tables import number
from hatact.claims.lazzari2023 import _runs, _shared
from hatact.claims.lazzari2023._runs import Coordinates
from hatact.claims.lazzari2023._shared import IMAGES, PLAIN, RELU, ZERO_ONE, ByRow

TIMES = 5
COUNTED = {"regions": "regions", "hamming": "Hamming distance"}
ENCODED = Coordinates("relu", octaves=5)
COMPACT = {
    "quick": (Coordinates("hat", 8),),
    "full": (
        *(Coordinates("hat", scale) for scale in (1, 4, 8)),
        *(Coordinates("bw_relu", scale) for scale in (1, 3)),
    ),
}
"""Beside those that are judged."""


def decide(runs: ByRow) -> Decision:
    """Five times as many regions, and as large distances, and more of both on [−1, 1]."""
    held, words = [], []
    for key, name in COUNTED.items():
        at_end = _shared.last(key)
        held += [_shared.higher(runs[ENCODED], runs[row], at_end, TIMES) for row in PLAIN]
        held.append(_shared.higher(runs[RELU], runs[ZERO_ONE], at_end))
        encoded = middle_of_large(runs[ENCODED], at_end)
        theirs = [middle_of_large(runs[row], at_end) for row in PLAIN]
        ratios = [number(encoded / v if v > 0 else math.inf, ".2g", "∞") for v in theirs]
        words.append(f"{name} {encoded:.4g}, {' and '.join(ratios)} times as much")
    plain = " and ".join(map(str, PLAIN))
    told = f"with {ENCODED.octaves} octaves encoded, beside {plain}: {', '.join(words)}"
    most = _runs.SIDE**2
    beyond = [r for r in PLAIN if TIMES * middle_of_large(runs[r], _shared.last("regions")) > most]
    if beyond:
        rows = " and ".join(map(str, beyond))
        told += f"; {TIMES} times the regions of {rows} is more than the {most} pixels can show"
    return share(held), told


def runs(settings: Settings) -> dict[str, Study]:
    """Every row on either image."""
    return _shared.images(settings, (*PLAIN, ENCODED, *COMPACT[settings.name]))


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide on each image."""
    parts = {name: decide(trained.runs) for name, trained in given.items()}
    wanted = [(name, "", _shared.last(key)) for key, name in COUNTED.items()]
    return Outcome(
        *conclude(parts),
        headline="; ".join(f"{name}: {why}" for name, (_, why) in parts.items()) + ".",
        findings=[_full(given)],
        measures=[
            measure
            for name in IMAGES
            for measure in given[name].measures(
                given[name].runs,
                *((f"{name}: {title}", *more) for title, *more in wanted),
                larger_is_better=True,
            )
        ],
        tables=[_table(name, given[name].runs) for name in IMAGES],
        figures=[
            _figure(given, key, f"lazzari2023-{key}", title)
            for key, title in (("regions", "distinct patterns"), ("hamming", COUNTED["hamming"]))
        ],
        values={
            name: given[name].values(("steps", *COUNTED, "far", "dead", "psnr", "boundaries"))
            for name in IMAGES
        },
    )


def _full(given: Mapping[str, Any]) -> str:
    """Which rows have nearly a pattern a pixel, so that the count can say no more."""
    pixels = _runs.SIDE**2
    full = [
        f"{row} ({name})"
        for name, trained in given.items()
        for row, of in trained.runs.items()
        if lower_middle(of, _shared.last("regions")) > 0.9 * pixels
    ]
    return (
        f"of {pixels} pixels, more than nine in ten have a pattern of their own in "
        f"{'; '.join(full) or 'no row'}: there the count is no measure of the regions"
    )


def _table(name: str, runs: ByRow) -> Table:
    rows = []
    for row, of in runs.items():
        at_ends = [of_records(of, "boundaries", end) for end in (0, 1)]
        rows.append(
            [
                str(row),
                *(f"{middle_of_large(of, key):.4g}" for key in _COLUMNS.values()),
                *("–" if None in seeds else f"{median(seeds):g}" for seeds in at_ends),
            ]
        )
    exact = ("boundaries at the start", "boundaries at the end")
    return Table(
        f"{name}: distinct patterns of the pixels, units that differ between neighbours and "
        "between opposite quarters, PSNR in dB, all at the end; exact boundaries on the diagonal; "
        "medians",
        ["row", *_COLUMNS, *exact],
        rows,
    )


_COLUMNS = {
    "patterns": _shared.last("regions"),
    "near": _shared.last("hamming"),
    "far": _shared.last("far"),
    "PSNR": _shared.last("psnr"),
}


def _figure(given: Mapping[str, Any], key: str, name: str, title: str) -> Curves:
    panels = []
    for image in IMAGES:
        runs: ByRow = given[image].runs
        lines = [
            band(str(row), of[0]["steps"], [record[key] for record in of])
            for row, of in runs.items()
        ]
        panels.append(Panel(image, lines))
    return Curves(
        name=name,
        title=f"{title[0].upper()}{title[1:]} over training",
        caption="Median and range over seeds. "
        + (
            f"There are {_runs.SIDE**2} pixels."
            if key == "regions"
            else "The mean over neighbouring pixels."
        ),
        panels=panels,
        share_y=key == "regions",
        **axes("training step", title, "log log", "row"),
    )


CLAIM = Claim(
    id="lazzari2023/regions",
    name="Regions and distances of patterns",
    statement=f"At the end of training on all pixels of an image, the pixels have {TIMES} times as "
    "many distinct activation patterns, and neighbouring pixels differ in the pieces of "
    f"{TIMES} times as many units, for a ReLU network on coordinates with {ENCODED.octaves} "
    "octaves encoded as on plain ones; and more of both on [-1, 1] than on [0, 1]; the intervals "
    "over seeds apart.",
    source="abstract and setups from published code (a noise image, 2 × 128, batches of 256; "
    "natural images narrowed to 64 × 64 pixels and 4 × 128); the factor is this project's own",
    recorded={"quick": PARTLY, "full": PARTLY},
    runs=runs,
    judge=judge,
)
