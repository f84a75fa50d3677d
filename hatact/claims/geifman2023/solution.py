"""geifman2023/solution: where preconditioned gradient descent ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hatact.claims.engine import Claim, Measure, Outcome, Record, Settings, Study, Trained
from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED, Decision
from hatact.claims.figures import Curves, Line, Panel
from hatact.claims.figures.lines import axes
from hatact.claims.figures.records import middle, of_records
from hatact.claims.figures.tables import by_row, median_cells
from hatact.claims.geifman2023 import _flat
from hatact.claims.geifman2023._flat import GD
from hatact.claims.geifman2023._runs import AMPLITUDE, BETWEEN, FEW, SOLVED, WIDTH, Way, solution

NEAR, LINEAR = 0.05, 1e-4
STEPS = 3000
TURN = [i / BETWEEN for i in range(BETWEEN)]
COST = 1e-3
OURS = Way("relu", optimiser="gd", modes=10)
ADAM = Way("relu")
ROWS = (GD, OURS, ADAM)


def decide(plain: Sequence[Record], ours: Sequence[Record]) -> Decision:
    """Networks end near the kernel regression; partly if linearised ones do not end at it."""
    far, linear = (
        [middle(records, key) for records in (plain, ours)] for key in ("apart", "linear")
    )
    arrived = all(middle(records, "left") <= SOLVED for records in (plain, ours))
    near = arrived and max(far) <= NEAR
    verdict = (REPRODUCED if max(linear) <= LINEAR else PARTLY) if near else NOT_REPRODUCED
    return verdict, (
        f"from the kernel regression plain gradient descent ends {far[0]:.1%}, linearised "
        f"{linear[0]:.0e}; preconditioned {far[1]:.1%}, linearised {linear[1]:.0e}"
    )


def runs(settings: Settings) -> dict[str, Study]:
    """Plain, preconditioned, and Adam."""
    return {"solution": Study(solution, settings, STEPS, COST / 3, ROWS, batch=1)}


def judge(settings: Settings, given: Mapping[str, Trained]) -> Outcome:
    """Whether both end at the regression; where Adam ends is a finding."""
    trained = given["solution"]
    records = trained.runs
    verdict, reason = decide(records[GD], records[OURS])
    ends = {
        row: f"{middle(records[row], 'apart'):.1%} "
        f"({_flat.taken(middle(records[row], 'steps'), trained.study.steps)})"
        for row in ROWS
    }
    adam = f"{ends[ADAM]}, linearised {middle(records[ADAM], 'linear'):.0e}"
    return Outcome(
        verdict,
        reason,
        headline=f"Between the points plain gradient descent ends {ends[GD]} from the kernel "
        f"regression, preconditioned {ends[OURS]}.",
        findings=[f"Adam at 1e-3 ends {adam} from it"],
        measures=[
            Measure.over(f"distance from the kernel regression, {row}", of_records(r, "apart"))
            for row, r in records.items()
        ],
        tables=[
            by_row(
                f"Ends: {FEW} points, {BETWEEN} between them, {SOLVED:.1%} of the target left",
                records,
                [
                    *median_cells("steps", "steps"),
                    *median_cells("apart", "from the regression", ".3g"),
                    *median_cells("linear", "linearised", ".1e"),
                ],
            )
        ],
        figures=[
            Curves(
                name="geifman2023-solution",
                title="Between the points: networks less the kernel regression",
                caption=f"The first seed, trained on {FEW} points until {SOLVED:.1%} of three "
                f"waves of amplitude {AMPLITUDE:g} is left.",
                panels=[
                    Panel(str(row), [Line(str(row), TURN, r[0]["beside"])])
                    for row, r in records.items()
                ],
                **axes("share of a turn", "f − regression", legend="optimiser"),
            )
        ],
        values=trained.values(("steps", "left", "apart", "linear")),
    )


CLAIM = Claim(
    id="geifman2023/solution",
    name="The same solution",
    statement="Preconditioning does not change the solution: plain and preconditioned gradient "
    f"descent on {FEW} points end at the kernel regression of the kernel at the start, by its norm "
    f"at {BETWEEN} points between them: networks of width {WIDTH} on three waves of amplitude "
    f"{AMPLITUDE:g} to {NEAR:.0%}, their linearisations to {LINEAR:g}.",
    source="theorem 4.1, read in secondary notes; target, points and both bounds are this "
    "package's own",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
