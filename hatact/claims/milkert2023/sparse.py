"""milkert2023/sparse: ten points to train on, ten others to test at."""

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
from hatact.claims.engine.statistics import Measure, median
from hatact.claims.milkert2023 import _shown, _train
from hatact.claims.milkert2023._rows import task
from hatact.claims.milkert2023._shown import PAPER_SPARSE, SECOND_HAND, Runs, values

FACTOR = 3
"""How many times lower the least test error must be: the paper's smallest ratio, on x¹¹, is 3.3."""
TARGETS = tuple(_train.TARGETS)
OURS, BASELINES = "Theorem 3.1", ("Kaiming", "PyTorch's default")
DRAWS = 6
EPOCHS = {"quick": 100, "full": 400}
"""A stage, of ten updates each."""


def decide(ours: Mapping[str, float], baselines: Sequence[Mapping[str, float]]) -> tuple[str, str]:
    """The verdict, and why, from the least test error by target; the better baseline counts."""
    ratios = {t: min(of[t] for of in baselines) / ours[t] for t in TARGETS}
    reason = "Kaiming's least test error over the cascade's: " + ", ".join(
        f"{t} {r:.3g}" for t, r in ratios.items()
    )
    if all(r >= FACTOR for r in ratios.values()):
        return REPRODUCED, reason
    return (PARTLY if all(r > 1 for r in ratios.values()) else NOT_REPRODUCED), reason


def _tasks(settings: Settings) -> list[Task]:
    seeds = range(DRAWS * settings.seeds)
    epochs = EPOCHS[settings.name]
    return [task(row, "sparse", TARGETS, epochs, seeds) for row in (*BASELINES, OURS)]


def _judge(settings: Settings, lab: Lab) -> Outcome:
    runs: Runs = dict(zip((*BASELINES, OURS), lab.run(_tasks(settings)), strict=True))
    least, between = (
        {row: {t: min(values(of, t, what)) for t in TARGETS} for row, of in runs.items()}
        for what in ("test", "between")
    )
    verdict, reason = decide(least[OURS], [least[row] for row in BASELINES])
    inside, why = decide(between[OURS], [between[row] for row in BASELINES])
    medians = ", ".join(
        f"{t} {median(values(runs[OURS], t, 'test')):.2e} against "
        f"{min(median(values(runs[row], t, 'test')) for row in BASELINES):.2e}"
        for t in TARGETS
    )
    return Outcome(
        verdict,
        reason,
        findings=[
            f"without the one test point that lies beyond those trained on: {inside}, {why}",
            f"median test errors, the cascade's against Kaiming's: {medians}",
        ],
        measures=[
            Measure.exact(
                f"least test error on {t}, {row}",
                of[t],
                known=PAPER_SPARSE.get(row, {}).get(t),
                source=SECOND_HAND if row in PAPER_SPARSE else "",
            )
            for t in TARGETS
            for row, of in least.items()
        ],
        tables=[_table(least, len(runs[OURS]))],
        figures=[
            _shown.distribution(
                "milkert2023-sparse",
                "Test errors from ten points",
                runs,
                TARGETS,
                "20 equally spaced points of [0, 1], every other one to train on; the last test "
                "point lies beyond the last one trained on.",
                "test",
            )
        ],
        values={
            "epochs": EPOCHS[settings.name],
            "runs": {
                row: [{t: r[t]["test"] for t in TARGETS} for r in of] for row, of in runs.items()
            },
        },
    )


def _table(least: Mapping[str, Mapping[str, float]], seeds: int) -> dict[str, Any]:
    def cells(row: str, target: str) -> list[str]:
        paper = PAPER_SPARSE.get(row, {}).get(target)
        return [f"{least[row][target]:.2e}", f"{paper:.2e}" if paper else "not at hand"]

    return {
        "title": f"Least mean squared test error, {seeds} seeds ({SECOND_HAND})",
        "columns": ["row", *(c for t in TARGETS for c in (t, "paper's"))],
        "rows": [[row, *(c for t in TARGETS for c in cells(row, t))] for row in least],
    }


CLAIM = Claim(
    id="milkert2023/sparse",
    name="Ten points",
    statement=(
        "Trained on ten points of x³, x¹¹, sin x and tanh 3x and tested at ten others, the least "
        "test error over the seeds of networks that start as a cascade with Theorem 3.1's scales "
        f"is at least {FACTOR} times lower than from Kaiming's start on each of the four."
    ),
    source=(
        "the paper's table, read in secondary notes; which points, the length (4000 updates "
        "of all ten points a stage in full, 1000 quickly), keeping the epoch of the lowest "
        f"training error and the factor {FACTOR} are this package's own"
    ),
    recorded={"quick": NOT_REPRODUCED, "full": PARTLY},
    tasks=_tasks,
    judge=_judge,
)
