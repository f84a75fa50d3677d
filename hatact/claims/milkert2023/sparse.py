"""milkert2023/sparse: ten points to train on, ten others to test at."""

from __future__ import annotations

from collections.abc import Mapping

from hatact.analysis import median
from hatact.claims.engine import Claim, Outcome, Plan, Settings
from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED, Decision
from hatact.claims.figures import Table
from hatact.claims.milkert2023 import _runs, _tables
from hatact.claims.milkert2023._tables import LEAST_SPARSE, OURS, Beside, ByRow, Numbers

FACTOR = 3
"""How many times lower the least test error must be: the paper's smallest ratio, on x¹¹, is 3.3."""
TARGETS = tuple(_runs.SIGNS)
BASELINES = ("Kaiming", "PyTorch's default")
ROWS = (*BASELINES, OURS)
EPOCHS = {"quick": 100, "full": 400}
"""A stage, of ten updates each."""


def decide(least: Numbers) -> Decision:
    """The verdict, and why, from the least test errors; the better baseline counts."""
    ratios = [_tables.best(least, BASELINES, target) / least[OURS][target] for target in TARGETS]
    listed = ", ".join(f"{target} {r:.3g}" for target, r in zip(TARGETS, ratios, strict=True))
    reason = f"Kaiming's least test error over the cascade's: {listed}"
    if all(ratio >= FACTOR for ratio in ratios):
        return REPRODUCED, reason
    return (PARTLY if all(ratio > 1 for ratio in ratios) else NOT_REPRODUCED), reason


def runs(settings: Settings) -> dict[str, Plan]:
    """Both baselines and Theorem 3.1's cascades."""
    epochs = EPOCHS[settings.name]
    return {"rows": _tables.plan(ROWS, "sparse", TARGETS, epochs, settings.seeds)}


def judge(settings: Settings, given: Mapping[str, ByRow]) -> Outcome:
    """The verdict of the least test errors."""
    rows = given["rows"]
    least = Beside("least test error", _tables.numbers(rows, min, "test"), LEAST_SPARSE)
    inside = decide(_tables.numbers(rows, min, "between"))
    medians = _tables.numbers(rows, median, "test")
    verdict, reason = decide(least.ours)
    return Outcome(
        verdict,
        reason,
        headline="Least test errors from ten points, of networks started as a cascade against the "
        f"better of Kaiming's and PyTorch's start: {_pairs(least.ours)}.",
        findings=[
            f"without the one test point that lies beyond those trained on: {', '.join(inside)}",
            f"median test errors, the cascade's against Kaiming's: {_pairs(medians)}",
        ],
        measures=[least.measure(row, target) for target in TARGETS for row in ROWS],
        tables=[
            Table(
                f"Least mean squared test error, {len(rows[OURS])} seeds ({_tables.SECOND_HAND})",
                ["row", *(heading for target in TARGETS for heading in (target, "paper's"))],
                [[row, *(c for t in TARGETS for c in least.cells(row, t))] for row in ROWS],
            )
        ],
        figures=[
            _tables.distribution(
                rows,
                "test",
                name="milkert2023-sparse",
                title="Test errors from ten points",
                caption="20 equally spaced points of [0, 1], every other one to train on; the last "
                "test point lies beyond the last one trained on.",
            )
        ],
        values={
            "epochs": EPOCHS[settings.name],
            "runs": {
                row: [{target: record[target]["test"] for target in TARGETS} for record in records]
                for row, records in rows.items()
            },
        },
    )


def _pairs(numbers: Numbers) -> str:
    return ", ".join(
        f"{t} {numbers[OURS][t]:.2e} against {_tables.best(numbers, BASELINES, t):.2e}"
        for t in TARGETS
    )


CLAIM = Claim(
    id="milkert2023/sparse",
    name="Ten points",
    statement="Trained on ten points of x³, x¹¹, sin x and tanh 3x and tested at ten others, the "
    "least test error over the seeds of networks that start as a cascade with Theorem 3.1's scales "
    f"is at least {FACTOR} times lower than from Kaiming's start on each of the four.",
    source="the paper's table, read in secondary notes; which points, the length (4000 updates of "
    "all ten points a stage in full, 1000 quickly), keeping the epoch of the lowest training error "
    f"and the factor {FACTOR} are this package's own",
    recorded={"quick": NOT_REPRODUCED, "full": PARTLY},
    runs=runs,
    judge=judge,
)
