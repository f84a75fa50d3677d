"""Claim "spectrum": a deep Hat network learns ten sines at one rate; and the map of its scales.

Criteria and scales are this project's own, fixed before the verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
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
from hatact.claims.engine.runs import Record, Row
from hatact.claims.engine.statistics import Measure, median
from hatact.claims.engine.study import Study, conclude
from hatact.claims.hong2022 import _scales
from hatact.claims.targets import _sines_shown, agreement, sines

RATIO = 1.5  # the last frequency may arrive this much later than the first
PATIENCE = 10  # times Hat's steps that ReLU is given
HIGH = -1  # k = 50

HAT = Row("hat", 8)
BEST_HAT = Row("hat", 8, lr=3e-4)  # at the best rate of the grid, as recorded
RELU = Row("relu", lr=3e-3)  # likewise
HATS = (Row("hat", 1), HAT)
MORE_HATS = tuple(Row("hat", s) for s in (2, 4, 6, 10, 12, 16))
RELUS = (Row("relu"), RELU, Row("relu", 8), Row("relu", input=8))
MORE_RELUS = (Row("relu", 4), Row("relu", 16), Row("relu", input=50))
AGREEING = (HAT, RELUS[0])  # rows whose loss curves are compared with the reference's


def decide(
    hat: Sequence[Sequence[int | None]],
    controls: Mapping[str, Sequence[int | None]],
    horizon: int,
    agrees: bool = True,
    highest: str = "k = 50",
) -> tuple[str, str]:
    """The verdict, and why.

    Args:
        hat: for every seed, the steps to 10 % residual by frequency (None = never).
        controls: for every ReLU row, by seed, the step at which the highest came under 50 %.
        horizon: the steps that every run had.
        agrees: whether the default backend follows the reference.
        highest: the name of the highest frequency.
    """
    last = median([None if None in seed else max(s for s in seed if s is not None) for seed in hat])
    ratio = median([delay(seed) for seed in hat])
    if not agrees:
        return NOT_REPRODUCED, "the default backend's loss curve leaves the reference's"
    if math.isinf(ratio):
        return NOT_REPRODUCED, "not every frequency came under 10 %"
    flat = f"the last frequency under 10 % at step {last:g}, {ratio:.2f} times that of the first"
    if ratio > RATIO:
        return NOT_REPRODUCED, f"{flat}; the limit is {RATIO}"
    limit = PATIENCE * last
    quick = {
        name: sum(s is not None and s <= limit for s in seeds) for name, seeds in controls.items()
    }
    if any(quick.values()):
        which = "; ".join(f"{n} in {c} of {len(controls[n])}" for n, c in quick.items() if c)
        return PARTLY, f"{flat}; but ReLU has {highest} under 50 % by step {limit:g}: {which}"
    if horizon < limit:
        return PARTLY, f"{flat}; but ReLU was given {horizon} steps, fewer than {limit:g}"
    return REPRODUCED, f"{flat}; no ReLU row has {highest} under 50 % by step {limit:g}"


def delay(arrived: Sequence[int | None]) -> float | None:
    """The last frequency's step over the first's; None unless all arrived."""
    steps = [max(s, 1) for s in arrived if s is not None]
    return max(steps) / min(steps) if len(steps) == len(arrived) else None


def study(settings: Settings) -> Study:
    """The runs' common part."""
    return Study(sines.train, 640 if settings.quick else 2000, sines.COST)


def rows(settings: Settings) -> tuple[Row, ...]:
    """All rows by activation and scale."""
    if settings.quick:
        return (*HATS, BEST_HAT, *RELUS)
    return (*sorted(HATS + MORE_HATS, key=lambda row: row.scale), BEST_HAT, *RELUS, *MORE_RELUS)


def tasks(settings: Settings) -> list[Task]:
    """Every run, if the recorded rates are found again."""
    plan, seeds = study(settings), range(settings.seeds)
    return [
        *agreement.tasks(AGREEING, settings.device),
        *plan.search_tasks((BEST_HAT, RELU), settings),
        *(task for row in rows(settings) for task in plan.tasks(row, seeds)),
    ]


