"""Tables and figures that the claims of milkert2023 share, and the paper's figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hatact.claims.engine.runs import Record
from hatact.claims.engine.statistics import Measure, median
from hatact.claims.figures.curves import band, curves
from hatact.claims.milkert2023._train import SHAPE, TARGETS

SECOND_HAND = "the paper, second-hand"
"""The tables were read in two secondary notes that agree, not in the paper."""
PAPER = {
    "Kaiming": {"x³": (2.11e-5, 7.20e-2), "x¹¹": (2.19e-5, 2.82e-2)},
    "RAAI": {"x³": (2.14e-5, 3.97e-2), "x¹¹": (4.40e-5, 4.12e-2)},
    "skip pre-train": {"x³": (7.63e-7, 3.89e-5), "x¹¹": (1.86e-5, 3.56e-4)},
    "pre-train, free s": {"x³": (1.64e-7, 1.02e-5), "x¹¹": (3.20e-6, 3.73e-5)},
    "Theorem 3.1": {"x³": (7.86e-8, 5.27e-7), "x¹¹": (8.86e-7, 7.87e-6)},
}
"""Least and mean squared error over 30 runs, 500 points, by row and target."""
PAPER_SPARSE = {
    "Kaiming": {"x³": 2.41e-4, "x¹¹": 2.14e-3, "sin x": 2.27e-5, "tanh 3x": 1.60e-4},
    "Theorem 3.1": {"x³": 5.65e-6, "x¹¹": 6.53e-4, "sin x": 7.92e-7, "tanh 3x": 5.09e-6},
}
"""Least test error over the runs, ten points to train on and ten to test at."""
Runs = Mapping[str, Sequence[Record]]
STAGES = {"drawn": "as drawn", "pre-trained": "peaks trained", "trained": "all weights trained"}
"""Of a network that starts as a cascade, as a record and as the pictures name them."""


def values(of: Sequence[Record], target: str, what: str = "lowest") -> list[float]:
    """One number a seed, inf for what is not finite."""
    found = [of_seed[target][what] for of_seed in of]
    return [math.inf if v is None or math.isnan(v) else float(v) for v in found]


def mean(numbers: Sequence[float]) -> float:
    """The arithmetic mean, as the paper has it: one failed run in thirty shows."""
    return math.fsum(numbers) / len(numbers)


def measures(runs: Runs, targets: Sequence[str]) -> list[Measure]:
    """Least, mean and median error of every row on every target."""
    found = []
    for target in targets:
        for row, of in runs.items():
            errors = values(of, target)
            least, average = PAPER.get(row, {}).get(target, (None, None))
            for name, value, known in (
                ("least", min(errors), least),
                ("mean", mean(errors), average),
            ):
                source = "" if known is None else SECOND_HAND
                name = f"{name} error on {target}, {row}"
                found.append(Measure.exact(name, value, known=known, source=source))
            found.append(Measure.over(f"error on {target}, {row}", errors))
    return found


def table(runs: Runs, target: str) -> dict[str, Any]:
    """One target's rows, the paper's figures beside ours."""
    rows = []
    for row, of in runs.items():
        errors = values(of, target)
        paper = PAPER.get(row, {}).get(target)
        counts = sorted(r[target]["regions"]["trained"] for r in of)
        rows.append(
            [
                row,
                f"{min(errors):.2e}",
                f"{paper[0]:.2e}" if paper else "not at hand",
                f"{mean(errors):.2e}",
                f"{paper[1]:.2e}" if paper else "not at hand",
                f"{median(errors):.2e}",
                f"{mean(values(of, target, 'last')):.2e}",
                f"{counts[0]} … {counts[-1]}",
            ]
        )
    columns = ["row", "least", "paper's", "mean", "paper's", "median", "mean, last epoch"]
    return {
        "title": f"Mean squared error on {target}, {len(next(iter(runs.values())))} seeds "
        f"({SECOND_HAND})",
        "columns": [*columns, "regions at the end"],
        "rows": rows,
    }


def distribution(
    name: str, title: str, runs: Runs, targets: Sequence[str], caption: str, what: str = "lowest"
) -> dict[str, Any]:
    """The errors of every row's seeds in order, a panel a target."""
    panels = []
    for target in targets:
        series = []
        for row, of in runs.items():
            errors = sorted(values(of, target, what))
            share = [(i + 0.5) / len(errors) for i in range(len(errors))]
            series.append({"label": row, "x": share, "y": errors})
        panels.append((target, series))
    return curves(
        name,
        title,
        panels,
        caption=caption,
        x="share of the seeds with a lower error",
        y="mean squared error",
        scales="linear log",
        legend="start",
    )


def history(name: str, runs: Runs, targets: Sequence[str], release: int) -> dict[str, Any]:
    """Error over epochs, median and range over seeds."""
    panels = []
    for target in targets:
        series = [
            band(row, of[0][target]["epochs"], [r[target]["errors"] for r in of])
            for row, of in runs.items()
        ]
        panels.append((target, series))
    return curves(
        name,
        "Error over training",
        panels,
        caption=f"Median over the seeds; the band is their range. Rows with a pre-training train "
        f"their peaks for {release} epochs, then all weights.",
        x="epochs",
        y="mean squared error",
        scales="linear log",
        legend="start",
    )


def shapes(record: Record, targets: Sequence[str], epochs: int) -> list[dict[str, Any]]:
    """One seed's networks at every stage: beside the target, and what is left of it."""
    beside, left = [], []
    zero = {"label": "target", "x": [0, 1], "y": [0, 0], "reference": True}
    for target in targets:
        of = record[target]["shape"]
        x = [i / (SHAPE - 1) for i in range(SHAPE)]
        wanted = TARGETS[target][0](torch.tensor(x, dtype=torch.float64)).tolist()
        series = [{"label": STAGES[stage], "x": x, "y": y} for stage, y in of.items()]
        beside.append((target, [*series, {**zero, "x": x, "y": wanted}]))
        for one in series:
            error = [a - b for a, b in zip(one["y"], wanted, strict=True)]
            left.append((f"{target}, {one['label']}", [zero, {**one, "y": error}]))
    how = (
        "The first seed's network that starts as a cascade with Theorem 3.1's scales: as drawn, "
        f"after {epochs} epochs of ten updates of its peaks, after {epochs} more of all weights. "
        "It is that of the last epoch, not of the lowest error."
    )
    return [
        curves(
            "milkert2023-shapes",
            "A cascade before and after training",
            beside,
            caption=how,
            x="x",
            y="y = α + βx − F(x)",
            legend="stage",
        ),
        curves(
            "milkert2023-left",
            "What the cascade leaves of its target",
            left,
            caption=f"The same network less its target, at {SHAPE} points. Every panel has a scale "
            "of its own.",
            x="x",
            y="y − target",
            legend="stage",
            share_y=False,
        ),
    ]
