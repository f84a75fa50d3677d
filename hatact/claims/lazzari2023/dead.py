"""lazzari2023/dead: do ReLU networks lose units in training, and does an encoding spare them?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hatact.claims.engine import Claim, Outcome, Record, Settings, Study
from hatact.claims.engine.verdicts import REPRODUCED, Decision, conclude, share
from hatact.claims.figures import Curves, Panel, Table
from hatact.claims.figures.lines import axes, band
from hatact.claims.figures.records import middle, of_records
from hatact.claims.figures.tables import number
from hatact.claims.lazzari2023 import _shared
from hatact.claims.lazzari2023._shared import IMAGES, PLAIN, ByRow
from hatact.claims.lazzari2023.regions import ENCODED

ROWS = (*PLAIN, ENCODED)


def decide(runs: ByRow) -> Decision:
    """Plain coordinates: more dead units than at the start, and than with the encoding."""
    end, start = _at(-1), _at(0)
    held, words = [], []
    for row in PLAIN:
        of = runs[row]
        held.append(_shared.interval(of, start)[1] < _shared.interval(of, end)[0])
        held.append(_shared.lower(runs[ENCODED], of, end))
        words.append(f"{row} {_share(of, end)} (at the start {_share(of, start)})")
    return share(held), f"dead units: {', '.join(words)}, {ENCODED} {_share(runs[ENCODED], end)}"


def runs(settings: Settings) -> dict[str, Study]:
    """ReLU on either image; the runs are among those of lazzari2023/regions."""
    return dict(_shared.images(settings, ROWS))


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide on each image."""
    parts = {name: decide(trained.runs) for name, trained in given.items()}
    rows = [
        [f"{name}: {row}", *(_share(of, _at(i)) for i in (0, -1))]
        for name, trained in given.items()
        for row, of in trained.runs.items()
    ]
    panels = [
        Panel(
            name,
            [
                band(str(row), of[0]["steps"], of_records(of, "dead"))
                for row, of in given[name].runs.items()
            ],
        )
        for name in IMAGES
    ]
    return Outcome(
        *conclude(parts),
        headline="; ".join(f"{name}: {why}" for name, (_, why) in parts.items()) + ".",
        measures=[
            measure
            for name in IMAGES
            for measure in given[name].measures(ROWS, (f"{name}: dead units", "", _at(-1)))
        ],
        tables=[Table("Dead units, medians", ["row", "at the start", "at the end"], rows)],
        figures=[
            Curves(
                name="lazzari2023-dead",
                title="Dead units over training",
                caption="Units whose ReLU gives 0 at every pixel; median and range over seeds.",
                panels=panels,
                **axes("training step", "share of the units", "log linear", "row"),
            )
        ],
        values={name: given[name].values(("steps", "dead")) for name in IMAGES},
    )


def _at(index: int) -> _shared.Value:
    return lambda record: record["dead"][index]


def _share(of: Sequence[Record], key: _shared.Value) -> str:
    return number(middle(of, key), ".1%")


CLAIM = Claim(
    id="lazzari2023/dead",
    name="Dead units",
    statement="ReLU networks on plain coordinates, in [0, 1] or [-1, 1], have more dead units, "
    "which give 0 at every pixel, after training on an image than before it, and more than with "
    f"{ENCODED.octaves} octaves encoded, on a noise image and on camera; the intervals over seeds "
    "apart.",
    source="the paper's text, as secondary notes have it: coordinate networks lose neurons",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
