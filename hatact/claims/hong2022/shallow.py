"""Claim "shallow": one hidden layer on sin x + sin 3x + sin 5x, Hat against ReLU and tanh.

The target, 201 points (there with π, here without), 3000 steps and width 8000 are those of
third-party code that probably derives from the paper. The width here is 2000, so that the rates
that are stable for ReLU lie inside the grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.results import (
    NOT_REPRODUCED,
    PARTLY,
    REPRODUCED,
    Claim,
    Outcome,
    Settings,
)
from hatact.claims.engine.runs import Record, Row
from hatact.claims.engine.statistics import Measure, lower_median, median
from hatact.claims.engine.study import Study
from hatact.claims.figures.curves import band, curves
from hatact.claims.hong2022.spectrum import RATIO, delay
from hatact.claims.targets import three_sines

FEWER = 3  # Hat's error of k = 5 at the end is at most ReLU's and tanh's over this
WIDTH, WIDE = 2000, 8000
HIGH = -1  # k = 5
BEST = {  # of the grid, as recorded
    "sgd": (
        Row("hat", lr=1e-2, optimiser="sgd"),
        Row("relu", lr=1e-3, optimiser="sgd"),
        Row("tanh", lr=1e-3, optimiser="sgd"),
    ),
    "adam": (Row("hat", lr=3e-3), Row("relu", lr=3e-3), Row("tanh", lr=3e-3)),
}
EQUAL = {
    name: tuple(Row(r.activation, lr=1e-3, optimiser=name) for r in rows)
    for name, rows in BEST.items()
}
SCALED = {
    "sgd": tuple(Row("hat", s, lr=1e-2, optimiser="sgd") for s in (2, 4, 8)),
    "adam": tuple(Row("hat", s, lr=1e-3) for s in (2, 4, 8)),
}
WIDE_ROWS = tuple(Row(a, lr=3e-3, optimiser="sgd") for a in ("hat", "relu", "tanh"))
WIDE_STEPS = 300
WIDE_KNOWN = (0.002, 0.006, 0.032)  # Hat at step 300, an earlier single run of this project


def decide(
    hat: Mapping[str, Sequence[Record]], others: Mapping[str, Mapping[str, Sequence[Record]]]
) -> tuple[str, str]:
    """The verdict, and why, from records by optimiser; `others` are ReLU's and tanh's by row."""
    flat, ahead, reasons = [], [], []
    for optimiser, runs in hat.items():
        ratio = median([delay(r["steps_to_10_percent"]) for r in runs])
        mine = median([r["final_residual"][HIGH] for r in runs])
        theirs = {
            name: lower_median([r["final_residual"][HIGH] for r in of])
            for name, of in others[optimiser].items()
        }
        best = min(theirs, key=theirs.__getitem__)
        flat.append(ratio <= RATIO)
        ahead.append(math.isfinite(mine) and mine * FEWER <= theirs[best])
        late = "never" if math.isinf(ratio) else f"at {ratio:.3g} times the first's step"
        reasons.append(
            f"{optimiser.upper()}: the last frequency under 10 % {late}, "
            f"error of k = 5 at the end {mine:.2g} against {theirs[best]:.2g} of {best}"
        )
    reason = "; ".join(reasons)
    if all(flat) and all(ahead):
        return REPRODUCED, reason
    return (PARTLY if all(ahead) or all(flat) else NOT_REPRODUCED), reason


def study(settings: Settings, width: int = WIDTH, steps: int | None = None) -> Study:
    """The runs' common part."""
    steps = steps or (2000 if settings.quick else 3000)
    return Study(three_sines.train, steps, three_sines.COST * width, {"width": width}, batch=1)


def searched() -> list[Row]:
    """The rows whose best rate is searched."""
    return [row for rows in BEST.values() for row in rows]


def rows(settings: Settings) -> list[Row]:
    """All rows of width WIDTH."""
    if settings.quick:
        return searched()
    every = (searched(), *EQUAL.values(), *SCALED.values())
    return list(dict.fromkeys(row for of in every for row in of))


def tasks(settings: Settings) -> list[Task]:
    """Every run, if the recorded rates are found again."""
    plan, seeds = study(settings), range(settings.seeds)
    found = plan.search_tasks(searched(), settings)
    found += [task for row in rows(settings) for task in plan.tasks(row, seeds)]
    if not settings.quick:
        wide = study(settings, WIDE, WIDE_STEPS)
        found += [task for row in WIDE_ROWS for task in wide.tasks(row, seeds)]
    return found


def judge(settings: Settings, lab: Lab) -> Outcome:
    """Train every row from every seed, measure every step, decide at the best rates."""
    plan, seeds = study(settings), range(settings.seeds)
    rates = plan.search(lab, searched(), settings)
    runs = plan.run(lab, [*rates.best.values(), *rows(settings)], seeds)
    best = {name: [rates.best[row] for row in of] for name, of in BEST.items()}
    hat = {name: runs[of[0]] for name, of in best.items()}
    others = {name: {str(row): runs[row] for row in of[1:]} for name, of in best.items()}
    verdict, reason = decide(hat, others)
    measures = [
        measure
        for of in best.values()
        for row in of
        for measure in (
            Measure.over(
                f"k = 5 under 10 %, {row}",
                [r["steps_to_10_percent"][HIGH] for r in runs[row]],
                "steps",
            ),
            Measure.over(
                f"error of k = 5 at step {plan.steps}, {row}",
                [r["final_residual"][HIGH] for r in runs[row]],
            ),
        )
    ]
    findings = [*_ordering(runs, best), *rates.findings()]
    if not settings.quick:
        findings.append(_scales(runs))
        wide = study(settings, WIDE, WIDE_STEPS).run(lab, WIDE_ROWS, seeds)
        measures += _wide_measures(wide)
        findings.append(_divergence(wide))
    return Outcome(
        verdict,
        reason,
        findings=findings,
        measures=measures,
        tables=[_table(runs)],
        figures=[
            *(_figure(runs, of, name, "best") for name, of in best.items()),
            *(_figure(runs, of, name, "equal") for name, of in EQUAL.items() if not settings.quick),
        ],
        values={
            "frequencies": list(three_sines.FREQUENCIES),
            "steps": plan.steps,
            "width": WIDTH,
            "rates": rates.values(),
            "runs": [
                {"row": str(row), "seed": seed, **{k: r[k] for k in _KEPT}}
                for row, of in runs.items()
                for seed, r in enumerate(of)
            ],
        },
    )


