"""geifman2023/amplitude: the same waves, too large for the kernel to stay as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hatact.claims.engine import Claim, Outcome, Settings, Study, Trained
from hatact.claims.engine.verdicts import NOT_REPRODUCED
from hatact.claims.geifman2023 import _flat
from hatact.claims.geifman2023._flat import FLAT, GD, PGD, STEEP

LARGE = 1.0
STEPS = {"quick": 300, "full": 1500}
ANEW = replace(PGD, refresh=10)
ROWS = (GD, PGD, ANEW, replace(PGD, lr=3e-4), replace(PGD, lr=1e-4))


def runs(settings: Settings) -> dict[str, Study]:
    """The rows at amplitude 1."""
    return {"waves": _flat.study(settings, ROWS, STEPS[settings.name], LARGE)}


def judge(settings: Settings, given: Mapping[str, Trained]) -> Outcome:
    """The verdict of S as it was at the start."""
    trained = given["waves"]
    decision = _flat.of_rows(trained)
    refused = sum(sum(record["refused"]) for record in trained.runs[ANEW])
    return _flat.outcome(
        trained,
        decision,
        f"With targets ten times as large, {decision[1]}.",
        [
            *(f"{row}: {_flat.of_rows(trained, ours=row)[1]}" for row in ROWS[2:]),
            f"{refused} times S was to be found anew when its last mode was rounding, and stayed",
        ],
        [],
        _flat.figure(
            trained,
            "amplitude",
            "Steps against periods, where the kernel moves",
            f"Amplitude {LARGE:g}: the way to the target leads out of the neighbourhood of the "
            "start in which the network is its linearisation.",
        ),
        _flat.flatness(trained, *ROWS[1:]),
    )


CLAIM = Claim(
    id="geifman2023/amplitude",
    name="Waves of amplitude 1",
    statement=f"At amplitude {LARGE:g}, with all else as before, the steps of preconditioned "
    f"gradient descent are flat over the modes replaced: the most at most {FLAT} times the least, "
    f"and none more than those of plain gradient descent, which grow as k^{STEEP:g} or faster.",
    source="beyond what the paper says: its theorem asks for a width that grows with the target, "
    "and which amplitude is too large for this one was measured here",
    recorded={"quick": NOT_REPRODUCED, "full": NOT_REPRODUCED},
    runs=runs,
    judge=judge,
)
