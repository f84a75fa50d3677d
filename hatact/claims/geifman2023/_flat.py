"""Steps against the number of periods: what counts as flat, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hatact.analysis import log_slope, lower_median, median
from hatact.claims.engine import Measure, Outcome, Row, Settings, Study, Trained
from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED, Decision
from hatact.claims.figures import Arrivals, Table
from hatact.claims.figures.lines import arrivals
from hatact.claims.figures.records import middle, of_records
from hatact.claims.figures.tables import by_row, median_cells
from hatact.claims.geifman2023._runs import AMPLITUDE, ARRIVED, KEPT, POINTS, WIDTH, Way, waves

FLAT, STEEP = 5, 1.7
FREQUENCIES = {"quick": (1, 2, 4, 6, 8, 10), "full": (1, 2, 3, 4, 5, 6, 8, 10, 12)}
COST = 1e-3
"""Seconds a step of one network, fewer than it takes: most stop long before the last step."""
GD, PGD = Way("relu", optimiser="gd"), Way("relu", optimiser="gd", modes=30)
LEARNT = f"steps to {ARRIVED:.0%} residual"
NETWORK = f"One hidden layer of {WIDTH}, {POINTS} points; every dot is a seed."
BySeed = Sequence[Sequence[float | None]]
"""By seed, one number for every frequency."""


def study(
    settings: Settings, rows: Sequence[Way], steps: int, amplitude: float = AMPLITUDE, **more: Any
) -> Study:
    """Rows on waves, a network at a time; the best rate has its slowest wave arrive first."""
    k = more.pop("frequencies", FREQUENCIES[settings.name])
    arguments, cost = {"frequencies": tuple(k), "amplitude": amplitude}, COST * len(k)
    return Study(
        waves, settings, steps, cost, rows, arguments=arguments, batch=1, by=slowest, **more
    )


def slowest(record: Mapping[str, Any]) -> float:
    """The steps until the last wave has arrived."""
    return max(math.inf if step is None else step for step in record["steps"])


def decide(
    frequencies: Sequence[int], plain: BySeed, ours: BySeed, modes: int, horizon: int
) -> Decision:
    """Flat over the modes replaced, with no more steps, where plain gradient descent is steep.

    Never counts as inf in the preconditioned row, as the horizon, which is too few, in the plain
    one.
    """
    k, at = replaced(frequencies, modes)
    if len(k) < 2:
        return NOT_REPRODUCED, f"of the waves the {modes} modes replaced hold {len(k)}"
    steps = [median(of_k) for of_k in zip(*ours, strict=True)]
    theirs = [lower_median(of_k) for of_k in zip(*plain, strict=True)]
    reached, plainly = ([max(1, of[i]) for i in at] for of in (steps, theirs))
    least = [min(step, horizon) for step in plainly]
    fewer = max(reached) < max(least) and all(a <= b for a, b in zip(reached, least, strict=True))
    flat = fewer and max(reached) <= FLAT * min(reached)
    steep = log_slope(k, least)
    verdict = (REPRODUCED if steep >= STEEP else PARTLY) if flat else NOT_REPRODUCED
    bound = "" if max(plainly) < math.inf else " or faster"
    return verdict, (
        f"waves of {k[0]} … {k[-1]} periods take preconditioned gradient descent "
        f"{_range(reached)}, plain gradient descent {_range(plainly)}, as k^{steep:.2f}{bound}"
    )


def replaced(frequencies: Sequence[int], modes: int) -> tuple[list[int], list[int]]:
    """The waves among the modes replaced, a constant and two a number of periods, and where."""
    at = [i for i, k in enumerate(frequencies) if 2 * k + 1 <= modes]
    return [frequencies[i] for i in at], at


def _range(steps: Sequence[float]) -> str:
    least, most = min(steps), max(steps)
    if math.isinf(least):
        return "never"
    unit = "step" if least == 1 else "steps"
    if math.isinf(most):
        return f"{least:g} {unit} to never"
    return f"{least:g} {unit}" if least == most else f"{least:g} to {most:g} steps"


def of_rows(trained: Trained, plain: Way = GD, ours: Way = PGD) -> Decision:
    """:func:`decide`, of the records of two rows."""
    k, horizon = trained.study.arguments["frequencies"], trained.study.steps
    theirs, steps = (of_records(trained.runs[row], "steps") for row in (plain, ours))
    return decide(k, theirs, steps, ours.modes, horizon)


def flatness(trained: Trained, *rows: Way) -> list[Measure]:
    """By seed the exponent of GD's steps, and of the rows the most steps over the least."""
    frequencies, horizon = trained.study.arguments["frequencies"], trained.study.steps
    k, at = replaced(frequencies, rows[0].modes)

    def counted(row: Way, never: float) -> list[list[float]]:
        of_seeds = of_records(trained.runs[row], "steps")
        return [[never if of[i] is None else max(1, of[i]) for i in at] for of in of_seeds]

    def ratio(steps: Sequence[float]) -> float:
        return math.inf if math.inf in steps else max(steps) / min(steps)

    steep = [log_slope(k, steps) for steps in counted(GD, horizon)]
    flat = {row: [ratio(steps) for steps in counted(row, math.inf)] for row in rows}
    return [
        Measure.over("p of the steps as k^p, GD", steep),
        *(Measure.over(f"most steps over least, {row}", of) for row, of in flat.items()),
    ]


def slowest_of(trained: Trained, row: Row, of: Callable[..., float] = middle) -> float:
    """The median over the seeds of the steps until the last wave has arrived.

    Of what a method is compared with take the lower median, `lower_middle`.
    """
    return of(trained.runs[row], slowest)


def taken(steps: float, horizon: int) -> str:
    """In words."""
    return f"over {horizon} steps" if math.isinf(steps) else f"{steps:g} steps"


def table(trained: Trained) -> Table:
    """The median steps of every row to every wave."""
    arguments = trained.study.arguments
    cells = median_cells("steps", [f"k = {k}" for k in arguments["frequencies"]])
    title = f"Median {LEARNT}, waves of k periods of amplitude {arguments['amplitude']:g}"
    return by_row(title, trained.runs, cells)


def figure(trained: Trained, name: str, title: str, caption: str) -> Arrivals:
    """Every seed's steps over the number of periods."""
    k, horizon = trained.study.arguments["frequencies"], trained.study.steps
    labels = {"x_label": "periods of the target on the circle", "y_label": LEARNT}
    words = {"name": f"geifman2023-{name}", "title": title, "caption": f"{NETWORK} {caption}"}
    return arrivals(trained.runs, k, horizon, key="steps", **labels, **words)


def outcome(
    trained: Trained,
    decision: Decision,
    headline: str,
    findings: Sequence[str],
    tables: Sequence[Table],
    shown: Arrivals,
    measures: Sequence[Measure] = (),
    **more: Any,
) -> Outcome:
    """The decision, with every row's steps as measures, table, figure and values; more values."""
    slow = trained.measures(trained.runs, ("steps to the slowest wave", "", slowest))
    return Outcome(
        *decision,
        headline=headline,
        findings=[*findings, *trained.rates.findings()],
        measures=[*measures, *slow],
        tables=[table(trained), *tables],
        figures=[shown],
        values={**trained.values(KEPT), **more},
    )