_KEPT = ("steps_to_10_percent", "final_residual", "trained_at", "late_loss")


def _ordering(runs: Mapping[Row, Sequence[Record]], best: Mapping[str, Sequence[Row]]) -> list[str]:
    """In how many seeds the frequencies arrive in their order, by row."""
    parts = []
    for row in (row for of in best.values() for row in of):
        arrived = [
            [math.inf if s is None else s for s in r["steps_to_10_percent"]] for r in runs[row]
        ]
        ordered = sum(a <= b <= c and a < c for a, b, c in arrived)
        parts.append(f"{row} {ordered}")
    return [
        f"seeds of {len(arrived)} in which k = 1, 3, 5 arrive in this order: {'; '.join(parts)}"
    ]


def _scales(runs: Mapping[Row, Sequence[Record]]) -> str:
    """How much later the last frequency arrives than the first at larger scales."""
    parts = [
        f"{row} {median([delay(r['steps_to_10_percent']) for r in runs[row]]):.3g}"
        for of in SCALED.values()
        for row in of
    ]
    return f"steps of the last frequency over the first's at larger scales: {'; '.join(parts)}"


def _wide_measures(wide: Mapping[Row, Sequence[Record]]) -> list[Measure]:
    found = []
    for i, (k, known) in enumerate(zip(three_sines.FREQUENCIES, WIDE_KNOWN, strict=True)):
        of = Measure.over(
            f"error of k = {k} at step {WIDE_STEPS}, hat(x), SGD, lr 0.003, width {WIDE}",
            [r["final_residual"][i] for r in wide[WIDE_ROWS[0]]],
        )
        source = "this project, one earlier run"
        found.append(Measure(of.name, of.value, of.low, of.high, "", of.seeds, known, source))
    return found


def _divergence(wide: Mapping[Row, Sequence[Record]]) -> str:
    gone = [
        f"{row} in {sum(not math.isfinite(r['late_loss']) for r in of)} of {len(of)} seeds"
        for row, of in wide.items()
    ]
    return f"at equal rate and width {WIDE}, diverged: {'; '.join(gone)}"


def _table(runs: Mapping[Row, Sequence[Record]]) -> dict[str, Any]:
    lines = []
    for row, of in runs.items():
        arrived = [median(c) for c in zip(*(r["steps_to_10_percent"] for r in of), strict=True)]
        errors = [median(c) for c in zip(*(r["final_residual"] for r in of), strict=True)]
        lines.append(
            [
                str(row),
                *("–" if math.isinf(a) else f"{a:g}" for a in arrived),
                *("–" if math.isinf(e) else f"{e:.2g}" for e in errors),
            ]
        )
    ks = [f"k = {k}" for k in three_sines.FREQUENCIES]
    return {
        "title": "Steps to 10 % error by k (– never), error at the end (– diverged); medians",
        "columns": ["row", *(f"{k}, steps" for k in ks), *(f"{k}, error" for k in ks)],
        "rows": lines,
    }


def _figure(
    runs: Mapping[Row, Sequence[Record]], rows: Sequence[Row], optimiser: str, rate: str
) -> dict[str, Any]:
    """Error per frequency over steps, one panel an activation."""
    panels = []
    for row in rows:
        of = runs[row]
        series = [
            band(f"k = {k}", of[0]["shown_steps"], [[v[i] for v in r["residuals"]] for r in of])
            for i, k in enumerate(three_sines.FREQUENCIES)
        ]
        panels.append((str(row), series))
    return curves(
        f"hong2022-shallow-{optimiser}-{rate}",
        f"Error per frequency, one hidden layer of {WIDTH}, {optimiser.upper()}, {rate} rate",
        panels,
        caption="Median and range over seeds; "
        + ("each activation at its best rate." if rate == "best" else "all at rate 0.001."),
        x="training step",
        y="relative error |f̂ − û| / |û|",
        scales="log log",
        legend="cycles per 2π",
    )


CLAIM = Claim(
    id="hong2022/shallow",
    name="One hidden layer",
    statement=(
        "With one hidden layer of 2000 on sin x + sin 3x + sin 5x, with SGD and with Adam, each at "
        f"its best rate, Hat brings all three errors under 10 %, the last no later than {RATIO} "
        "times the step of the first, and the error of k = 5 by the end to at most "
        f"1/{FEWER} of ReLU's and of tanh's."
    ),
    source=(
        "1-D experiment; target from third-party code that probably derives from the paper, width, "
        "steps, rates and criteria this project's own"
    ),
    recorded={"quick": PARTLY, "full": PARTLY},
    tasks=tasks,
    judge=judge,
)
