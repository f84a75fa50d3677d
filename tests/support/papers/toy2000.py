"""A toy paper: what CONTRIBUTING says of adding one, in under 120 lines.

Nobody wrote it. Its first claim holds and trains; its second needs no training and does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hatact import HAT
from hatact.analysis import condition_number, learning, median
from hatact.claims.engine import Claim, Measure, Outcome, Paper, Runs, Settings, Study, Task
from hatact.claims.engine.runs import Advance, Record, Row
from hatact.claims.engine.study import Trained
from hatact.claims.engine.verdicts import NOT_REPRODUCED, REPRODUCED, Decision
from hatact.claims.figures import Curves
from hatact.claims.figures.lines import axes, component_panels
from hatact.claims.figures.records import of_records
from hatact.claims.figures.tables import by_row, median_cells
from hatact.claims.targets.sines import tracked

FREQUENCIES = (1, 6)
STEPS = {"quick": 150, "full": 300}
HAT4, RELU = Row("hat", 4, lr=1e-2), Row("relu", lr=1e-2)
BOUND = 3


# The runs: in a real paper in a file of their own, so that they stay when thresholds change.


def train(
    row: Row, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Train a row on two sines; `learning` of every seed."""
    x = torch.arange(64, device=device)[:, None] / 64
    u = torch.stack([torch.sin(2 * torch.pi * k * x) for k in FREQUENCIES]).sum(0)
    model, targets = row.networks(1, 32, 4, seeds, device), u.expand(len(seeds), -1, -1)
    runs = tracked(row, model, x, targets, FREQUENCIES, steps, advance)
    return [learning(residuals, losses, power) for residuals, _, losses, power in runs]


def condition(cells: int, seeds: Sequence[int], device: str, advance: Advance) -> list[Record]:
    """κ of Hat's Gram matrix, which no seed changes."""
    advance(1)
    return [{"kappa": condition_number(HAT, cells)} for _ in seeds]


# The first claim.


def decide(hat: Sequence[float | None], relu: Sequence[float | None]) -> Decision:
    """The verdict, and why, from the steps by seed in which k = 6 came under 10 %."""
    mine, theirs = median(hat), median(relu)
    reason = f"k = 6 under 10 % at step {mine:g}, with ReLU at step {theirs:g}"
    return (REPRODUCED if mine < theirs else NOT_REPRODUCED), reason


def sines(settings: Settings) -> dict[str, Study]:
    """Hat and ReLU, the best rate of either searched."""
    rows = (HAT4, RELU)
    return {"sines": Study(train, settings, STEPS[settings.name], 5e-4, rows, searched=rows)}


def judge_sines(settings: Settings, given: Mapping[str, Trained]) -> Outcome:
    """Compare the steps at the best rates."""
    trained = given["sines"]
    hat, relu = trained.best(HAT4, RELU)
    labels = [f"k = {k}" for k in FREQUENCIES]
    arrived = {row: of_records(r, "steps_to_10_percent", 1) for row, r in trained.runs.items()}
    verdict, reason = decide(arrived[hat], arrived[relu])
    return Outcome(
        verdict,
        reason,
        headline=f"Hat learns the higher of two sines first: {reason}.",
        findings=trained.rates.findings(),
        measures=trained.measures((hat, relu), ("k = 6", "steps", "steps_to_10_percent", 1)),
        tables=[by_row("Steps", trained.runs, median_cells("steps_to_10_percent", labels))],
        figures=[
            Curves(
                name="toy2000-sines",
                title="Error per sine",
                panels=component_panels(trained.runs, "residuals", labels),
                **axes("training step", "relative error", "log log", "sine"),
            )
        ],
        values=trained.values(("steps_to_10_percent", "late_loss")),
    )


# The second.


def mesh(settings: Settings) -> dict[str, Runs]:
    """One number a mesh."""
    return {"kappa": Runs({n: Task(condition, {"cells": n}, (0,), 0.1) for n in (8, 16)})}


def judge_mesh(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Hold the condition numbers against the bound."""
    kappas = {n: record["kappa"] for n, (record,) in given["kappa"].items()}
    verdict = REPRODUCED if max(kappas.values()) < BOUND else NOT_REPRODUCED
    measures = [Measure.exact(f"κ, n = {n}", kappa, known=4) for n, kappa in kappas.items()]
    return Outcome(verdict, f"κ reaches {max(kappas.values()):.3g}", measures=measures)


OURS = {"source": "nowhere", "recorded": {"quick": REPRODUCED, "full": REPRODUCED}}
NOT = {"source": "nowhere", "recorded": {"quick": NOT_REPRODUCED, "full": NOT_REPRODUCED}}
FIRST = Claim("toy2000/sines", "Sines", "Hat is first.", **OURS, runs=sines, judge=judge_sines)
SECOND = Claim("toy2000/mesh", "Mesh", "κ stays under 3.", **NOT, runs=mesh, judge=judge_mesh)
PAPER = Paper("Toys", "Nobody", 2000, "0000.00000", (FIRST, SECOND), "It was not at hand.", "sines")
