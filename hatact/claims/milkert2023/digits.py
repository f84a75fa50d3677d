"""milkert2023/digits: a stand-in for the paper's image classifiers.

The paper replaces the classifier of networks for CIFAR-10 and ImageNet; here a small one reads
scikit-learn's digits of 8 × 8. Windows and margins were fixed before any run; that the verdict
looks at each activation's best rate too came after a first quick run at 1e-3 alone: not reproduced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from hatact.claims.engine import Claim, Measure, Outcome, Record, Runs, Settings, Task
from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, Decision, conclude, share
from hatact.claims.figures import Curves, Panel, Table
from hatact.claims.figures.lines import axes, band
from hatact.claims.figures.records import of_records
from hatact.claims.targets import ten_digits

WINDOW = 5
"""Epochs at the start, and at the end, over which the accuracy is averaged."""
WINDOWS = {"first": slice(WINDOW), "last": slice(-WINDOW, None)}
MARGIN = 0.01
EPOCHS = {"quick": 20, "full": 60}
RATE = 1e-3
RATES = (RATE, 3e-3, 1e-2)
ROWS = ("cascade", "relu", "sigmoid")
COST = {"cascade": 3.4e-3, "relu": 9e-4, "sigmoid": 9e-4}
"""Seconds an update, all seeds together."""
UPDATES = 23
STAND_IN = "digits of 8 × 8 stand in for CIFAR-10 and ImageNet"
Name = tuple[str, float]
"""Of an activation at a rate."""
Accuracies = Sequence[Sequence[float]]
"""The test accuracy by epoch, one sequence a seed."""


def decide(cascade: Accuracies, relu: Accuracies) -> Decision:
    """The verdict, and why."""
    early, late = (
        fmean(windowed(cascade, window)) - fmean(windowed(relu, window)) for window in WINDOWS
    )
    return share([early >= MARGIN, abs(late) <= MARGIN]), (
        f"accuracy {early * 100:+.2f} points from ReLU's over the first {WINDOW} epochs, "
        f"{late * 100:+.2f} over the last"
    )


def windowed(accuracies: Accuracies, window: str) -> list[float]:
    """Every seed's mean accuracy over the first or the last epochs."""
    return [fmean(accuracy[WINDOWS[window]]) for accuracy in accuracies]


def runs(settings: Settings) -> dict[str, Runs]:
    """Every activation at every rate."""
    epochs, seeds = EPOCHS[settings.name], tuple(range(settings.seeds))

    def task(row: str, lr: float) -> Task:
        arguments = {"activation": row, "lr": lr, "epochs": epochs}
        return Task(ten_digits.train, arguments, seeds, COST[row] * UPDATES * epochs)

    return {"classifiers": Runs({(row, lr): task(row, lr) for row in ROWS for lr in RATES})}


def judge(settings: Settings, given: Mapping[str, Mapping[Name, Sequence[Record]]]) -> Outcome:
    """The verdict common to equal rates and to each activation's best."""
    records = given["classifiers"]
    accuracy = {name: of_records(by_seed, "accuracy") for name, by_seed in records.items()}
    ours, theirs = (best_rate({lr: records[row, lr] for lr in RATES}) for row in ROWS[:2])
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
        headline="A classifier of small digits has, with learned cascades, a test accuracy of "
        f"{_shares(accuracy['cascade', ours])}, with ReLU of {_shares(accuracy['relu', theirs])}, "
        "each at its best rate.",
        findings=[
            STAND_IN,
            f"the squashing alone, sigmoid in ReLU's place at {RATE:g}: "
            f"{decide(accuracy['sigmoid', RATE], accuracy['relu', RATE])[1]}",
        ],
        measures=[
            Measure.over(
                f"accuracy, {window} {WINDOW} epochs, {row}",
                windowed(accuracy[row, RATE], window),
                larger_is_better=True,
            )
            for row in ROWS
            for window in WINDOWS
        ],
        tables=[_table(accuracy)],
        figures=[_figure(accuracy)],
        values={
            "epochs": EPOCHS[settings.name],
            "accuracy": {f"{row}, {lr:g}": by_seed for (row, lr), by_seed in accuracy.items()},
        },
    )


def best_rate(records: Mapping[float, Sequence[Record]]) -> float:
    """That with the lowest loss on the images trained on, after the last epoch."""
    return min(records, key=lambda lr: fmean(of_records([*records[lr]], "loss", -1)))


def _shares(accuracies: Accuracies) -> str:
    first, last = (fmean(windowed(accuracies, window)) for window in WINDOWS)
    return f"{first:.1%} over the first {WINDOW} epochs and {last:.1%} over the last"


def _table(accuracy: Mapping[Name, Accuracies]) -> Table:
    epochs = {"epoch 1": 0, "epoch 2": 1, f"epoch {WINDOW}": WINDOW - 1, "last": -1}
    return Table(
        f"Mean test accuracy ({STAND_IN})",
        ["activation", "rate", *epochs],
        [
            [row, f"{lr:g}", *(f"{fmean([a[i] for a in by_seed]):.1%}" for i in epochs.values())]
            for (row, lr), by_seed in accuracy.items()
        ],
    )


def _figure(accuracy: Mapping[Name, Accuracies]) -> Curves:
    epochs = range(1, len(accuracy["relu", RATE][0]) + 1)
    return Curves(
        name="milkert2023-digits",
        title="Digits: accuracy over training",
        caption=f"Median over the seeds; the band is their range. {STAND_IN[0].upper()}"
        f"{STAND_IN[1:]}.",
        panels=[
            Panel(f"learning rate {lr:g}", [band(row, epochs, accuracy[row, lr]) for row in ROWS])
            for lr in RATES
        ],
        **axes("epochs", "test accuracy", "log linear", "activation"),
    )


CLAIM = Claim(
    id="milkert2023/digits",
    name="Digits, a stand-in for image classification",
    statement="With a learned cascade on every linear projection in ReLU's place a small "
    "classifier of scikit-learn's digits (a stand-in for the paper's CIFAR-10 and ImageNet) is at "
    f"least {MARGIN * 100:g} point of test accuracy ahead over the first {WINDOW} epochs and ends "
    f"within {MARGIN * 100:g} point of ReLU's, at the paper's rate and at each one's best rate.",
    source="the paper reports an early advantage only and equal final accuracy, read in secondary "
    "notes; images, network, windows and margins are this package's own",
    recorded={"quick": NOT_REPRODUCED, "full": PARTLY},
    runs=runs,
    judge=judge,
)
