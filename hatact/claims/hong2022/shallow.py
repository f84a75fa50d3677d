"""hong2022/shallow: one hidden layer on sin x + sin 3x + sin 5x, Hat against ReLU and tanh.

The target, 201 points (there with π, here without), 3000 steps and width 8000 are those of
third-party code that probably derives from the paper. The width here is 2000, so that the rates
that are stable for ReLU lie inside the grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from hatact.claims.engine import Claim, Measure, Outcome, Record, Row, Settings, Study, Trained
from hatact.claims.engine.verdicts import PARTLY, Decision, share
from hatact.claims.figures import Curves
from hatact.claims.figures.lines import axes, component_panels
from hatact.claims.figures.records import ByRow, lower_middle, middle, of_records
from hatact.claims.figures.tables import by_row, listed, median_cells
from hatact.claims.hong2022.spectrum import RATIO, last_over_first
from hatact.claims.targets import sines
from hatact.claims.targets.sines import THREE

FEWER = 3  # Hat's error of k = 5 at the end is at most ReLU's and tanh's over this
WIDTH, WIDE = 2000, 8000
HIGH = -1  # k = 5
STEPS = {"quick": 2000, "full": 3000}
RATES = {  # the best of the grid, as recorded
    "sgd": {"hat": 1e-2, "relu": 1e-3, "tanh": 1e-3},
    "adam": {"hat": 3e-3, "relu": 3e-3, "tanh": 3e-3},
}
BEST = {name: [Row(a, lr=lr, optimiser=name) for a, lr in of.items()] for name, of in RATES.items()}
EQUAL = {name: [replace(row, lr=1e-3) for row in rows] for name, rows in BEST.items()}
SCALED_RATES = {"sgd": 1e-2, "adam": 1e-3}
SCALED = [Row("hat", s, lr=lr, optimiser=o) for o, lr in SCALED_RATES.items() for s in (2, 4, 8)]
WIDE_ROWS = tuple(Row(a, lr=3e-3, optimiser="sgd") for a in ("hat", "relu", "tanh"))
WIDE_STEPS = 300
WIDE_KNOWN = {1: 0.002, 3: 0.006, 5: 0.032}  # by k
EARLIER = "this project, one earlier run"
AT_WIDE = f"at step {WIDE_STEPS}, hat(x), SGD, lr 0.003, width {WIDE}"
KEPT = ("steps_to_10_percent", "final_residual", "trained_at", "late_loss")


def decide(best: Mapping[str, ByRow]) -> Decision:
    """The verdict, and why, by optimiser: Hat is the first row, ReLU and tanh are the others."""
    flat, ahead, reasons = [], [], []
    for optimiser, runs in best.items():
        hat, *others = runs
        ratio = middle(runs[hat], last_over_first)
        mine = middle(runs[hat], "final_residual", HIGH)
        theirs = {row: lower_middle(runs[row], "final_residual", HIGH) for row in others}
        ahead_of = min(theirs, key=theirs.__getitem__)
        flat.append(ratio <= RATIO)
        ahead.append(math.isfinite(mine) and mine * FEWER <= theirs[ahead_of])
        late = "never" if math.isinf(ratio) else f"at {ratio:.3g} times the first's step"
        reasons.append(
            f"{optimiser.upper()}: the last frequency under 10 % {late}, "
            f"error of k = 5 at the end {mine:.2g} against {theirs[ahead_of]:.2g} of {ahead_of}"
        )
    return share([all(flat), all(ahead)]), "; ".join(reasons)


def study(
    settings: Settings, rows: Sequence[Row], steps: int = 0, width: int = 0, **more: Any
) -> Study:
    """Rows of one hidden layer, for STEPS and of width WIDTH unless others are asked for."""
    steps, width = steps or STEPS[settings.name], width or WIDTH
    cost, arguments = sines.SHALLOW_COST * width, {"width": width}
    return Study(
        sines.train_shallow, settings, steps, cost, rows, arguments=arguments, batch=1, **more
    )


def runs(settings: Settings) -> dict[str, Study]:
    """The rows at their best rates; in full at equal rates, at other scales, and wide ones."""
    searched = [*chain(*BEST.values())]
    if settings.quick:
        return {"best": study(settings, searched, searched=searched)}
    rows = list(dict.fromkeys([*searched, *chain(*EQUAL.values()), *SCALED]))
    return {
        "best": study(settings, rows, searched=searched),
        "wide": study(settings, WIDE_ROWS, WIDE_STEPS, WIDE),
    }


def judge(settings: Settings, given: Mapping[str, Trained]) -> Outcome:
    """Decide at the best rates."""
    trained = given["best"]
    best = {name: trained.only(*trained.best(*rows)) for name, rows in BEST.items()}
    every = trained.only(*chain(*best.values()))
    arrival = ("k = 5 under 10 %", "steps", "steps_to_10_percent", HIGH)
    end = (f"error of k = 5 at step {trained.study.steps}", "", "final_residual", HIGH)
    measures = trained.measures(every, arrival, end)
    order = f"seeds of {settings.seeds} in which k = 1, 3, 5 arrive in this order"
    findings = [f"{order}: {listed(every, _ordered)}", *trained.rates.findings()]
    figures = [_figure(runs, name, "best") for name, runs in best.items()]
    if not settings.quick:
        wide = given["wide"].runs
        errors = zip(*of_records(wide[WIDE_ROWS[0]], "final_residual"), strict=True)
        measures += [
            Measure.over(f"error of k = {k} {AT_WIDE}", of_k, known=known, source=EARLIER)
            for (k, known), of_k in zip(WIDE_KNOWN.items(), errors, strict=True)
        ]
        later = "steps of the last frequency over the first's at larger scales"
        scaled = trained.only(*SCALED)
        spreads = listed(scaled, lambda records: f"{middle(records, last_over_first):.3g}")
        findings.append(f"{later}: {spreads}")
        findings.append(f"at equal rate and width {WIDE}, diverged: {listed(wide, _diverged)}")
        figures += [_figure(trained.only(*rows), name, "equal") for name, rows in EQUAL.items()]
    columns = [
        *median_cells("steps_to_10_percent", [f"k = {k}, steps" for k in THREE]),
        *median_cells("final_residual", [f"k = {k}, error" for k in THREE], ".2g"),
    ]
    title = "Steps to 10 % error by k (– never), error at the end (– diverged); medians"
    return Outcome(
        *decide(best),
        findings=findings,
        measures=measures,
        tables=[by_row(title, trained.runs, columns)],
        figures=figures,
        values={"frequencies": THREE, "width": WIDTH, **trained.values(KEPT)},
    )


def _ordered(records: Sequence[Record]) -> str:
    """In how many seeds no frequency arrives before a lower one, and the last after the first."""
    steps = of_records(records, "steps_to_10_percent")
    arrived = [[math.inf if s is None else s for s in seed] for seed in steps]
    return str(sum(a <= b <= c and a < c for a, b, c in arrived))


def _diverged(records: Sequence[Record]) -> str:
    count = sum(not math.isfinite(record["late_loss"]) for record in records)
    return f"in {count} of {len(records)} seeds"


def _figure(runs: ByRow, optimiser: str, rate: str) -> Curves:
    """Error per frequency over steps, one panel an activation."""
    rates = "each activation at its best rate." if rate == "best" else "all at rate 0.001."
    return Curves(
        name=f"hong2022-shallow-{optimiser}-{rate}",
        title=f"Error per frequency, one hidden layer of {WIDTH}, {optimiser.upper()}, {rate} rate",
        caption=f"Median and range over seeds; {rates}",
        panels=component_panels(runs, "residuals", [f"k = {k}" for k in THREE]),
        **axes("training step", "relative error |f̂ − û| / |û|", "log log", "cycles per 2π"),
    )


CLAIM = Claim(
    id="hong2022/shallow",
    name="One hidden layer",
    statement="With one hidden layer of 2000 on sin x + sin 3x + sin 5x, with SGD and with Adam, "
    "each at its best rate, Hat brings all three errors under 10 %, the last no later than "
    f"{RATIO} times the step of the first, and the error of k = 5 by the end to at most "
    f"1/{FEWER} of ReLU's and of tanh's.",
    source="1-D experiment; target from third-party code that probably derives from the paper, "
    "width, steps, rates and criteria this project's own",
    recorded={"quick": PARTLY, "full": PARTLY},
    runs=runs,
    judge=judge,
)
