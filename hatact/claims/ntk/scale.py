"""ntk/scale: does the kernel at initialisation say at which scale training loses its bias?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hatact.analysis import arrival_spread, lower_median, median
from hatact.claims.engine import Claim, Measure, Outcome, Record, Row, Runs, Settings, Study, Task
from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED, Decision, conclude
from hatact.claims.figures import Curves, Line, Panel, Table
from hatact.claims.figures.lines import axes, band
from hatact.claims.figures.records import of_records
from hatact.claims.ntk import _runs
from hatact.claims.ntk._runs import Theory
from hatact.claims.targets import scales, sines
from hatact.claims.targets.scales import NAMES, RATIO, learnt, listed
from hatact.claims.targets.sines import FREQUENCIES

SCALES = {"quick": {"hat": (1, 2, 4, 8, 16), "bw_relu": (1, 3, 6)}, "full": scales.SCALES}
STEPS = {"quick": 640, "full": 2000}


def predicted(record: Record) -> float:
    """The slowest wave's steps over the fastest's, as gradient descent in the kernel has them."""
    rates = record["rates"]
    return max(rates) / min(rates) if min(rates) > 0 else math.inf


def measured(record: Record) -> float | None:
    """How many times as late as the first frequency the last one came under 10 %."""
    return arrival_spread(record["steps_to_10_percent"])


def decide(theory: Mapping[float, float], training: Mapping[float, list[Record]]) -> Decision:
    """Whether bias ends at the same scale, and learning where the kernel is still below RATIO."""
    ratios = {s: median([measured(r) for r in of]) for s, of in training.items()}
    flat = [s for s, ratio in theory.items() if ratio <= RATIO]
    without = [s for s, ratio in ratios.items() if ratio <= RATIO]
    silent = [s for s, of in training.items() if not learnt(of)]
    if not without or not flat:
        found = f"the kernel is flat at {listed(flat)}, training without bias at {listed(without)}"
        return NOT_REPRODUCED, found
    words = (
        f"the kernel is flat at {listed(flat)}, training without bias at {listed(without)}, "
        f"and nothing is learnt at {listed(silent)}"
    )
    if min(flat) != min(without):
        return NOT_REPRODUCED, words
    warned = [s for s in silent if s not in flat]
    return (REPRODUCED if silent and len(warned) == len(silent) else PARTLY), words


def runs(settings: Settings) -> dict[str, Any]:
    """The kernels on the 200 points, and the networks trained on ten sines at 1e-3."""
    of = {"frequencies": FREQUENCIES}
    pairs = [(name, s) for name, of in SCALES[settings.name].items() for s in of]
    kernels = {
        (name, s): Task(_runs.on_interval, {"theory": Theory(name, s), **of}, (0,), 2.0)
        for name, s in pairs
    }
    rows = [Row(name, s) for name, s in pairs]
    return {
        "kernels": Runs(kernels),
        "sines": Study(sines.train, settings, STEPS[settings.name], sines.COST, rows),
    }


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Hold the kernel against training, by activation."""
    theory, training = _by_activation(settings, given)
    parts = {name: decide(theory[name], training[name]) for name in theory}
    rows = [
        [
            f"{name}({s:g}x)",
            f"{ratio:.3g}",
            _number(median([measured(r) for r in training[name][s]])),
            _steps(training[name][s], 0),
            _steps(training[name][s], -1),
        ]
        for name, by_scale in theory.items()
        for s, ratio in by_scale.items()
    ]
    first, last = FREQUENCIES[0], FREQUENCIES[-1]
    return Outcome(
        *conclude(parts),
        headline="; ".join(f"{NAMES[name]}: {why}" for name, (_, why) in parts.items()) + ".",
        measures=[
            *(
                Measure.exact(f"slowest over fastest wave, kernel, {name}({s:g}x)", ratio, "×")
                for name, by_scale in theory.items()
                for s, ratio in by_scale.items()
            ),
            *given["sines"].measures(
                given["sines"].runs, ("last over first frequency, training", "×", measured)
            ),
        ],
        tables=[
            Table(
                "Slowest over fastest wave in the kernel, last over first frequency in training; "
                "steps to 10 %; medians, – never",
                ["row", "kernel", "training", f"k = {first}, steps", f"k = {last}, steps"],
                rows,
            )
        ],
        figures=[_figure(theory, training)],
        values={
            "kernel": {name: {f"{s:g}": r for s, r in of.items()} for name, of in theory.items()},
            **given["sines"].values(("steps_to_10_percent",)),
        },
    )


def _by_activation(
    settings: Settings, given: Mapping[str, Any]
) -> tuple[dict[str, dict[float, float]], dict[str, dict[float, list[Record]]]]:
    theory: dict[str, dict[float, float]] = {}
    training: dict[str, dict[float, list[Record]]] = {}
    for name, of in SCALES[settings.name].items():
        for s in of:
            theory.setdefault(name, {})[s] = predicted(given["kernels"][name, s][0])
            training.setdefault(name, {})[s] = given["sines"].runs[Row(name, s)]
    return theory, training


def _steps(records: list[Record], index: int) -> str:
    return _number(lower_median(of_records(records, "steps_to_10_percent", index)), "g")


def _number(value: float, spec: str = ".3g") -> str:
    return "–" if math.isinf(value) else f"{value:{spec}}"


def _figure(
    theory: Mapping[str, Mapping[float, float]],
    training: Mapping[str, Mapping[float, list[Record]]],
) -> Curves:
    panels = []
    for name, by_scale in theory.items():
        known = {
            s: [measured(r) for r in of]
            for s, of in training[name].items()
            if math.isfinite(median([measured(r) for r in of]))
        }
        lines = [Line("kernel", list(by_scale), list(by_scale.values()), marker=True)]
        if known:
            lines.append(band("training", list(known), zip(*known.values(), strict=True)))
        limit = Line("1.5", list(by_scale), [RATIO] * len(by_scale), reference=True)
        panels.append(Panel(name, [*lines, limit]))
    return Curves(
        name="ntk-scale",
        title="Last over first frequency, in the kernel at the start and in training",
        caption="Kernel: the rates of sines of k = 5 … 50 on 200 points, slowest over fastest, "
        "infinite width, no training. Training: Adam at 1e-3, where all ten were learnt; median "
        "and range over seeds.",
        panels=panels,
        **axes("scale of the activation", "ratio", "log log", "", (1, 2, 4, 8, 16)),
    )


CLAIM = Claim(
    id="ntk/scale",
    name="The kernel and the map of scales",
    statement="The kernel at initialisation, in closed form, says at which scale training loses "
    "its bias: the smallest scale of Hat and of BW-ReLU at which sines of k = 5 … 50 have rates "
    f"within a factor of {RATIO} in the kernel is the smallest at which a deep network (five "
    f"hidden layers of {sines.WIDTH}, Adam at 1e-3) has the last of them under 10 % at most "
    f"{RATIO} times as late as the first; and where training learns nothing the kernel is not "
    "flat.",
    source="this package's own question, held against the map of scales of hong2022/spectrum",
    recorded={"quick": NOT_REPRODUCED, "full": PARTLY},
    runs=runs,
    judge=judge,
)
