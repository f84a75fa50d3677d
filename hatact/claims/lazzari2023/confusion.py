"""lazzari2023/confusion: do samples' gradients oppose each other less with encoded coordinates?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hatact.claims.engine import Claim, Outcome, Settings, Study
from hatact.claims.engine.verdicts import PARTLY, Decision, conclude, share
from hatact.claims.figures.records import middle
from hatact.claims.figures.tables import number
from hatact.claims.lazzari2023 import _shared
from hatact.claims.lazzari2023._runs import Coordinates
from hatact.claims.lazzari2023._shared import KINDS, PLAIN, RELU, ZERO_ONE, ByRow

ENCODED = (Coordinates("relu", octaves=4), Coordinates("relu", octaves=7))
ENCODED_IMAGES = (Coordinates("relu", octaves=5),)
COMPACT = {
    "quick": (Coordinates("hat", 8), Coordinates("bw_relu", 3)),
    "full": (
        *(Coordinates("hat", scale) for scale in (1, 4, 8, 12)),
        *(Coordinates("bw_relu", scale) for scale in (1, 3, 6)),
    ),
}
"""On the sum of sines, beside those that are judged."""
SHOWN = (*PLAIN, *ENCODED, *ENCODED_IMAGES, *COMPACT["quick"])
"""Whose densities are drawn."""


def decide(runs: ByRow) -> Decision:
    """Every encoded row below both plain ones, and [−1, 1] below [0, 1], by kind of pairs.

    A row that fits worse than the other is not ahead of it.
    """
    encoded = [row for row in runs if row.octaves]
    pairs = [*((e, p) for e in encoded for p in PLAIN), (RELU, ZERO_ONE)]
    relus = {row: of for row, of in runs.items() if row.activation == "relu"}
    held, words = [], []
    for kind in KINDS:
        key = _shared.confusion(kind)
        held += [
            _shared.fits(runs[a], runs[b]) and _shared.lower(runs[a], runs[b], key)
            for a, b in pairs
        ]
        words.append(f"{kind} {_shared.told(relus, key)}")
    return share(held), f"{sum(held)} of {len(held)} comparisons hold: {'; '.join(words)}"


def runs(settings: Settings) -> dict[str, Study]:
    """The sum of sines, and both images."""
    images = _shared.images(settings, (*PLAIN, *ENCODED_IMAGES))
    rows = (*PLAIN, *ENCODED, *COMPACT[settings.name])
    return {"sines": _shared.waves(settings, "sines", rows), **images}


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide on each target."""
    parts = {name: decide(trained.runs) for name, trained in given.items()}
    sines, best = given["sines"].runs, ENCODED[-1]
    (near, far), (near_best, far_best) = (
        [number(middle(sines[row], _shared.confusion(kind)), ".2f") for kind in KINDS]
        for row in (RELU, best)
    )
    wanted = [(f"confusion, {kind} pairs", "", _shared.confusion(kind)) for kind in KINDS]
    return Outcome(
        *conclude(parts),
        headline="On a sum of sines the gradients of ReLU networks on [-1, 1] have a confusion, "
        f"the mean of max(−cos, 0), of {near} between near samples and {far} between distant "
        f"ones; with {best.octaves} octaves encoded of {near_best} and {far_best}.",
        findings=[_opposed(given), _compact(settings, sines)],
        measures=[
            replace(measure, name=f"{name}: {measure.name}")
            for name, trained in given.items()
            for measure in trained.measures(trained.runs, *wanted)
        ],
        tables=[_shared.table({name: trained.runs for name, trained in given.items()})],
        figures=[
            _shared.densities(
                f"lazzari2023-{name}",
                f"Cosines of gradients, {name}",
                {row: of for row, of in trained.runs.items() if row in SHOWN},
            )
            for name, trained in given.items()
        ],
        values={
            name: _shared.values(trained, ("end", "late_loss")) for name, trained in given.items()
        },
    )


def _opposed(given: Mapping[str, Any]) -> str:
    """The ranges over all rows and targets of the mere share of negative cosines, and beside it."""
    words = []
    for what, of_kind in (("share below 0", _shared.negative), ("confusion", _shared.confusion)):
        values = [
            middle(of, of_kind(kind))
            for trained in given.values()
            for of in trained.runs.values()
            for kind in KINDS
        ]
        low, high = (number(v, ".3f") for v in (min(values), max(values)))
        words.append(f"{what} {low} to {high}")
    return f"cosines over all rows, targets and kinds of pairs: {', '.join(words)}"


def _compact(settings: Settings, sines: ByRow) -> str:
    """The rows of compact activations beside the lowest of ReLU, in words."""
    words = []
    for kind in KINDS:
        key = _shared.confusion(kind)
        lowest = min(middle(sines[row], key) for row in (*PLAIN, *ENCODED))
        compact = _shared.told({row: sines[row] for row in COMPACT[settings.name]}, key)
        words.append(f"{kind} {compact}; ReLU's lowest {number(lowest, '.3f')}")
    return f"confusion of compact activations on the sum of sines: {'; '.join(words)}"


CLAIM = Claim(
    id="lazzari2023/confusion",
    name="Confusion of gradients",
    statement="After training, the gradients of pairs of samples, near ones and distant ones, have "
    "a lower confusion, the mean of max(−cos, 0), for ReLU networks on encoded coordinates than on "
    "plain ones, and on [-1, 1] than on [0, 1], the intervals over seeds apart and the loss no "
    "higher: on a sum of sines, k = 5 … 70 (4 × 128), on a noise image (2 × 128) and on camera "
    "(4 × 128), 64 × 64 pixels.",
    source="abstract and setups from published code; the mean of max(−cos, 0) in the place of "
    "densities that are looked at is this project's own",
    recorded={"quick": PARTLY, "full": PARTLY},
    runs=runs,
    judge=judge,
)
