"""geifman2023/optimisers: what a user would try instead, each at its best rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hatact.claims.engine import Claim, Outcome, Settings, Study, Trained
from hatact.claims.engine.verdicts import REPRODUCED, Decision, share
from hatact.claims.figures.records import lower_middle
from hatact.claims.geifman2023 import _flat
from hatact.claims.geifman2023._flat import GD, PGD
from hatact.claims.geifman2023._runs import AMPLITUDE, KEPT, Way

STEPS = {"quick": 300, "full": 600}
LARGE = 1.0
BALL, HEAVIER = (replace(GD, momentum=beta, lr=3e-3) for beta in (0.9, 0.99))
ADAM, MUON = Way("relu", lr=3e-3), Way("relu", optimiser="muon", lr=1e-3)
RIVALS = [BALL, replace(HEAVIER, lr=1e-3), ADAM, MUON]
AT_LARGE = [BALL, HEAVIER, replace(ADAM, lr=1e-2), replace(MUON, lr=1e-2)]


def decide(trained: Trained, rivals: Sequence[Way]) -> Decision:
    """PGD's slowest wave against that of each rival at its best rate."""
    ours = _flat.slowest_of(trained, PGD)
    best = trained.best(*rivals)
    theirs = {row: _flat.slowest_of(trained, row, lower_middle) for row in best}
    listed = "; ".join(
        f"{_flat.taken(steps, trained.study.steps)} with {row}"
        for row, steps in {PGD: ours, **theirs}.items()
    )
    return share([ours < steps for steps in theirs.values()]), listed


def runs(settings: Settings) -> dict[str, Study]:
    """PGD and its rivals; in full also at amplitude 1."""
    steps = STEPS[settings.name]
    small = _flat.study(settings, [PGD, *RIVALS], steps, searched=RIVALS)
    if settings.quick:
        return {"small": small}
    rows = [PGD, *AT_LARGE]
    return {"small": small, "large": _flat.study(settings, rows, steps, LARGE, searched=AT_LARGE)}


def judge(settings: Settings, given: Mapping[str, Trained]) -> Outcome:
    """The verdict where the kernel stays; where it moves is a finding."""
    trained, large = given["small"], given.get("large")
    verdict, reason = decide(trained, RIVALS)
    findings = []
    if large:
        at = f"at amplitude {LARGE:g}"
        findings = [f"{at}, PGD at the rate 1/λ alone: {decide(large, AT_LARGE)[1]}"]
        findings += [f"{at}: {finding}" for finding in large.rates.findings()]
    most = trained.study.arguments["frequencies"][-1]
    return _flat.outcome(
        trained,
        (verdict, reason),
        f"To learn the slowest wave of up to {most} periods takes {reason}.",
        findings,
        [_flat.table(large)] if large else [],
        _flat.figure(
            trained,
            "optimisers",
            "The preconditioner and other optimisers",
            f"Amplitude {AMPLITUDE:g}. Rates are the best of the grid; heavy ball's are in units "
            "of 1/λ of the first mode.",
        ),
        large=large and large.values(KEPT),
    )


CLAIM = Claim(
    id="geifman2023/optimisers",
    name="Against other optimisers",
    statement="At amplitude "
    f"{AMPLITUDE:g} preconditioned gradient descent has learnt the slowest wave in fewer steps "
    "than heavy ball (momentum 0.9 and 0.99), Adam, and Muon on the hidden layer's matrix, each at "
    "its best rate of the grid.",
    source="this package's own question",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
