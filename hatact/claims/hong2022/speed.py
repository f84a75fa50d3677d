"""hong2022/speed: Hat trains in fewer steps and in less time than ReLU, with SGD and with Adam."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from hatact.analysis.tracked import LOSS
from hatact.claims.engine import Claim, Measure, Outcome, Plan, Record, Row, Settings, Timing
from hatact.claims.engine.verdicts import REPRODUCED, Decision, share
from hatact.claims.figures import Curves, Panel, Table
from hatact.claims.figures.lines import BY_TIME, TRAINING, axes, row_lines
from hatact.claims.figures.records import ByRow, lower_middle, middle, of_records
from hatact.claims.figures.tables import number
from hatact.claims.hong2022 import shallow, spectrum
from hatact.claims.targets import sines

SHARE = 0.5  # of ReLU's steps and seconds that Hat may take: "significantly" faster
LEVEL = 0  # of LOSS: 10 % of the target's mean square decides, 1 % is reported

SHALLOW = {  # at the rates that arrive soonest, as recorded
    "sgd": (Row("hat", lr=1e-2, optimiser="sgd"), Row("relu", lr=1e-3, optimiser="sgd")),
    "adam": (Row("hat", lr=1e-2), Row("relu", lr=3e-3)),
}
TIMED = ", seconds"  # ends the name of a contest's timing


@dataclass(frozen=True)
class Contest:
    """Hat and then ReLU, each at its best rate."""

    runs: ByRow
    seconds: Mapping[Row, float]  # those of a step
    ratio: float  # ReLU's seconds over Hat's, paired
    horizon: int  # the steps that every run had


def decide(contests: Mapping[str, Contest]) -> Decision:
    """The verdict, and why. Where ReLU never arrives it is given the whole horizon."""
    faster, reasons = [], []
    for name, contest in contests.items():
        mine, theirs = contest.runs.values()
        hat, relu = middle(mine, "trained_at", LEVEL), lower_middle(theirs, "trained_at", LEVEL)
        bound = max(min(relu, contest.horizon), 1)
        steps, seconds = hat / bound, hat / (bound * contest.ratio)
        faster.append(steps <= SHARE and seconds <= SHARE)
        if math.isinf(hat):
            reasons.append(f"{name}: Hat never arrived")
            continue
        part = "at most " * math.isinf(relu) + f"{steps:.2f}"
        reasons.append(f"{name}: {hat:g} steps, {part} of ReLU's, {seconds:.2f} of its seconds")
    return share(faster), "; ".join(reasons)


def soonest(record: Record) -> Any:
    """The step at which a run arrived: what the best rate is chosen by here."""
    return record["trained_at"][LEVEL]


def runs(settings: Settings) -> dict[str, Plan]:
    """By target and optimiser the rows, which other claims train too, and their timing."""
    plans: dict[str, Plan] = {}
    width, cost = shallow.WIDTH, sines.SHALLOW_COST * shallow.WIDTH
    for optimiser, rows in SHALLOW.items():
        name = f"one hidden layer, {optimiser.upper()}"
        plans[name] = shallow.study(settings, rows, searched=rows, by=soonest)
        plans[name + TIMED] = Timing(rows, 1, sines.THREE_POINTS, width, 2, cost)
    name, deep = "five hidden layers, ADAM", (spectrum.BEST_HAT, spectrum.RELU)
    plans[name] = spectrum.study(settings, deep, by=soonest)
    plans[name + TIMED] = Timing(deep, 1, sines.POINTS, sines.WIDTH, sines.DEPTH, sines.COST)
    return plans


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Compare steps and seconds to a loss, each at its best rate."""
    contests = {}
    for name in (name for name in given if not name.endswith(TIMED)):
        trained, ((hat, _), (relu, ratio)) = given[name], given[name + TIMED].values()
        runs = trained.only(*trained.best(*trained.study.searched))
        seconds = dict(zip(runs, (hat, relu), strict=True))
        contests[name] = Contest(runs, seconds, ratio, trained.study.steps)
    return Outcome(
        *decide(contests),
        findings=[f"{name}: {text}" for name in contests for text in given[name].rates.findings()],
        measures=[
            Measure.over(f"{name}: {row}", of_records(records, "trained_at", LEVEL), "steps")
            for name, contest in contests.items()
            for row, records in contest.runs.items()
        ],
        tables=[_table(contests)],
        figures=[_figure(contests, "steps"), _figure(contests, "seconds")],
        values={
            name: {"rates": given[name].rates.values(), "levels": LOSS, **_arrivals(contest.runs)}
            for name, contest in contests.items()
        },
        timing={
            name: {"seconds_a_step": list(contest.seconds.values()), "ratio": contest.ratio}
            for name, contest in contests.items()
        },
    )


def _arrivals(runs: ByRow) -> dict[str, list[int | None]]:
    return {
        f"{row}, {part:.0%}": of_records(records, "trained_at", level)
        for row, records in runs.items()
        for level, part in enumerate(LOSS)
    }


def _table(contests: Mapping[str, Contest]) -> Table:
    lines = []
    for name, contest in contests.items():
        for (row, records), (level, part) in product(contest.runs.items(), enumerate(LOSS)):
            steps = middle(records, "trained_at", level)
            cells = number(steps), number(steps * contest.seconds[row], ".2g")
            lines.append([name, str(row), f"{part:.0%}", *cells])
    title = "Steps and seconds (one thread) to a share of the target's variance, medians; – never"
    return Table(title, ["target and optimiser", "row", "loss", "steps", "seconds"], lines)


def _figure(contests: Mapping[str, Contest], against: str) -> Curves:
    """Relative loss over training, one panel a target and optimiser."""
    panels, by_time = [], against == "seconds"
    for name, contest in contests.items():
        labels = [f"{row.activation}({row.scale:g}·x)" for row in contest.runs]
        runs = dict(zip(labels, contest.runs.values(), strict=True))
        seconds = dict(zip(labels, contest.seconds.values(), strict=True))
        lines = row_lines(runs, "relative_loss", unit=seconds if by_time else None)
        panels.append(Panel(name, lines))
    y_label = "mean squared error / variance of the target"
    return Curves(
        name=f"hong2022-speed-{against}",
        title=f"Loss against {against}",
        caption="Median and range over seeds, each row at its best rate." + BY_TIME * by_time,
        panels=panels,
        **axes(TRAINING[against], y_label, "log log", "activation"),
    )


CLAIM = Claim(
    id="hong2022/speed",
    name="Training speed",
    statement=f"At its best rate Hat takes at most {SHARE} of the steps, and of the seconds, that "
    "ReLU takes at its own, to bring the error under 10 % of the target's variance: with one "
    "hidden layer with SGD and with Adam, and with five (Hat at scale 8) with Adam.",
    source="abstract, in our words: Hat networks train significantly faster with SGD and with "
    "Adam; targets, loss and factor this project's own",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
