"""shenouda2024/condition: how well the features that the last layer reads are conditioned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hatact.analysis import lower_median, median
from hatact.claims.engine import Claim, Measure, Outcome, Plan, Record, Runs, Settings, Task
from hatact.claims.engine.verdicts import REPRODUCED, Decision, share
from hatact.claims.figures import Curves, Line, Panel
from hatact.claims.figures.lines import axes, band
from hatact.claims.figures.records import kept
from hatact.claims.figures.tables import Cell, by_row, number
from hatact.claims.shenouda2024 import _runs
from hatact.claims.shenouda2024._runs import RATE, WIDE
from hatact.claims.targets.methods import Method

IMAGE = "camera"
RELU = Method("relu", lr=RATE)
WAVELETS = {c: Method("bw_relu", c, lr=RATE) for c in (1, 3, 9)}
BETTER = {3: 30.0, 9: 1000.0}
"""By c, how many times as well conditioned as ReLU's features."""
MORE = (Method("relu", input=9, lr=RATE), Method("hat", 8, lr=RATE), Method("siren", 30, lr=3e-4))
ROWS = (RELU, *WAVELETS.values(), *MORE)
COUNTED = 1e-12
"""Of the largest singular value; what is smaller is rounding."""
KEPT = ("condition", "rank", "dead")
STEPS = {"quick": 0, "full": 200}
COST = 5e-2
"""Seconds a step and network."""


def decide(relu: Sequence[Record], wavelets: Mapping[int, Sequence[Record]]) -> Decision:
    """Whether κ at the start is smaller than ReLU's by the factors of BETTER, at no lower a rank.

    Of dead neurons few singular values count, and of one κ is 1. A κ of ReLU that is not known, or
    inf, is no evidence.
    """
    plain = lower_median([record["start"]["condition"] for record in relu])
    rank = median([record["start"]["rank"] for record in relu])
    held, told = [], [f"ReLU: κ = {number(plain, '.3g')}, rank {rank:g}"]
    for c, factor in BETTER.items():
        of = [record["start"] for record in wavelets[c]]
        ours, least = median([r["condition"] for r in of]), -median([-r["rank"] for r in of])
        ratio = plain / ours if math.isfinite(plain) else 0
        held.append(ratio >= factor and least >= rank)
        times = f", {ratio:.3g} times better" if ratio else ""
        told.append(f"c = {c}: κ = {number(ours, '.3g')}{times}, rank {least:g}")
    return share(held), "; ".join(told)


def runs(settings: Settings) -> dict[str, Plan]:
    """A network a task."""
    steps = STEPS[settings.name]

    def tasks(row: Method) -> list[Task]:
        arguments, cost = {"row": row, "image": IMAGE, "steps": steps}, COST * (steps + 20)
        return [Task(_runs.condition, arguments, (seed,), cost) for seed in range(settings.seeds)]

    return {"networks": Runs({row: tasks(row) for row in ROWS})}


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide on the features at the start."""
    runs: Mapping[Method, Sequence[Record]] = given["networks"]
    decision = decide(runs[RELU], {c: runs[row] for c, row in WAVELETS.items()})
    named = {row.name: records for row, records in runs.items()}
    moments = ["start"] if settings.quick else ["start", "end"]
    columns = [
        *((f"κ, {when}", _median(when, "condition", ".3g")) for when in moments),
        *((f"rank, {when}", _median(when, "rank")) for when in moments),
        *((f"dead, {when}", _median(when, "dead")) for when in moments),
    ]
    title = f"κ, rank and dead neurons of {WIDE} features; medians"
    if not settings.quick:
        title += f"; end: after {STEPS['full']} steps at rates that were not searched"
    figure = Curves(
        name="shenouda2024-condition",
        title="Singular values of the features",
        caption="Median and range over seeds, each over the largest one; what is rounding is left "
        "out.",
        panels=[
            Panel(when, [_line(name, of, when) for name, of in named.items()]) for when in moments
        ],
        **axes("number of the singular value", "over the largest", "log log", legend="row"),
    )
    return Outcome(
        *decision,
        headline=f"Features of the last hidden layer at the start: {decision[1]}.",
        findings=[_order(named, when) for when in moments],
        measures=[
            Measure.over(f"κ, {name}, {when}", [record[when]["condition"] for record in records])
            for name, records in named.items()
            for when in moments
        ],
        tables=[by_row(title, named, columns)],
        figures=[figure],
        values={when: _values(named, when) for when in moments},
    )


def _order(named: Mapping[str, Sequence[Record]], when: str) -> str:
    """The rows from the best conditioned to the worst, in words."""
    values = {name: median([r[when]["condition"] for r in of]) for name, of in named.items()}
    ordered = sorted(values, key=values.__getitem__)
    return f"{when}, by κ: " + "; ".join(
        f"{name} {number(values[name], '.3g')}" for name in ordered
    )


def _values(named: Mapping[str, Sequence[Record]], when: str) -> list[Record]:
    return kept({name: [record[when] for record in of] for name, of in named.items()}, KEPT)


def _median(when: str, key: str, spec: str = "g") -> Cell:
    return lambda records: number(median([record[when][key] for record in records]), spec)


def _line(name: str, records: Sequence[Record], when: str) -> Line:
    whole = [record[when] for record in records if record[when]["shown"]]
    shown = whole[0]["shown"] if whole else []
    seeds = [[v if v > COUNTED else None for v in record["spectrum"]] for record in whole]
    return band(name, shown, seeds)


CLAIM = Claim(
    id="shenouda2024/condition",
    name="Condition of the features",
    statement=f"On half the pixels of camera (64 × 64), the features of a 3 × {WIDE} BW-ReLU "
    f"network at the start are better conditioned than ReLU's, {BETTER[3]:g} times at c = 3 and "
    f"{BETTER[9]:g} times at c = 9, and of no lower rank.",
    source="the abstract: BW-ReLU neurons remedy the ill-conditioning of ReLU features; the "
    "factors are this project's own",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
