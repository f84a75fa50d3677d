"""What hong2022/digits shows of its runs: sentences, measures, the table, the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from hatact.claims.engine import Measure, Record, Row, Trained
from hatact.claims.figures import Curves, Panel, Table
from hatact.claims.figures.lines import axes, component_panels, row_lines
from hatact.claims.figures.records import ByRow, lower_middle, middle
from hatact.claims.figures.tables import Column, by_row, listed, median_cells, number

NOISE = 1
"""The noise's place after the labels' among arrivals and residuals."""
KEPT = (
    *("steps_to_10_percent", "steps_to_50_percent", "lowest_held_out", "lowest_held_out_at"),
    *("accuracy_there", "final_held_out", "final_accuracy", "trained_at", "late_loss"),
)
Records = Sequence[Record]


def delay(record: Record, level: int, horizon: int | None = None) -> float | None:
    """Steps for the noise over steps for the labels; None if either never arrived.

    Noise that never arrived counts as arriving at the horizon, if there is one.
    """
    labels, noise = record[f"steps_to_{level}_percent"]
    noise = horizon if noise is None else noise
    return None if labels is None or noise is None else max(noise, 1) / max(labels, 1)


def by_noise(rows: Sequence[Row], by_k: Mapping[float, ByRow]) -> dict[Row, ByRow]:
    """The records of every row by the noise's name."""
    names = {k: f"k = {k:g}" if k else "no noise" for k in by_k}
    return {row: {names[k]: runs[row] for k, runs in by_k.items()} for row in rows}


def dip(records: Records) -> str:
    """How the error on held-out clean labels dips and rises."""
    return (
        f"{middle(records, 'lowest_held_out'):.2g} at step "
        f"{middle(records, 'lowest_held_out_at'):g}, {middle(records, 'final_held_out'):.2g} at "
        f"the end (accuracy {_accuracy(records)}, {_accuracy(records, 'final_accuracy')})"
    )


def cost(records: Records) -> str:
    """The delay to 10 % and to 50 %, and the accuracy."""
    delays = f"{_delay(records, 10)} and {_delay(records, 50)}"
    return f"{delays} (accuracy {_accuracy(records)} at the lowest error)"


def choice(runs: ByRow, relu: Row, within: float, taken: float) -> str:
    """Which scale the rule gives on these seeds; nothing here has seen noise."""
    accuracy = {row: lower_middle(records, "final_accuracy") for row, records in runs.items()}
    fair = [r.scale for r, a in accuracy.items() if r != relu and a >= accuracy[relu] - within]
    accuracies = listed(runs, partial(_accuracy, key="final_accuracy"))
    largest = f"{max(fair):g}" if fair else "none"
    return (
        f"held-out accuracy without noise: {accuracies}; the largest scale within "
        f"{within:.0%} of ReLU's is {largest}, taken {taken:g}"
    )


def _delay(records: Records, level: int) -> str:
    return number(middle(records, partial(delay, level=level)), ".3g", "never")


def _accuracy(records: Records, key: str = "accuracy_there") -> str:
    return f"{lower_middle(records, key):.1%}"


def measures(trained: Trained, rows: Sequence[Row]) -> list[Measure]:
    """The numbers of each row to be read first."""
    rise = "held out, last over lowest error"
    return trained.measures(
        rows,
        ("noise over labels, steps to 50 %", "×", partial(delay, level=50)),
        ("noise over labels, steps to 10 %", "×", partial(delay, level=10)),
        ("noise under 10 %", "steps", "steps_to_10_percent", NOISE),
        ("held out, lowest error", "", "lowest_held_out"),
        (rise, "×", lambda record: record["final_held_out"] / record["lowest_held_out"]),
        ("held out, wrong at the end", "%", lambda record: 100 * (1 - record["final_accuracy"])),
    )


def table(runs: ByRow, k: float) -> Table:
    """Medians over seeds, a line a row."""
    columns: list[Column] = []
    for p in (50, 10):
        columns += median_cells(f"steps_to_{p}_percent", [f"labels, {p} %", f"noise, {p} %"])
        columns.append((f"ratio, {p} %", partial(_delay, level=p)))
    columns += [
        *median_cells("lowest_held_out", "lowest", ".2g"),
        *median_cells("final_held_out", "last", ".2g"),
        ("accuracy", _accuracy),
        ("last", partial(_accuracy, key="final_accuracy")),
    ]
    title = (
        f"Steps to 50 % and 10 % residual (– never) at k = {k:g}; lowest and last error "
        "on held-out clean labels, accuracy there; medians"
    )
    return by_row(title, runs, columns)


def held_out_figure(noises: Mapping[Row, ByRow]) -> Curves:
    """Error on held-out clean labels over steps, one panel a row, one line a k."""
    return Curves(
        name="hong2022-digits-held-out",
        title="Digits 3 and 8: error on held-out images with clean labels",
        caption="Median and range over seeds. Where the noise comes after the labels the error "
        "dips towards that without noise and rises as the noise is learnt.",
        panels=[Panel(str(row), row_lines(runs, "held_out")) for row, runs in noises.items()],
        **axes("training step", "mean squared error", "log log", "noise"),
    )


def residual_figure(runs: ByRow, k: float) -> Curves:
    """Residuals of the clean labels and of the noise over steps, one panel a row."""
    return Curves(
        name="hong2022-digits-residuals",
        title=f"Digits 3 and 8: clean labels and noise of k = {k:g} in the training output",
        caption="Median and range over seeds of |1 − a| and |1 − b|, output ≈ a·labels + "
        "b·noise + d by least squares.",
        panels=component_panels(runs, "residuals", ("clean labels", "noise")),
        **axes("training step", "relative residual", "log linear", "component"),
    )
