"""hong2022/digits: noise of high frequency on the labels of digits 3 and 8, ReLU against Hat.

The protocol's images are MNIST's; scikit-learn's small digits stand in for them. Limits, the level
of 10 % and Hat's scale were fixed before any run with noise: the scale is the largest of SCALES at
which the accuracy on held-out images after SCALE_STEPS steps at 1e-3 *without* noise is within 2 %
of ReLU's. Two things came after the first runs. The level of 50 %: at high rates Adam's oscillation
keeps the labels' residual about 10 % (hat(2x), lr 1e-3: 0.01 to 0.14 at step 8 over five seeds, the
noise at 0.8), so that 10 % alone times the oscillation; what 10 % alone would give is among the
findings. And rates are chosen by the step of arrival at 1 % of the loss, as late losses are at
rounding (1e-14).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

from hatact.analysis import lower_median, median
from hatact.analysis.tracked import HOLD
from hatact.claims.engine import Claim, Outcome, Record, Row, Settings, Study, Trained
from hatact.claims.engine.verdicts import NOT_REPRODUCED, Decision, share
from hatact.claims.figures.tables import listed, number
from hatact.claims.hong2022 import _digits_shown as shown
from hatact.claims.targets import digits as target

DELAY = 3  # ReLU takes at least so many times the labels' steps for the noise
RATIO = 1.5  # and Hat at most so many
K = 1.0
STEPS = {"quick": 350, "full": 500}
SCALES = (1, 2, 4, 8)
SCALE_STEPS = 150
WITHIN = 0.02
RELU = Row("relu", lr=3e-3)  # at the rate of the grid that trains fastest, as recorded
HAT = Row("hat", 2, lr=1e-3)
BEST = (RELU, HAT)
PROTOCOL = tuple(replace(row, lr=1e-4) for row in BEST)
EQUAL = tuple(replace(row, lr=1e-3) for row in BEST)
OTHER_SCALES = tuple(Row("hat", s, lr=1e-4) for s in SCALES if s != HAT.scale)
CLEAN = (EQUAL[0], *(Row("hat", s) for s in SCALES))  # without noise, to choose the scale
LEVELS = (10, 50)  # per cent of residual
ByRate = Mapping[str, Sequence[Sequence[Record]]]
"""By rate the records of ReLU and those of Hat."""


def decide(compared: ByRate, horizon: int, levels: Sequence[int] = LEVELS) -> Decision:
    """The verdict, and why, where every run had `horizon` steps.

    ReLU's noise that never arrived counts as arriving then, Hat's as never.
    """
    held, reasons = [], []
    for rate, (relu, hat) in compared.items():
        late = {p: lower_median([_delay(r, p, horizon) or 0 for r in relu]) for p in levels}
        flat = {p: median([_delay(r, p) for r in hat]) for p in levels}
        held.append(min(late.values()) >= DELAY and max(flat.values()) <= RATIO)
        hats = {p: number(delay, ".3g", "never") for p, delay in flat.items()}
        parts = [f"ReLU {late[p]:.3g}, Hat {hats[p]} to {p} %" for p in levels]
        reasons.append(f"at {rate} {' and '.join(parts)}")
    return share(held), f"steps for the noise over steps for the labels: {'; '.join(reasons)}"


def _delay(record: Record, level: int, horizon: int | None = None) -> float | None:
    """A run that diverged has learnt nothing, whatever it passed on its way."""
    return shown.delay(record, level, horizon) if math.isfinite(record["late_loss"]) else None


def study(
    settings: Settings, rows: Sequence[Row], k: float = K, steps: int = 0, **more: Any
) -> Study:
    """Rows at one frequency of the noise (0: none), for STEPS unless other steps are asked for."""
    steps = steps or STEPS[settings.name]
    return Study(target.train, settings, steps, target.COST, rows, arguments={"k": k}, **more)


def runs(settings: Settings) -> dict[Any, Study]:
    """A study a frequency; in full one without noise, too, that Hat's scale is chosen by."""
    more = () if settings.quick else (*EQUAL, *OTHER_SCALES)
    rows = list(dict.fromkeys((*BEST, *PROTOCOL, *more)))
    noisy = study(settings, rows, searched=BEST, by=itemgetter("trained_at"))
    if settings.quick:
        return {K: noisy}
    other = {k: study(settings, PROTOCOL, k) for k in (0, *target.FREQUENCIES) if k != K}
    return {**other, K: noisy, "scales": study(settings, CLEAN, 0, SCALE_STEPS)}


def judge(settings: Settings, given: Mapping[Any, Trained]) -> Outcome:
    """Decide at two rates."""
    trained = given[K]
    steps, best = trained.study.steps, trained.best(*BEST)
    by_rate = {"lr 1e-4": PROTOCOL, "the fastest rate": best}
    compared = {rate: [trained.runs[row] for row in rows] for rate, rows in by_rate.items()}
    at_10, _ = decide(compared, steps, levels=(10,))
    by_k = {k: of_k.runs for k, of_k in given.items() if k != "scales"}
    noises = shown.by_noise(PROTOCOL, by_k)
    dips = {row: listed(runs, shown.dip) for row, runs in noises.items()}
    findings = [
        f"with the level of 10 % alone: {at_10}",
        *(f"lowest and last held-out error of {row}: {dip}" for row, dip in dips.items()),
        *trained.rates.findings(),
    ]
    if not settings.quick:
        by_scale = sorted((PROTOCOL[1], *OTHER_SCALES), key=lambda row: row.scale)
        findings += [
            "noise's steps over labels' steps to 10 % and to 50 %, by scale: "
            f"{listed(trained.only(*by_scale), shown.cost)}",
            shown.choice(given["scales"].runs, CLEAN[0], WITHIN, HAT.scale),
        ]
    decided = trained.only(*PROTOCOL, *best)
    return Outcome(
        *decide(compared, steps),
        findings=findings,
        measures=shown.measures(trained, list(decided)),
        tables=[shown.table(trained.runs, K)],
        figures=[shown.held_out_figure(noises), shown.residual_figure(decided, K)],
        values={
            "hold": HOLD,
            "rms_norm": target.NORM,
            "steps": steps,
            "rates": trained.rates.values(),
            "runs": [{**run, "k": k} for k in by_k for run in given[k].values(shown.KEPT)["runs"]],
        },
    )


CLAIM = Claim(
    id="hong2022/digits",
    name="Noise on digits",
    statement="Trained on digits 3 and 8 with noise sin(2πk‖x‖), k = 1, on the labels, with Adam "
    f"at 1e-4 and at the fastest rate, ReLU takes at least {DELAY} times as many steps to bring "
    "the noise under 50 % and under 10 % residual as the clean labels, Hat at scale "
    f"{HAT.scale:g} at most {RATIO} times.",
    source="last experiment, known from a summary; protocol of arXiv 1806.08734, scikit-learn's "
    "digits in place of MNIST, levels, limits and scale this project's own",
    recorded={"quick": NOT_REPRODUCED, "full": NOT_REPRODUCED},
    runs=runs,
    judge=judge,
)
