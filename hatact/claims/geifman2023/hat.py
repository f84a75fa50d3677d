"""geifman2023/hat: another activation and the preconditioner, alone and together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from hatact.claims.engine import Claim, Outcome, Settings, Study, Trained
from hatact.claims.engine.verdicts import REPRODUCED, Decision, share
from hatact.claims.figures.records import lower_middle
from hatact.claims.geifman2023 import _flat
from hatact.claims.geifman2023._flat import GD, PGD
from hatact.claims.geifman2023._runs import AMPLITUDE, KEPT

FEWER = 2
FREQUENCIES = (2, 4, 8, 12, 16, 20, 24)
STEPS = {"quick": 300, "full": 1000}
SCALES = {of: of * 2 / 3 * math.sqrt(2) for of in (2, 4, 8)}
"""By Hat's scale in a coordinate network on [0, 1] that starts as PyTorch's, the one here.

Scale × standard deviation of the pre-activation is the same: there that is 2/3 in the first layer,
w and b being U(−1, 1), here 1/√2.
"""
PLAIN, OURS = (
    {of: replace(row, activation="hat", scale=scale) for of, scale in SCALES.items()}
    for row in (GD, PGD)
)
LARGE = (GD, PGD, PLAIN[8], OURS[8])


def decide(slowest: Mapping[str, float], horizon: int) -> Decision:
    """Together at most 1/FEWER of the steps of the better one alone.

    Never counts as inf together, as the horizon, which is too few, alone.
    """
    better = min(slowest["hat"], slowest["pgd"], horizon)
    took = {name: _flat.taken(steps, horizon) for name, steps in slowest.items()}
    return share([slowest["both"] * FEWER <= better]), (
        f"{took['both']} together, {took['hat']} with Hat alone, {took['pgd']} with the "
        "preconditioner alone"
    )


def of_scale(trained: Trained, scale: int) -> Decision:
    """:func:`decide`, at one of the SCALES."""
    rows = {"hat": PLAIN[scale], "pgd": PGD}
    alone = {name: _flat.slowest_of(trained, row, lower_middle) for name, row in rows.items()}
    steps = {**alone, "both": _flat.slowest_of(trained, OURS[scale])}
    return decide(steps, trained.study.steps)


def runs(settings: Settings) -> dict[str, Study]:
    """Both activations with and without S, at every scale; at amplitude 1 at the largest."""
    rows, steps = (GD, PGD, *PLAIN.values(), *OURS.values()), STEPS[settings.name]
    return {
        "small": _flat.study(settings, rows, steps, frequencies=FREQUENCIES),
        "large": _flat.study(settings, LARGE, steps, 1.0, frequencies=FREQUENCIES),
    }


def judge(settings: Settings, given: Mapping[str, Trained]) -> Outcome:
    """Whether they add up at every scale."""
    small, large = given["small"], given["large"]
    parts = {of: of_scale(small, of) for of in SCALES}
    verdict = share([decision[0] == REPRODUCED for decision in parts.values()])
    reason = "; ".join(f"as Hat({of}x): {decision[1]}" for of, decision in parts.items())
    last = f"waves of up to {FREQUENCIES[-1]} periods"
    return _flat.outcome(
        small,
        (verdict, reason),
        f"Hat, at the scale of Hat(8x), and the preconditioner: {last} take {parts[8][1]}.",
        [f"at amplitude 1, as Hat(8x): {of_scale(large, 8)[1]}"],
        [_flat.table(large)],
        _flat.figure(
            small,
            "hat",
            "Hat and the preconditioner",
            f"Amplitude {AMPLITUDE:g}. Hat's scale times the pre-activations' standard deviation "
            "is that of Hat(2x), Hat(4x) and Hat(8x) in the first layer of a coordinate network.",
        ),
        large=large.values(KEPT),
    )


CLAIM = Claim(
    id="geifman2023/hat",
    name="Hat and the preconditioner",
    statement="Hat and the preconditioner add up: together they learn every wave of up to "
    f"{FREQUENCIES[-1]} periods, among them some beyond the modes replaced, in at most 1/{FEWER} "
    "of the steps of Hat with plain gradient descent and of ReLU with the preconditioner, all at "
    "the rate 1/λ_max(K·S), at scales matched to Hat(2x), Hat(4x) and Hat(8x) of a coordinate "
    "network.",
    source="this package's own question",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
