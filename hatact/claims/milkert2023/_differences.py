"""What approximation finds beyond its table: a function that is not convex, and one of two inputs.

The paper reports errors one to two orders lower than Kaiming's for both; no figures are at hand.
"""

from __future__ import annotations

from collections.abc import Sequence

from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.results import Settings
from hatact.claims.engine.runs import Record
from hatact.claims.engine.statistics import median
from hatact.claims.milkert2023 import _projected
from hatact.claims.milkert2023._projected import PROBLEMS

STEPS = {"quick": 500, "full": 10_000}
COST = 5e-3
"""Seconds for two updates, one of each half."""
HOW = {"x³ − x": "on [−1, 1] as g₁ − g₂", "r³": "on [−1, 1]² by eight cascades on projections"}


def tasks(settings: Settings) -> list[Task]:
    """Both problems, with cascades and with Kaiming's networks in their place."""
    steps, seeds = STEPS[settings.name], tuple(range(settings.seeds))
    return [
        Task(
            _projected.train,
            {"problem": problem, "cascade": cascade, "steps": steps},
            seeds,
            COST * steps,
        )
        for problem in PROBLEMS
        for cascade in (True, False)
    ]


def findings(settings: Settings, lab: Lab) -> list[str]:
    """A sentence a problem."""
    runs = iter(lab.run(tasks(settings)))
    return [
        f"{problem} {HOW[problem]}, {STEPS[settings.name]} updates a stage: "
        f"{compare(next(runs), next(runs))}"
        for problem in PROBLEMS
    ]


def compare(ours: Sequence[Record], theirs: Sequence[Record]) -> str:
    """Median errors, and their ratio."""
    a, b = (median([r["trained"] for r in of]) for of in (ours, theirs))
    before = median([r["pre-trained"] for r in ours])
    return (
        f"error {a:.2e} ({before:.2e} before the release), of Kaiming's networks in the same "
        f"places {b:.2e}, {b / a:.3g} times that"
    )
