"""hong2022/spectrum: a deep Hat network learns ten sines at one rate; and the map of its scales.

Criteria and scales are this project's own, fixed before the verdicts.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from hatact.analysis import arrival_spread, median
from hatact.analysis.tracked import HOLD
from hatact.claims.engine import Claim, Measure, Outcome, Plan, Record, Row, Settings, Study
from hatact.claims.engine.study import Trained
from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED, Decision, conclude
from hatact.claims.figures import Figure
from hatact.claims.figures.lines import arrivals, spectra
from hatact.claims.figures.records import middle, of_records
from hatact.claims.figures.tables import by_row, median_cells
from hatact.claims.hong2022 import _scales
from hatact.claims.targets import agreement, sines
from hatact.claims.targets.sines import FREQUENCIES

RATIO = 1.5  # the last frequency may arrive this much later than the first
PATIENCE = 10  # times Hat's steps that ReLU is given
HIGH = -1  # k = 50
STEPS = {"quick": 640, "full": 2000}
KEPT = ("bias_exponent", "frequencies_not_reached", "final_residual", "final_loss")

HAT = Row("hat", 8)
BEST_HAT = Row("hat", 8, lr=3e-4)  # at the best rate of the grid, as recorded
RELU = Row("relu", lr=3e-3)  # likewise
HATS = (Row("hat", 1), HAT)
MORE_HATS = tuple(Row("hat", s) for s in (2, 4, 6, 10, 12, 16))
RELUS = (Row("relu"), RELU, Row("relu", 8), Row("relu", input=8))
MORE_RELUS = (Row("relu", 4), Row("relu", 16), Row("relu", input=50))
AGREEING = (HAT, RELUS[0])  # rows whose loss curves are compared with the reference's


def decide(trained: Trained, hat: Row, agrees: bool = True, highest: str = "k = 50") -> Decision:
    """The verdict on a row of Hat against every row of ReLU, and why.

    Args:
        agrees: whether the default backend follows the reference.
        highest: the name of the highest frequency.
    """
    horizon, controls = trained.study.steps, relu_arrivals(trained)
    arrived = of_records(trained.runs[hat], "steps_to_10_percent")
    last = median([None if None in steps else max(steps) for steps in arrived])
    ratio = middle(trained.runs[hat], last_over_first)
    if not agrees:
        return NOT_REPRODUCED, "the default backend's loss curve leaves the reference's"
    if math.isinf(ratio):
        return NOT_REPRODUCED, "not every frequency came under 10 %"
    flat = f"the last frequency under 10 % at step {last:g}, {ratio:.2f} times that of the first"
    if ratio > RATIO:
        return NOT_REPRODUCED, f"{flat}; the limit is {RATIO}"
    limit = PATIENCE * last
    quick = {n: sum(s is not None and s <= limit for s in of) for n, of in controls.items()}
    if any(quick.values()):
        which = "; ".join(f"{n} in {c} of {len(controls[n])}" for n, c in quick.items() if c)
        return PARTLY, f"{flat}; but ReLU has {highest} under 50 % by step {limit:g}: {which}"
    if horizon < limit:
        return PARTLY, f"{flat}; but ReLU was given {horizon} steps, fewer than {limit:g}"
    return REPRODUCED, f"{flat}; no ReLU row has {highest} under 50 % by step {limit:g}"


def last_over_first(record: Record) -> float | None:
    """How many times as late as the first the last frequency came under 10 %."""
    return arrival_spread(record["steps_to_10_percent"])


def relu_arrivals(trained: Trained) -> dict[str, list[int | None]]:
    """For every ReLU row, by seed, the step at which the highest came under 50 %."""
    relus = [row for row in trained.runs if row.activation == "relu"]
    return {str(r): of_records(trained.runs[r], "steps_to_50_percent", HIGH) for r in relus}


def study(settings: Settings, rows: Sequence[Row], **more: Any) -> Study:
    """Rows on the ten sines, the best rates of Hat and of ReLU searched."""
    steps, searched = STEPS[settings.name], (BEST_HAT, RELU)
    return Study(sines.train, settings, steps, sines.COST, rows, searched, **more)


def runs(settings: Settings) -> dict[str, Plan]:
    """The rows on the sines, and the control through the reference backend."""
    rows = [*HATS, BEST_HAT, *RELUS]
    if not settings.quick:
        hats = sorted(HATS + MORE_HATS, key=lambda row: row.scale)
        rows = [*hats, BEST_HAT, *RELUS, *MORE_RELUS]
    control = agreement.Control(AGREEING, settings.device)
    return {"control": control, "sines": study(settings, rows)}


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide at rate 1e-3 and at the best one."""
    control, trained = given["control"], given["sines"]
    best, relu = trained.best(BEST_HAT, RELU)
    hats, relus = list(dict.fromkeys((HAT, best))), relu_arrivals(trained)
    decided = {f"at rate {row.lr:g}": decide(trained, row, control["agrees"]) for row in hats}
    scales = _scales.findings(trained.runs, RATIO)
    arrival = ("k = 50 under 10 %", "steps", "steps_to_10_percent", HIGH)
    soonest = min(relus, key=lambda name: median(relus[name]))
    title = "Steps to 10 % residual by k (– never), bias exponent p (* not all k arrived)"
    columns = [
        *median_cells("steps_to_10_percent", [str(k) for k in FREQUENCIES]),
        ("p", _exponent),
        *median_cells("final_loss", "loss", ".2g"),
    ]
    return Outcome(
        *conclude(decided),
        findings=[*scales, *trained.rates.findings(), agreement.sentence(control)],
        measures=[
            *trained.measures(hats, arrival, ("last frequency over first", "×", last_over_first)),
            Measure.over(f"k = 50 under 50 %, {soonest}", relus[soonest], "steps"),
            *trained.measures((*hats, relu), ("bias exponent p", "", "bias_exponent")),
            *trained.measures((*hats, relu), ("final loss", "", "final_loss")),
        ],
        tables=[by_row(f"{title}, final loss; medians", trained.runs, columns, "k =")],
        figures=_figures(trained, settings),
        values={
            "frequencies": FREQUENCIES,
            "hold": HOLD,
            "backend_control": control,
            "relu_steps_to_50_percent_at_k_50": relus,
            **trained.values(("steps_to_10_percent", *KEPT)),
        },
        headline=_headline(trained, best, relu),
    )


