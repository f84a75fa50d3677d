"""Claim "speed": Hat trains in fewer steps and in less time than ReLU, with SGD and with Adam."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hatact.claims.engine import timing
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
from hatact.claims.hong2022 import shallow, spectrum
from hatact.claims.targets import sines, three_sines

SHARE = 0.5  # of ReLU's steps and seconds that Hat may take: "significantly" faster
LEVEL = 0  # of LOSS: 10 % of the target's variance decides, 1 % is reported

SHALLOW = {  # at the rates that arrive soonest, as recorded
    "sgd": (Row("hat", lr=1e-2, optimiser="sgd"), Row("relu", lr=1e-3, optimiser="sgd")),
    "adam": (Row("hat", lr=1e-2), Row("relu", lr=3e-3)),
}


@dataclass(frozen=True)
class Contest:
    """One target and optimiser: Hat's row and ReLU's, each searched for its best rate."""

    name: str
    hat: Row
    relu: Row
    study: Study
    timed: Task


def contests(settings: Settings) -> list[Contest]:
    """Both targets; their runs are the other claims' runs, so they are done once."""
    found = []
    for optimiser, (hat, relu) in SHALLOW.items():
        plan = shallow.study(settings)
        cost = three_sines.COST * shallow.WIDTH
        timed = timing.task((hat, relu), 1, three_sines.POINTS, shallow.WIDTH, 2, cost)
        name = f"one hidden layer, {optimiser.upper()}"
        found.append(Contest(name, hat, relu, plan, timed))
    hat, relu = spectrum.BEST_HAT, spectrum.RELU
    timed = timing.task((hat, relu), 1, sines.POINTS, sines.WIDTH, sines.DEPTH, sines.COST)
    found.append(Contest("five hidden layers, ADAM", hat, relu, spectrum.study(settings), timed))
    return found


@dataclass(frozen=True)
class Result:
    """Steps to the loss by seed (None: never) and seconds a step, of either activation."""

    hat: Sequence[int | None]
    relu: Sequence[int | None]
    horizon: int
    ratio: float  # ReLU's seconds a step over Hat's


def decide(results: Mapping[str, Result]) -> tuple[str, str]:
    """The verdict, and why. Where ReLU never arrives it is given the whole horizon."""
    faster, reasons = [], []
    for name, of in results.items():
        hat, relu = median(of.hat), lower_median(of.relu)
        bound = max(min(relu, of.horizon), 1)
        steps, seconds = hat / bound, hat / (bound * of.ratio)
        faster.append(steps <= SHARE and seconds <= SHARE)
        if math.isinf(hat):
            reasons.append(f"{name}: Hat never arrived")
            continue
        share = "at most " * math.isinf(relu) + f"{steps:.2f}"
        reasons.append(f"{name}: {hat:g} steps, {share} of ReLU's, {seconds:.2f} of its seconds")
    reason = "; ".join(reasons)
    if all(faster):
        return REPRODUCED, reason
    return (PARTLY if any(faster) else NOT_REPRODUCED), reason


def tasks(settings: Settings) -> list[Task]:
    """Every run, if the recorded rates are found again."""
    seeds = range(settings.seeds)
    found: list[Task] = []
    for c in contests(settings):
        found += c.study.search_tasks((c.hat, c.relu), settings)
        found += [task for row in (c.hat, c.relu) for task in c.study.tasks(row, seeds)]
        found.append(c.timed)
    return found


def arrival(record: Record) -> float | None:
    """The step at which a run arrived: what the best rate is chosen by here."""
    arrived: float | None = record["trained_at"][LEVEL]
    return arrived


def judge(settings: Settings, lab: Lab) -> Outcome:
    """Compare steps and seconds to a loss, each at its best rate."""
    seeds = range(settings.seeds)
    results, shown, measures, findings = {}, {}, [], []
    values: dict[str, Any] = {}
    seconds_taken: dict[str, Any] = {}
    lines = []
    for c in contests(settings):
        rates = c.study.search(lab, (c.hat, c.relu), settings, arrival)
        hat, relu = rates.best[c.hat], rates.best[c.relu]
        runs = c.study.run(lab, (hat, relu), seeds)
        (first, _), (second, ratio) = timing.measured(lab, c.timed).values()
        seconds = {hat: first, relu: second}
        seconds_taken[c.name] = {"seconds_a_step": [first, second], "ratio": ratio}
        values[c.name] = {"rates": rates.values(), "levels": list(sines.LOSS)}
        findings += [f"{c.name}: {found}" for found in rates.findings()]
        for row in (hat, relu):
            for level, share in enumerate(sines.LOSS):
                arrived = [r["trained_at"][level] for r in runs[row]]
                values[c.name][f"{row}, {share:.0%}"] = arrived
                steps = median(arrived)
                lines.append(
                    [
                        c.name,
                        str(row),
                        f"{share:.0%}",
                        "–" if math.isinf(steps) else f"{steps:g}",
                        "–" if math.isinf(steps) else f"{steps * seconds[row]:.2g}",
                    ]
                )
            arrived = [r["trained_at"][LEVEL] for r in runs[row]]
            measures.append(Measure.over(f"{c.name}: {row}", arrived, "steps"))
        results[c.name] = Result(
            [r["trained_at"][LEVEL] for r in runs[hat]],
            [r["trained_at"][LEVEL] for r in runs[relu]],
            c.study.steps,
            ratio,
        )
        shown[c.name] = {row: (runs[row], seconds[row]) for row in (hat, relu)}
    verdict, reason = decide(results)
    return Outcome(
        verdict,
        reason,
        findings=[*dict.fromkeys(findings)],
        measures=measures,
        tables=[
            {
                "title": "Steps and seconds (one thread) to a share of the target's variance, "
                "medians; – never",
                "columns": ["target and optimiser", "row", "loss", "steps", "seconds"],
                "rows": lines,
            }
        ],
        figures=[_figure(shown, "steps"), _figure(shown, "seconds")],
        values=values,
        timing=seconds_taken,
    )


def _figure(
    of: Mapping[str, Mapping[Row, tuple[Sequence[Record], float]]], against: str
) -> dict[str, Any]:
    """Relative loss over training, one panel a target and optimiser."""
    by_time = against == "seconds"
    panels = []
    for name, rows in of.items():
        series = [
            band(
                f"{row.activation}({row.scale:g}·x)",
                [s * (seconds if by_time else 1) for s in runs[0]["shown_steps"]],
                [r["relative_loss"] for r in runs],
            )
            for row, (runs, seconds) in rows.items()
        ]
        panels.append((name, series))
    return curves(
        f"hong2022-speed-{against}",
        f"Loss against {against}",
        panels,
        caption="Median and range over seeds, each row at its best rate."
        + (" Seconds: steps times the median of paired timings, one thread." if by_time else ""),
        x="training time (s)" if by_time else "training step",
        y="mean squared error / variance of the target",
        scales="log log",
        legend="activation",
    )


CLAIM = Claim(
    id="hong2022/speed",
    name="Training speed",
    statement=(
        f"At its best rate Hat takes at most {SHARE} of the steps, and of the seconds, that ReLU "
        "takes at its own, to bring the error under 10 % of the target's variance: with one hidden "
        "layer with SGD and with Adam, and with five (Hat at scale 8) with Adam."
    ),
    source=(
        "abstract, in our words: Hat networks train significantly faster with SGD and with Adam; "
        "targets, loss and factor this project's own"
    ),
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    tasks=tasks,
    judge=judge,
)
