"""lazzari2023/scale: is confusion low at the scales of Hat and BW-ReLU where bias is gone?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hatact.analysis import median
from hatact.claims.engine import Claim, Outcome, Record, Settings, Study
from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, Decision, conclude, share
from hatact.claims.figures import Curves, Line, Panel, Table
from hatact.claims.figures.lines import axes, band
from hatact.claims.figures.records import middle, of_records
from hatact.claims.figures.tables import number
from hatact.claims.lazzari2023 import _shared
from hatact.claims.lazzari2023._runs import Coordinates
from hatact.claims.lazzari2023._shared import KINDS, ByRow
from hatact.claims.targets import scales, sines
from hatact.claims.targets.scales import NAMES, RATIO, learnt, listed

SCALES = {"quick": {"hat": (1, 4, 10), "bw_relu": (3,)}, "full": scales.SCALES}
RELU = Coordinates("relu", low=0)
ENCODED = Coordinates("relu", octaves=6, low=0)
FLAT, BIASED, SILENT = "at one rate", "not at one rate", "no frequency learnt"
SHOWN = (("hat", 1), ("hat", 4), ("hat", 10), ("bw_relu", 3))
"""Whose densities are drawn."""
ByScale = Mapping[float, Sequence[Record]]


def state(records: Sequence[Record]) -> str:
    """Whether frequencies are learnt at one rate, or some are, in more than half of the seeds."""
    if not learnt(records):
        return SILENT
    return FLAT if median(of_records(records, "spread")) <= RATIO else BIASED


def ends(by_scale: ByScale, kind: str) -> tuple[float, float]:
    """The highest end of confusion's intervals at scales at one rate, the lowest of the others.

    NaN where there is no such scale.
    """
    key = _shared.confusion(kind)
    flat = [_shared.interval(of, key)[1] for of in by_scale.values() if state(of) == FLAT]
    biased = [_shared.interval(of, key)[0] for of in by_scale.values() if state(of) == BIASED]
    return max(flat, default=math.nan), min(biased, default=math.nan)


def decide(by_scale: ByScale) -> Decision:
    """At every scale at which all is learnt at one rate a lower confusion than at the others."""
    states = {s: state(of) for s, of in by_scale.items()}
    words = "; ".join(f"{which} at {_at(states, which)}" for which in (FLAT, BIASED, SILENT))
    if not {FLAT, BIASED} <= {*states.values()}:
        return NOT_REPRODUCED, f"nothing to compare: {words}"
    held = []
    for kind in KINDS:
        highest, lowest = ends(by_scale, kind)
        held.append(math.isfinite(lowest) and highest < lowest)
        words += (
            f"; confusion of {kind} pairs at most {number(highest, '.3f')} at one rate, at least "
            f"{number(lowest, '.3f')} at the others"
        )
    return share(held), words


def _at(states: Mapping[float, str], which: str) -> str:
    return listed(s for s, found in states.items() if found == which)


def _rows(settings: Settings) -> dict[str, list[Coordinates]]:
    return {
        name: [Coordinates(name, scale, low=0) for scale in of]
        for name, of in SCALES[settings.name].items()
    }


def runs(settings: Settings) -> dict[str, Study]:
    """Both activations by scale, and ReLU beside them, on the ten sines of the map of scales."""
    compact = [row for rows in _rows(settings).values() for row in rows]
    return {"map": _shared.waves(settings, "map", (RELU, ENCODED, *compact))}


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide for Hat and for BW-ReLU."""
    trained = given["map"]
    by_scale = {
        name: {row.scale: trained.runs[row] for row in rows}
        for name, rows in _rows(settings).items()
    }
    parts = {NAMES[name]: decide(of) for name, of in by_scale.items()}
    lines = [
        [
            str(row),
            number(median(of_records(of, "spread")), ".2f"),
            state(of),
            number(middle(of, "relative_loss"), ".2g"),
            *(number(middle(of, _shared.confusion(k, w)), ".3f") for w in _WHEN for k in KINDS),
        ]
        for row, of in trained.runs.items()
    ]
    wanted = [(f"confusion, {kind} pairs", "", _shared.confusion(kind)) for kind in KINDS]
    compact = [row for row in trained.runs if (row.activation, row.scale) in SHOWN]
    return Outcome(
        *conclude(parts),
        headline=_headline(by_scale, trained.runs[RELU]),
        measures=trained.measures(trained.runs, ("last over first", "×", "spread"), *wanted),
        tables=[
            Table(
                "Last over first frequency under 10 % (– not all), how they are learnt, loss over "
                "the target's mean square, and confusion before and after training; medians",
                [
                    "row",
                    "last / first",
                    "learnt",
                    "loss",
                    *(f"{k}, {w}" for w in _WHEN for k in KINDS),
                ],
                lines,
            )
        ],
        figures=[
            _figure(by_scale, trained.runs),
            _shared.densities(
                "lazzari2023-scale-cosines",
                "Cosines of gradients, by activation",
                trained.only(RELU, ENCODED, *compact),
            ),
        ],
        values=_shared.values(trained, ("steps_to_10_percent", "spread", "relative_loss", *_WHEN)),
    )


