"""milkert2023/regions: a cascade of depth d has exactly 2^d linear regions, trained or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.results import NOT_REPRODUCED, REPRODUCED, Claim, Outcome, Settings
from hatact.claims.engine.runs import Record
from hatact.claims.engine.statistics import Measure
from hatact.claims.figures.curves import band, curves
from hatact.claims.milkert2023 import _counting
from hatact.claims.milkert2023._counting import RELEASED, STEPS

DEPTHS = {"quick": (1, 2, 4, 8, 10), "full": (1, 2, 4, 6, 8, 10, 12, 14, 16)}
STAGES = {
    "drawn": "cascade, drawn",
    "trained": "cascade, peaks trained",
    "released": "cascade, released and trained",
    "relu": "ReLU network of the same size",
}
Counts = Mapping[int, Sequence[int]]


def decide(counts: Counts) -> tuple[str, str]:
    """The verdict, and why, from every number of regions found, by depth."""
    if len(counts) < 2 or not all(counts.values()):
        return NOT_REPRODUCED, f"at least two depths are needed; got {sorted(counts)}"
    wrong = {d: sorted({n for n in of if n != 2**d}) for d, of in counts.items()}
    wrong = {d: of for d, of in wrong.items() if of}
    if wrong:
        first = min(wrong)
        found = ", ".join(map(str, wrong[first]))
        return NOT_REPRODUCED, f"at depth {first} there are {found} regions, not {2**first}"
    total = sum(map(len, counts.values()))
    return REPRODUCED, f"2^d regions in all {total} counts, d = {min(counts)} … {max(counts)}"


def _tasks(settings: Settings) -> list[Task]:
    seeds = tuple(range(settings.seeds))
    return [
        Task(_counting.count, {"depth": d}, seeds, 1.5 + 2.5e-4 * 2**d * len(seeds))
        for d in DEPTHS[settings.name]
    ]


def _judge(settings: Settings, lab: Lab) -> Outcome:
    records = dict(zip(DEPTHS[settings.name], lab.run(_tasks(settings)), strict=True))
    verdict, reason = decide(at(records, "drawn", "trained"))
    control, why = decide(at(records, "relu"))
    released = {d: [r["released"] for r in of] for d, of in records.items() if d <= RELEASED}
    deepest = max(released)
    few, many = min(released[deepest]), max(released[deepest])
    return Outcome(
        verdict,
        reason,
        findings=[
            f"ReLU networks of the same size in the cascades' place: {control}, {why}",
            f"once all weights are released the number is no longer fixed: at depth {deepest}, "
            f"{STEPS} updates later, it is {few} … {many}, where the cascade has {2**deepest}",
        ],
        measures=[
            Measure.over(
                f"regions, {STAGES[stage]}, depth {d}", [float(r[stage]) for r in records[d]]
            )
            for d in (max(records), deepest)
            for stage in STAGES
            if stage in records[d][0]
        ],
        tables=[_table(records)],
        figures=[_figure(records)],
        values={"steps": STEPS, "records": {str(d): of for d, of in records.items()}},
    )


def at(records: Mapping[int, Sequence[Record]], *stages: str) -> dict[int, list[int]]:
    """Every seed's count at the stages, by depth."""
    return {d: [int(r[stage]) for r in of for stage in stages] for d, of in records.items()}


def _table(records: Mapping[int, Sequence[Record]]) -> dict[str, Any]:
    return {
        "title": "Linear regions on [0, 1], least … most over the seeds",
        "columns": ["", *(f"d = {d}" for d in records)],
        "rows": [
            [name, *(_range([r.get(stage) for r in of]) for of in records.values())]
            for stage, name in STAGES.items()
        ],
    }


def _range(counts: Sequence[int | None]) -> str:
    found = sorted(n for n in counts if n is not None)
    if not found:
        return "not counted"
    return f"{found[0]}" if found[0] == found[-1] else f"{found[0]} … {found[-1]}"


def _figure(records: Mapping[int, Sequence[Record]]) -> dict[str, Any]:
    seeds = range(len(next(iter(records.values()))))
    lines = []
    for stage, name in STAGES.items():
        depths = [d for d, of in records.items() if stage in of[0]]
        counts = [[float(records[d][s][stage]) for d in depths] for s in seeds]
        lines.append({**band(name, depths, counts), "marker": True})
    depths = list(records)
    lines.append({"label": "2^d", "x": depths, "y": [2.0**d for d in depths], "reference": True})
    return curves(
        "milkert2023-regions",
        "Linear regions by depth",
        [("", lines)],
        caption="Counted exactly by composition, not on a grid. Training the peaks keeps every "
        "region; a ReLU network of the same width and depth starts with a few.",
        x="d, triangles composed",
        y="regions on [0, 1]",
        scales="linear log",
        legend="network",
        ticks=depths,
    )


CLAIM = Claim(
    id="milkert2023/regions",
    name="Regions of a cascade",
    statement=(
        "A triangle cascade of depth d has exactly 2^d linear regions on [0, 1], as drawn and "
        "after its peaks are trained, at every depth counted, up to 16 (quick: 10)."
    ),
    source="the paper's construction; that the count stays after training the peaks follows from "
    "it, and training on x³ is this package's own choice",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    tasks=_tasks,
    judge=_judge,
)