def judge(settings: Settings, lab: Lab) -> Outcome:
    """Train every row from every seed, measure every step, decide."""
    plan, seeds = study(settings), range(settings.seeds)
    control = agreement.compare(AGREEING, lab)
    rates = plan.search(lab, (BEST_HAT, RELU), settings)
    best = rates.best[BEST_HAT]
    runs = plan.run(lab, [*rows(settings), *rates.best.values()], seeds)
    relus = {
        str(row): [r["steps_to_50_percent"][HIGH] for r in of]
        for row, of in runs.items()
        if row.activation == "relu"
    }
    verdict, reason = conclude(
        {
            f"at rate {row.lr:g}": decide(
                [r["steps_to_10_percent"] for r in runs[row]], relus, plan.steps, control["agrees"]
            )
            for row in dict.fromkeys((HAT, best))
        }
    )
    named = {str(row): of for row, of in runs.items()}
    scales = [row for row in runs if row.activation == "hat" and row.lr == HAT.lr]
    return Outcome(
        verdict,
        reason,
        findings=[
            *_scales.findings({row: runs[row] for row in scales}, RATIO, delay),
            *rates.findings(),
            agreement.sentence(control),
        ],
        measures=_measures(runs, dict.fromkeys((HAT, best)), rates.best[RELU], relus),
        tables=[_sines_shown.table(named)],
        figures=_figures(runs, plan.steps, settings),
        values={
            "frequencies": list(sines.FREQUENCIES),
            "steps": plan.steps,
            "hold": sines.HOLD,
            "backend_control": control,
            "relu_steps_to_50_percent_at_k_50": relus,
            "rates": rates.values(),
            "runs": [
                {"row": label, "seed": seed, **{k: r[k] for k in _KEPT}}
                for label, of in named.items()
                for seed, r in enumerate(of)
            ],
        },
    )


_KEPT = (
    "steps_to_10_percent",
    "bias_exponent",
    "frequencies_not_reached",
    "final_residual",
    "final_loss",
)


def _measures(
    runs: Mapping[Row, Sequence[Record]],
    hats: Iterable[Row],
    relu: Row,
    relus: Mapping[str, Sequence[int | None]],
) -> list[Measure]:
    found = []
    for row in hats:
        arrived = [r["steps_to_10_percent"] for r in runs[row]]
        found += [
            Measure.over(f"k = 50 under 10 %, {row}", [s[HIGH] for s in arrived], "steps"),
            Measure.over(f"last frequency over first, {row}", [delay(s) for s in arrived], "×"),
        ]
    soonest = min(relus, key=lambda name: median(relus[name]))
    found.append(Measure.over(f"k = 50 under 50 %, {soonest}", relus[soonest], "steps"))
    for what, title in (("bias_exponent", "bias exponent p"), ("final_loss", "final loss")):
        found += [
            Measure.over(f"{title}, {row}", [r[what] for r in runs[row]]) for row in (*hats, relu)
        ]
    return found


def _figures(
    runs: Mapping[Row, Sequence[Record]], steps: int, settings: Settings
) -> list[dict[str, Any]]:
    named = {str(row): of for row, of in runs.items()}
    found = [
        _sines_shown.heat_map(
            {str(RELUS[0]): runs[RELUS[0]][0], str(HAT): runs[HAT][0]},
            "hong2022-heat-maps",
            "What a deep network has learnt, by frequency",
            "Seed 0. Left to right: frequency; upwards: training. ReLU fills from the left, Hat at "
            "scale 8 all at once.",
        ),
        _sines_shown.arrivals(
            named,
            steps,
            "hong2022-steps",
            "Steps to 10 % residual",
            "A level line is a network without spectral bias.",
        ),
    ]
    if not settings.quick:
        exponent = "bias exponent p (0: no bias)"
        found += [
            _scales.figure(runs, "bias_exponent", "hong2022-scales", exponent, log=False),
            _scales.figure(runs, "final_loss", "hong2022-scales-loss", "final loss", log=True),
        ]
        found.append(
            _sines_shown.heat_map(
                {label: of[0] for label, of in named.items()},
                "hong2022-heat-maps-all",
                "Normalised spectrum over training, every row",
                "Seed 0.",
            )
        )
    return found


CLAIM = Claim(
    id="hong2022/spectrum",
    name="All frequencies at one rate",
    statement=(
        "A deep Hat network at scale 8 brings the residuals of k = 5 … 50 under 10 %, the last no "
        f"later than {RATIO} times the step of the first (median over seeds), at rate 1e-3 and at "
        "its best rate, where no ReLU row here brings k = 50 under 50 % in "
        f"{PATIENCE} times as many steps."
    ),
    source=(
        "abstract, in our words: changing ReLU for Hat removes the bias; target and network of "
        "arXiv 1806.08734, criteria and scale this project's own"
    ),
    recorded={"quick": PARTLY, "full": PARTLY},
    tasks=tasks,
    judge=judge,
)