def _headline(by_scale: Mapping[str, ByScale], relu: Sequence[Record]) -> str:
    hat = by_scale["hat"]
    states = {name: {s: state(of) for s, of in by.items()} for name, by in by_scale.items()}
    where = ", ".join(
        f"{NAMES[name]} {'learns ten sines at one rate ' * (name == 'hat')}at {_at(found, FLAT)}"
        for name, found in states.items()
    )
    end, start = ({w: _range(hat, w, when) for w in (FLAT, BIASED)} for when in ("end", "start"))
    return (
        f"{where}. Where Hat does, the confusion of near samples' gradients, the mean of "
        f"max(−cos, 0), is {end[FLAT]} after training, at its other scales {end[BIASED]}, ReLU's "
        f"{number(middle(relu, _shared.confusion('local')), '.2f')}; before training "
        f"{start[FLAT]}, at the others {start[BIASED]}."
    )


def _range(by_scale: ByScale, which: str, when: str) -> str:
    """The lowest and the highest median of the local pairs at the scales of a state."""
    key = _shared.confusion("local", when)
    medians = sorted(middle(of, key) for of in by_scale.values() if state(of) == which)
    if not medians:
        return "–"
    low, high = (number(v, ".2f") for v in (medians[0], medians[-1]))
    return low if low == high else f"{low} to {high}"


_WHEN = ("start", "end")


def _figure(by_scale: Mapping[str, ByScale], runs: ByRow) -> Curves:
    panels = []
    for name, of in by_scale.items():
        lines = []
        for kind in KINDS:
            key = _shared.confusion(kind)
            known = {s: of_records(r, key) for s, r in of.items() if math.isfinite(middle(r, key))}
            lines.append(band(f"{kind} pairs", list(known), zip(*known.values(), strict=True)))
            level = middle(runs[RELU], key)
            lines.append(Line(f"ReLU, {kind}", list(of), [level] * len(of), reference=True))
        panels.append(Panel(NAMES[name], lines))
    return Curves(
        name="lazzari2023-scale",
        title="Confusion of gradients after training, by scale",
        caption="The mean of max(−cos, 0) on ten sines; median and range over seeds. Grey: "
        f"{RELU}.",
        panels=panels,
        **axes("scale of the activation", "confusion", "log log", "", (1, 2, 4, 8, 16)),
    )


CLAIM = Claim(
    id="lazzari2023/scale",
    name="Confusion and the scale",
    statement="Confusion is low where bias is gone: of networks of Hat and of BW-ReLU (five hidden "
    f"layers of {sines.WIDTH}, Adam at 1e-3) those at scales at which ten sines, k = 5 … 50, have "
    f"the last frequency under 10 % at most {RATIO} times as late as the first end with a lower "
    "confusion, the mean of max(−cos, 0), of near and of distant samples, than those at every "
    "other scale at which some frequency is learnt, the intervals over seeds apart.",
    source="this project's own question, of the paper's account of ReLU; network and target of "
    "the map of scales, hong2022/spectrum",
    recorded={"quick": PARTLY, "full": NOT_REPRODUCED},
    runs=runs,
    judge=judge,
)
