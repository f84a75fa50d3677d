"""Claim "coordinates": regression on waves of known frequencies in two and in five dimensions.

The paper's targets were not at hand; these are this project's. The criteria are those of the deep
one-dimensional network; the scale and the recorded rates were chosen on other targets (seeds 100
and 101).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.results import PARTLY, Claim, Outcome, Settings
from hatact.claims.engine.runs import Record, Row
from hatact.claims.engine.statistics import Measure, median
from hatact.claims.engine.study import Study, conclude
from hatact.claims.figures.curves import band, curves
from hatact.claims.hong2022.spectrum import HIGH, PATIENCE, RATIO, decide, delay
from hatact.claims.targets import waves

HAT = Row("hat", 8)
RELU = Row("relu", lr=1e-2)  # at the best rate of the grid, as recorded
OTHER = Row("hat", 4)
HATS = tuple(Row("hat", s) for s in (1, 2))
RELUS = (Row("relu"), Row("relu", input=8), Row("relu", 8))
DIMENSIONS = (2, 5)
LEARNT = 0.1  # of a wave's amplitude


def highest(dimension: int) -> str:
    """The name of the highest wave."""
    return f"|k| = {waves.FREQUENCIES[dimension][-1]:g}"


def study(settings: Settings, dimension: int) -> Study:
    """The runs' common part."""
    steps = 800 if settings.quick else 1000
    return Study(waves.train, steps, waves.COST[dimension], {"dimension": dimension})


def rows(settings: Settings) -> tuple[Row, ...]:
    """All rows of either dimension."""
    return (HAT, RELU) if settings.quick else (*HATS, OTHER, HAT, RELU, *RELUS)


def tasks(settings: Settings) -> list[Task]:
    """Every run, if the recorded rates are found again."""
    found: list[Task] = []
    for dimension in DIMENSIONS:
        plan = study(settings, dimension)
        found += plan.search_tasks((HAT, RELU), settings)
        found += [t for row in rows(settings) for t in plan.tasks(row, range(settings.seeds))]
    return found


def judge(settings: Settings, lab: Lab) -> Outcome:
    """Train every row from every seed in either dimension, decide in each."""
    decided: dict[str, tuple[str, str]] = {}
    measures, findings, tables, figures = [], [], [], []
    values: dict[str, Any] = {}
    for dimension in DIMENSIONS:
        plan = study(settings, dimension)
        rates = plan.search(lab, (HAT, RELU), settings)
        wanted = [*rates.best.values(), *rows(settings)]
        runs = plan.run(lab, wanted, range(settings.seeds))
        hat, relu = rates.best[HAT], rates.best[RELU]
        controls = {
            str(row): [r["steps_to_50_percent"][HIGH] for r in of]
            for row, of in runs.items()
            if row.activation == "relu"
        }
        arrived = [r["steps_to_10_percent"] for r in runs[hat]]
        decided[f"{dimension}-D"] = decide(
            arrived, controls, plan.steps, highest=highest(dimension)
        )
        measures += _measures(dimension, runs, hat, relu)
        findings += [_memorised(dimension, runs)]
        findings += [f"{dimension}-D: {found}" for found in rates.findings()]
        tables.append(_table(dimension, runs))
        figures.append(_figure(dimension, {row: runs[row] for row in (hat, relu)}))
        values[f"{dimension}-D"] = {
            "frequencies": list(waves.FREQUENCIES[dimension]),
            "points": waves.POINTS[dimension],
            "steps": plan.steps,
            "verdict": decided[f"{dimension}-D"][0],
            "rates": rates.values(),
            "runs": [
                {"row": str(row), "seed": seed, **{k: r[k] for k in _KEPT}}
                for row, of in runs.items()
                for seed, r in enumerate(of)
            ],
        }
    verdict, reason = conclude(decided)
    return Outcome(verdict, reason, findings, measures, tables, figures, values)


_KEPT = (
    "steps_to_10_percent",
    "steps_to_50_percent",
    "bias_exponent",
    "final_residual",
    "held_out_residual",
    "relative_loss",
    "held_out_relative_loss",
)


