"""milkert2023/digits: a stand-in for the paper's image classifiers.

The paper replaces the classifier of networks for CIFAR-10 and ImageNet; here a small one reads
scikit-learn's digits of 8 × 8. Windows and margins were fixed before any run; that the verdict
looks at each activation's best rate too came after a first quick run at 1e-3 alone: not reproduced.
"""

from __future__ import annotations

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
from hatact.claims.engine.runs import Record
from hatact.claims.engine.statistics import Measure
from hatact.claims.engine.study import conclude
from hatact.claims.figures.curves import band, curves
from hatact.claims.milkert2023 import _classify
from hatact.claims.milkert2023._shown import mean

WINDOW = 5
"""Epochs at the start, and at the end, over which the accuracy is averaged."""
MARGIN = 0.01
EPOCHS = {"quick": 20, "full": 60}
RATE = 1e-3
RATES = (RATE, 3e-3, 1e-2)
ROWS = ("cascade", "relu", "sigmoid")
COST = {"cascade": 4e-3, "relu": 1e-3, "sigmoid": 1e-3}
"""Seconds an update, all seeds together."""
UPDATES = 23
STAND_IN = "digits of 8 × 8 stand in for CIFAR-10 and ImageNet"
Accuracies = Sequence[Sequence[float]]


def decide(cascade: Accuracies, relu: Accuracies) -> tuple[str, str]:
    """The verdict, and why, from the test accuracy by epoch, one sequence a seed."""
    early, late = (
        mean([mean(of[window]) for of in cascade]) - mean([mean(of[window]) for of in relu])
        for window in (slice(WINDOW), slice(-WINDOW, None))
    )
    kept = [early >= MARGIN, abs(late) <= MARGIN]
    reason = (
        f"accuracy {early * 100:+.2f} points from ReLU's over the first {WINDOW} epochs, "
        f"{late * 100:+.2f} over the last"
    )
    return (REPRODUCED if all(kept) else PARTLY if any(kept) else NOT_REPRODUCED), reason


def _tasks(settings: Settings) -> list[Task]:
    epochs, seeds = EPOCHS[settings.name], tuple(range(settings.seeds))
    return [
        Task(
            _classify.train,
            {"activation": row, "lr": lr, "epochs": epochs},
            seeds,
            COST[row] * UPDATES * epochs,
        )
        for row in ROWS
        for lr in RATES
    ]


def _judge(settings: Settings, lab: Lab) -> Outcome:
    names = [(row, lr) for row in ROWS for lr in RATES]
    runs = dict(zip(names, lab.run(_tasks(settings)), strict=True))
    accuracy = {name: [r["accuracy"] for r in of] for name, of in runs.items()}
    ours, theirs = (best_rate({lr: runs[row, lr] for lr in RATES}) for row in ROWS[:2])
    parts = {
        f"at {a:g}" if a == b == RATE else f"at the best rates ({a:g}, {b:g})": decide(
            accuracy["cascade", a], accuracy["relu", b]
        )
        for a, b in ((RATE, RATE), (ours, theirs))
    }
    verdict, reason = conclude(parts)
    return Outcome(
        verdict,
        f"{reason} ({STAND_IN})",
        findings=[
            STAND_IN,
            f"the squashing alone, sigmoid in ReLU's place at {RATE:g}: "
            f"{decide(accuracy['sigmoid', RATE], accuracy['relu', RATE])[1]}",
        ],
        measures=[
            Measure.over(
                f"accuracy, {when} {WINDOW} epochs, {row}",
                [mean(of[window]) for of in accuracy[row, RATE]],
                larger_is_better=True,
            )
            for row in ROWS
            for when, window in (("first", slice(WINDOW)), ("last", slice(-WINDOW, None)))
        ],
        tables=[_table(accuracy)],
        figures=[_figure(runs)],
        values={
            "epochs": EPOCHS[settings.name],
            "accuracy": {f"{row}, {lr:g}": of for (row, lr), of in accuracy.items()},
        },
    )


def best_rate(runs: Mapping[float, Sequence[Record]]) -> float:
    """That with the lowest loss on the images trained on, after the last epoch."""
    return min(runs, key=lambda lr: mean([float(r["loss"][-1]) for r in runs[lr]]))


def _table(accuracy: Mapping[tuple[str, float], Accuracies]) -> dict[str, Any]:
    places = (0, 1, WINDOW - 1)
    return {
        "title": f"Mean test accuracy ({STAND_IN})",
        "columns": ["activation", "rate", *(f"epoch {i + 1}" for i in places), "last"],
        "rows": [
            [row, f"{lr:g}", *(f"{mean([s[i] for s in of]):.1%}" for i in (*places, -1))]
            for (row, lr), of in accuracy.items()
        ],
    }


def _figure(runs: Mapping[tuple[str, float], Sequence[Record]]) -> dict[str, Any]:
    panels = []
    for lr in RATES:
        series = []
        for row in ROWS:
            of = [r["accuracy"] for r in runs[row, lr]]
            series.append(band(row, range(1, len(of[0]) + 1), of))
        panels.append((f"learning rate {lr:g}", series))
    return curves(
        "milkert2023-digits",
        "Digits: accuracy over training",
        panels,
        caption=f"Median over the seeds; the band is their range. {STAND_IN[0].upper()}"
        f"{STAND_IN[1:]}.",
        x="epochs",
        y="test accuracy",
        scales="log linear",
        legend="activation",
    )


CLAIM = Claim(
    id="milkert2023/digits",
    name="Digits, a stand-in for image classification",
    statement=(
        "With a learned cascade on every linear projection in ReLU's place a small classifier of "
        "scikit-learn's digits (a stand-in for the paper's CIFAR-10 and ImageNet) is at least "
        f"{MARGIN * 100:g} point of test accuracy ahead over the first {WINDOW} epochs and ends "
        f"within {MARGIN * 100:g} point of ReLU's, at the paper's rate and at each one's best rate."
    ),
    source=(
        "the paper reports an early advantage only and equal final accuracy, read in secondary "
        "notes; images, network, windows and margins are this package's own"
    ),
    recorded={"quick": NOT_REPRODUCED, "full": PARTLY},
    tasks=_tasks,
    judge=_judge,
)
