"""hong2022/coordinates: regression on waves of known frequencies in two and in five dimensions.

The paper's targets were not at hand; these are this project's. The criteria are those of the deep
one-dimensional network; the scale and the recorded rates were chosen on other targets (seeds 100
and 101).
"""

from __future__ import annotations

from collections.abc import Mapping

from hatact.claims.engine import Claim, Outcome, Row, Settings, Study, Trained
from hatact.claims.engine.verdicts import PARTLY, conclude
from hatact.claims.figures import Curves
from hatact.claims.figures.lines import axes, component_panels
from hatact.claims.figures.records import middle
from hatact.claims.figures.tables import by_row, listed, median_cells
from hatact.claims.hong2022.spectrum import HIGH, PATIENCE, RATIO, decide, last_over_first
from hatact.claims.targets import waves

HAT = Row("hat", 8)
RELU = Row("relu", lr=1e-2)  # at the best rate of the grid, as recorded
OTHER = Row("hat", 4)
MORE = (Row("hat", 1), Row("hat", 2), OTHER, Row("relu"), Row("relu", input=8), Row("relu", 8))
DIMENSIONS = (2, 5)
STEPS = {"quick": 800, "full": 1000}
LEARNT = 0.1  # of a wave's amplitude
KEPT = (
    *("steps_to_10_percent", "steps_to_50_percent", "bias_exponent", "final_residual"),
    *("held_out_residual", "relative_loss", "held_out_relative_loss"),
)


def runs(settings: Settings) -> dict[int, Study]:
    """All rows, a study a dimension."""
    searched, steps = (HAT, RELU), STEPS[settings.name]
    rows = searched if settings.quick else (*searched, *MORE)
    return {
        d: Study(waves.train, settings, steps, waves.COST[d], rows, searched, {"dimension": d})
        for d in DIMENSIONS
    }


def judge(settings: Settings, given: Mapping[int, Trained]) -> Outcome:
    """Decide in each dimension."""
    parts = {f"{d}-D": _outcome(d, trained) for d, trained in given.items()}
    return Outcome(
        *conclude({name: (part.verdict, part.reason) for name, part in parts.items()}),
        findings=[f"{name}: {text}" for name, part in parts.items() for text in part.findings],
        measures=[measure for part in parts.values() for measure in part.measures],
        tables=[table for part in parts.values() for table in part.tables],
        figures=[figure for part in parts.values() for figure in part.figures],
        values={name: part.values for name, part in parts.items()},
    )


def _outcome(d: int, trained: Trained) -> Outcome:
    """What was found in d dimensions, of Hat and of ReLU at their best rates."""
    hat, relu = trained.best(HAT, RELU)
    ks = [f"{k:g}" for k in waves.FREQUENCIES[d]]
    highest = f"|k| = {ks[-1]}"
    last = f"{d}-D, {highest}"
    compared = [row for row in (hat, OTHER, relu) if row in trained.runs]
    columns = [
        *median_cells("steps_to_10_percent", [f"{k}, steps" for k in ks]),
        *median_cells("held_out_residual", [f"{k}, held out" for k in ks], ".2f"),
    ]
    title = f"{d}-D: steps to 10 % by |k| (– never), error held out; medians"
    figure = Curves(
        name=f"hong2022-waves-{d}d",
        title=f"Error per wave in {d} dimensions",
        caption=f"Median and range over seeds, on the {waves.POINTS[d]} points seen; each "
        "activation at its best rate.",
        panels=component_panels(trained.only(hat, relu), "residuals", [f"|k| = {k}" for k in ks]),
        **axes("training step", "relative error of the wave", "log log", "cycles per unit length"),
    )
    decision = decide(trained, hat, highest=highest)
    return Outcome(
        *decision,
        findings=[_memorised(trained, highest), *trained.rates.findings()],
        measures=[
            *trained.measures([hat], (f"{last} under 10 %", "steps", "steps_to_10_percent", HIGH)),
            *trained.measures([hat], (f"{d}-D, last wave over first", "×", last_over_first)),
            *trained.measures([relu], (f"{last} under 50 %", "steps", "steps_to_50_percent", HIGH)),
            *trained.measures(compared, (f"{last}, held-out error", "", "held_out_residual", HIGH)),
        ],
        tables=[by_row(title, trained.runs, columns)],
        figures=[figure],
        values={
            "frequencies": waves.FREQUENCIES[d],
            "points": waves.POINTS[d],
            "verdict": decision[0],
            **trained.values(KEPT),
        },
    )


def _memorised(trained: Trained, highest: str) -> str:
    """How the rows that learn the highest wave on the points seen fare between them."""
    runs = trained.runs.items()
    learnt = {row: of for row, of in runs if middle(of, "final_residual", HIGH) < LEARNT}
    if not learnt:
        return f"no row brings {highest} under 10 % on the points seen at the end"
    errors = listed(learnt, lambda records: f"{middle(records, 'held_out_residual', HIGH):.2f}")
    return (
        f"error of {highest} on held-out points, of the rows that have it under 10 % on the points "
        f"seen: {errors}"
    )


CLAIM = Claim(
    id="hong2022/coordinates",
    name="Two and five dimensions",
    statement="In two and in five dimensions a Hat network at scale 8 brings the errors of four "
    f"waves under 10 % on the points seen, the last no later than {RATIO} times the step of the "
    f"first, where no ReLU row here brings the highest under 50 % in {PATIENCE} times as many "
    "steps.",
    source="2-D and high-dimensional coordinate regression, known from a summary; targets, scale "
    "and criteria this project's own",
    recorded={"quick": PARTLY, "full": PARTLY},
    runs=runs,
    judge=judge,
)
