"""geifman2023/digits: real data, in the regime of the theorem and as a user would train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hatact.analysis import lower_median, median
from hatact.claims.engine import Claim, Outcome, Settings, Study, Trained
from hatact.claims.engine.verdicts import (
    NOT_REPRODUCED,
    PARTLY,
    REPRODUCED,
    Decision,
    conclude,
)
from hatact.claims.figures import Curves, Line, Panel
from hatact.claims.figures.lines import axes
from hatact.claims.figures.records import ByRow, lower_middle, middle, of_records
from hatact.claims.figures.tables import by_row, median_cells
from hatact.claims.geifman2023 import _flat
from hatact.claims.geifman2023._flat import GD
from hatact.claims.geifman2023._runs import AMPLITUDE, HIDDEN, IMAGES, LABELS, WIDTH, Way, labels

FEWER, MARGIN = 10, 0.01
STEPS = {"quick": 400, "full": 1000}
COST = {"shallow": 1.2e-2, "default": 1.5e-3}
"""Seconds a step."""
PGD = replace(GD, modes=64)
BALL, ADAM, MUON = replace(GD, momentum=0.9), Way("relu"), Way("relu", optimiser="muon")
ROWS = {  # at the best rates of the grid, as recorded; plain and preconditioned descent come first
    "shallow": [replace(GD, lr=3e-3), PGD, replace(BALL, lr=3e-3), ADAM, replace(MUON, lr=3e-3)],
    "default": [GD, replace(PGD, unit=0.02), BALL, replace(ADAM, lr=3e-3), replace(MUON, lr=1e-2)],
}
"""In the default network the grid of the preconditioned rate is 0.002 … 0.2 times 1/λ: 1 fails."""


def decide(steps: Sequence[float], accuracy: Sequence[float], horizon: int) -> Decision:
    """Steps of PGD at most 1/FEWER of GD's, the accuracy at most MARGIN lower: of GD, then of PGD.

    A GD that never arrives has taken the horizon, which is too few.
    """
    fewer = steps[1] * FEWER <= min(steps[0], horizon)
    verdict = REPRODUCED if fewer and accuracy[1] >= accuracy[0] - MARGIN else NOT_REPRODUCED
    plain, ours = (
        f"{_flat.taken(n, horizon)}, right on {share:.1%} of images held out"
        for n, share in zip(steps, accuracy, strict=True)
    )
    return verdict, f"plain gradient descent {plain}; preconditioned {ours}"


def of_network(trained: Trained, rows: Sequence[Way]) -> Decision:
    """:func:`decide` at the best rates."""
    plain, ours = (trained.runs[row] for row in trained.best(*rows[:2]))
    steps = [lower_middle(plain, "steps"), middle(ours, "steps")]
    accuracy = [
        -of([-share for share in of_records(records, "accuracy")])
        for of, records in ((lower_median, plain), (median, ours))
    ]
    return decide(steps, accuracy, trained.study.steps)


def runs(settings: Settings) -> dict[str, Study]:
    """All rows on both networks."""

    def study(name: str) -> Study:
        rows, arguments, steps = ROWS[name], {"network": name}, STEPS[settings.name]
        return Study(
            labels, settings, steps, COST[name], rows, rows, arguments, batch=1, by="steps"
        )

    return {name: study(name) for name in ROWS}


def judge(settings: Settings, given: Mapping[str, Trained]) -> Outcome:
    """The verdict common to both networks."""
    parts = {name: of_network(given[name], rows) for name, rows in ROWS.items()}
    best = {name: given[name].only(*given[name].best(*rows)) for name, rows in ROWS.items()}
    columns = [
        *median_cells("steps", f"steps to {LABELS:.0%}"),
        *median_cells("left", "left", ".3g"),
        *median_cells("accuracy", "accuracy", ".3f"),
    ]
    return Outcome(
        *conclude(parts),
        headline=f"To learn odd from even to {LABELS:.0%} takes, in a wide shallow network, "
        f"{parts['shallow'][1]}; in a default network {parts['default'][1]}.",
        findings=[f for trained in given.values() for f in trained.rates.findings()],
        measures=[
            measure
            for name, runs in best.items()
            for key in ("steps", "accuracy")
            for measure in given[name].measures(
                runs, (f"{key}, {name}", "", key), larger_is_better=key == "accuracy"
            )
        ],
        tables=[by_row(f"The {n} network, medians", runs, columns) for n, runs in best.items()],
        figures=[
            Curves(
                name="geifman2023-digits",
                title="Digits: what is left of the labels",
                caption="The first seed, every row at its best rate, until "
                f"{LABELS:.0%} is left, the horizon or 10⁶ times the labels' norm.",
                panels=[Panel(f"{n} network", paths(runs)) for n, runs in best.items()],
                **axes("updates", "‖f − y‖/‖y‖", "log log", "optimiser"),
            )
        ],
        values={name: given[name].values(("steps", "left", "accuracy")) for name in ROWS},
    )


def paths(runs: ByRow) -> list[Line]:
    """The first seed's residuals over the updates, which start at 1 on a logarithmic axis."""
    lines = []
    for row, (first, *_) in runs.items():
        path = [(step, left) for step, left in first["path"] if step and left < 10]
        lines.append(Line(str(row), [step for step, _ in path], [left for _, left in path]))
    return lines


CLAIM = Claim(
    id="geifman2023/digits",
    name="Digits",
    statement=f"On {IMAGES} of scikit-learn's digits, odd against even, gradient descent with "
    f"{PGD.modes} modes preconditioned leaves {LABELS:.0%} of the labels' norm in at most "
    f"1/{FEWER} of the steps of plain gradient descent, each at its best rate, and is right on "
    f"images held out at most {MARGIN * 100:g} point less often: in a shallow network of width "
    f"{WIDTH} with labels ±{AMPLITUDE:g}, and in one of 64 → {HIDDEN} → {HIDDEN} → 1 as PyTorch "
    "starts it with labels ±1.",
    source="this package's own stand-in for real data",
    recorded={"quick": PARTLY, "full": PARTLY},
    runs=runs,
    judge=judge,
)
