"""milkert2023/regions: a cascade of depth d has exactly 2^d linear regions, trained or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hatact.claims.engine import Claim, Measure, Outcome, Record, Runs, Settings, Task
from hatact.claims.engine.verdicts import NOT_REPRODUCED, REPRODUCED, Decision
from hatact.claims.figures import Curves, Line, Panel, Table
from hatact.claims.figures.lines import axes, band
from hatact.claims.figures.records import of_records
from hatact.claims.milkert2023._runs import COUNT_STEPS, count

DEPTHS = {"quick": (1, 2, 4, 8, 10), "full": (1, 2, 4, 6, 8, 10, 12, 14, 16)}
STAGES = {
    "drawn": "cascade, drawn",
    "trained": "cascade, peaks trained",
    "released": "cascade, released and trained",
    "relu": "ReLU network of the same size",
}
Counts = Mapping[int, Sequence[int]]
"""Numbers of regions by depth, one a seed."""


def decide(counts: Counts) -> Decision:
    """The verdict, and why; every count must be 2^d."""
    if len(counts) < 2 or not all(counts.values()):
        return NOT_REPRODUCED, f"at least two depths are needed; got {sorted(counts)}"
    for d in sorted(counts):
        wrong = sorted({n for n in counts[d] if n != 2**d})
        if wrong:
            others = ", ".join(map(str, wrong))
            return NOT_REPRODUCED, f"at depth {d} there are {others} regions, not {2**d}"
    total = sum(map(len, counts.values()))
    return REPRODUCED, f"2^d regions in all {total} counts, d = {min(counts)} … {max(counts)}"


def runs(settings: Settings) -> dict[str, Runs]:
    """Every depth."""
    seeds = tuple(range(settings.seeds))

    def task(d: int) -> Task:
        return Task(count, {"depth": d}, seeds, 0.4 + 7e-5 * 2**d * len(seeds))

    return {"depths": Runs({d: task(d) for d in DEPTHS[settings.name]})}


def judge(settings: Settings, given: Mapping[str, Mapping[int, Sequence[Record]]]) -> Outcome:
    """The verdict of the cascades; ReLU networks in their place are the control."""
    records = given["depths"]
    counts = by_stage(records)
    drawn, trained, released, relu = counts.values()
    cascades = {d: [*drawn[d], *trained[d]] for d in records}
    verdict, reason = decide(cascades)
    deepest, last = max(records), max(released)
    return Outcome(
        verdict,
        reason,
        headline=f"At depth {deepest} a cascade has {_range(cascades[deepest])} linear regions, "
        "drawn and with its peaks trained, where a ReLU network of its size starts with "
        f"{_range(relu[deepest])}.",
        findings=[
            f"ReLU networks of the same size in the cascades' place: {', '.join(decide(relu))}",
            f"once all weights are released the number is no longer fixed: at depth {last}, "
            f"{COUNT_STEPS} updates later, it is {min(released[last])} … {max(released[last])}, "
            f"where the cascade has {2**last}",
        ],
        measures=[
            Measure.over(f"regions, {STAGES[stage]}, depth {d}", counts[stage][d])
            for d in (deepest, last)
            for stage in STAGES
            if d in counts[stage]
        ],
        tables=[
            Table(
                "Linear regions on [0, 1], least … most over the seeds",
                ["", *(f"d = {d}" for d in records)],
                [
                    [name, *(_range(counts[stage].get(d, ())) for d in records)]
                    for stage, name in STAGES.items()
                ],
            )
        ],
        figures=[_figure(counts)],
        values={
            "steps": COUNT_STEPS,
            "records": {str(d): by_seed for d, by_seed in records.items()},
        },
    )


def by_stage(records: Mapping[int, Sequence[Record]]) -> dict[str, Counts]:
    """The counts of every stage, at the depths at which it was counted."""
    return {
        stage: {d: of_records(r, stage) for d, r in records.items() if stage in r[0]}
        for stage in STAGES
    }


def _range(counts: Sequence[int]) -> str:
    if not counts:
        return "not counted"
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} … {high}"


def _figure(counts: Mapping[str, Counts]) -> Curves:
    lines = []
    for stage, name in STAGES.items():
        by_seed = zip(*counts[stage].values(), strict=True)
        lines.append(replace(band(name, [*counts[stage]], by_seed), marker=True))
    depths = [*counts["drawn"]]
    lines.append(Line("2^d", depths, [2.0**d for d in depths], reference=True))
    return Curves(
        name="milkert2023-regions",
        title="Linear regions by depth",
        caption="Counted exactly by composition, not on a grid. Training the peaks keeps every "
        "region; a ReLU network of the same width and depth starts with a few.",
        panels=[Panel("", lines)],
        **axes("d, triangles composed", "regions on [0, 1]", "linear log", "network", depths),
    )


CLAIM = Claim(
    id="milkert2023/regions",
    name="Regions of a cascade",
    statement="A triangle cascade of depth d has exactly 2^d linear regions on [0, 1], as drawn "
    "and after its peaks are trained, at every depth counted, up to 16 (quick: 10).",
    source="the paper's construction; that the count stays after training the peaks follows from "
    "it, and training on x³ is this package's own choice",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