def _headline(trained: Trained, best: Row, relu: Row) -> str:
    first, second = (middle(trained.runs[row], last_over_first) for row in (HAT, best))
    half = middle(trained.runs[relu], "steps_to_50_percent", HIGH)
    learns = (
        "does not always learn all of ten sines, k = 5 … 50"
        if math.isinf(max(first, second))
        else f"learns ten sines, k = 5 … 50, the last {first:.2f} times as late as the first, "
        f"{second:.2f} times at its best rate"
    )
    theirs = (
        f"does not bring k = 50 under 50 % error in {trained.study.steps} steps"
        if math.isinf(half)
        else f"brings k = 50 under 50 % error by step {half:g}"
    )
    return f"A deep Hat network at scale 8 {learns}; ReLU {theirs}."


def _exponent(records: Sequence[Record]) -> str:
    slopes = [r["bias_exponent"] for r in records if r["bias_exponent"] is not None]
    mark = "*" if any(of_records(records, "frequencies_not_reached")) else ""
    return f"{statistics.median(slopes):.2f}{mark}" if slopes else "–"


def _figures(trained: Trained, settings: Settings) -> list[Figure]:
    runs, steps = trained.runs, trained.study.steps
    heat_maps = spectra(
        trained.only(RELUS[0], HAT),
        FREQUENCIES,
        "hong2022-heat-maps",
        "What a deep network has learnt, by frequency",
        "Seed 0. Left to right: frequency; upwards: training. ReLU fills from the left, Hat at "
        "scale 8 all at once.",
    )
    level = "A level line is a network without spectral bias."
    arrived = arrivals(runs, FREQUENCIES, steps, "hong2022-steps", "Steps to 10 % residual", level)
    if settings.quick:
        return [heat_maps, arrived]
    name, title = "hong2022-heat-maps-all", "Normalised spectrum over training, every row"
    every = spectra(runs, FREQUENCIES, name, title, "Seed 0.")
    return [heat_maps, arrived, *_scales.figures(runs), every]


CLAIM = Claim(
    id="hong2022/spectrum",
    name="All frequencies at one rate",
    statement="A deep Hat network at scale 8 brings the residuals of k = 5 … 50 under 10 %, the "
    f"last no later than {RATIO} times the step of the first (median over seeds), at rate 1e-3 and "
    "at its best rate, where no ReLU row here brings k = 50 under 50 % in "
    f"{PATIENCE} times as many steps.",
    source="abstract, in our words: changing ReLU for Hat removes the bias; target and network of "
    "arXiv 1806.08734, criteria and scale this project's own",
    recorded={"quick": PARTLY, "full": PARTLY},
    runs=runs,
    judge=judge,
)