def _measures(
    dimension: int, runs: Mapping[Row, Sequence[Record]], hat: Row, relu: Row
) -> list[Measure]:
    last = highest(dimension)
    arrived = [r["steps_to_10_percent"] for r in runs[hat]]
    at = f"{dimension}-D, {last}"
    return [
        Measure.over(f"{at} under 10 %, {hat}", [s[HIGH] for s in arrived], "steps"),
        Measure.over(
            f"{dimension}-D, last wave over first, {hat}", [delay(s) for s in arrived], "×"
        ),
        Measure.over(
            f"{at} under 50 %, {relu}",
            [r["steps_to_50_percent"][HIGH] for r in runs[relu]],
            "steps",
        ),
        *(
            Measure.over(
                f"{at}, held-out error, {row}", [r["held_out_residual"][HIGH] for r in runs[row]]
            )
            for row in (hat, OTHER, relu)
            if row in runs
        ),
    ]


def _memorised(dimension: int, runs: Mapping[Row, Sequence[Record]]) -> str:
    """How the rows that learn the highest wave on the points seen fare between them."""
    last = highest(dimension)
    found = []
    for row, of in runs.items():
        seen = median([r["final_residual"][HIGH] for r in of])
        held = median([r["held_out_residual"][HIGH] for r in of])
        if seen < LEARNT:
            found.append(f"{row} {held:.2f}")
    if not found:
        return f"{dimension}-D: no row brings {last} under 10 % on the points seen at the end"
    return (
        f"{dimension}-D: error of {last} on held-out points, of the rows that have it under 10 % "
        f"on the points seen: {'; '.join(found)}"
    )


def _table(dimension: int, runs: Mapping[Row, Sequence[Record]]) -> dict[str, Any]:
    ks = [f"{k:g}" for k in waves.FREQUENCIES[dimension]]
    lines = []
    for row, of in runs.items():
        arrived = [median(c) for c in zip(*(r["steps_to_10_percent"] for r in of), strict=True)]
        held = [median(c) for c in zip(*(r["held_out_residual"] for r in of), strict=True)]
        lines.append(
            [
                str(row),
                *("–" if math.isinf(a) else f"{a:g}" for a in arrived),
                *(f"{e:.2f}" for e in held),
            ]
        )
    return {
        "title": f"{dimension}-D: steps to 10 % by |k| (– never), error held out; medians",
        "columns": ["row", *(f"{k}, steps" for k in ks), *(f"{k}, held out" for k in ks)],
        "rows": lines,
    }


def _figure(dimension: int, runs: Mapping[Row, Sequence[Record]]) -> dict[str, Any]:
    """Residual per wave over steps, one panel a row."""
    panels = []
    for row, of in runs.items():
        series = [
            band(f"|k| = {k:g}", of[0]["shown_steps"], [[v[i] for v in r["residuals"]] for r in of])
            for i, k in enumerate(waves.FREQUENCIES[dimension])
        ]
        panels.append((str(row), series))
    points = waves.POINTS[dimension]
    return curves(
        f"hong2022-waves-{dimension}d",
        f"Error per wave in {dimension} dimensions",
        panels,
        caption=f"Median and range over seeds, on the {points} points seen; each activation at "
        "its best rate.",
        x="training step",
        y="relative error of the wave",
        scales="log log",
        legend="cycles per unit length",
    )


CLAIM = Claim(
    id="hong2022/coordinates",
    name="Two and five dimensions",
    statement=(
        "In two and in five dimensions a Hat network at scale 8 brings the errors of four waves "
        f"under 10 % on the points seen, the last no later than {RATIO} times the step of the "
        "first, where no ReLU row here brings the highest under 50 % in "
        f"{PATIENCE} times as many steps."
    ),
    source=(
        "2-D and high-dimensional coordinate regression, known from a summary; targets, scale and "
        "criteria this project's own"
    ),
    recorded={"quick": PARTLY, "full": PARTLY},
    tasks=tasks,
    judge=judge,
)
