"""The map of scales: at which of them Hat removes the bias of the deep network, and ReLU beside."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hatact.claims.engine.runs import Record, Row
from hatact.claims.engine.statistics import interval, median
from hatact.claims.figures.curves import curves

HIGH = -1


def findings(
    runs: Mapping[Row, Sequence[Record]],
    ratio: float,
    delay: Callable[[Sequence[int | None]], float | None],
) -> list[str]:
    """At which scales Hat removes the bias, at which it does not, and where it relapses."""
    flat, biased, untrained, relapsed = [], [], [], []
    for row in sorted(runs, key=lambda r: r.scale):
        arrived = [r["steps_to_10_percent"] for r in runs[row]]
        scale = f"{row.scale:g}"
        if all(step is None for seed in arrived for step in seed):
            untrained.append(scale)
        elif median([delay(seed) for seed in arrived]) <= ratio:
            flat.append(scale)
        else:
            biased.append(scale)
        relapses = sum(r["lost_again"][HIGH] for r in runs[row])
        if relapses:
            relapsed.append(f"{row} in {relapses} of {len(arrived)} seeds")
    found = [
        f"Hat removes the bias at scale {', '.join(flat) or '(none)'}; "
        f"low frequencies still come first at {', '.join(biased) or '(none)'}; "
        f"no frequency is learnt at {', '.join(untrained) or '(none)'}"
    ]
    if relapsed:
        found.append(f"k = 50 is learnt and later lost again, at least once: {'; '.join(relapsed)}")
    return found


def figure(
    runs: Mapping[Row, Sequence[Record]], what: str, name: str, label: str, log: bool
) -> dict[str, Any]:
    """One measure against the activation's scale, for Hat and for ReLU."""
    series = []
    for activation in ("hat", "relu"):
        of = sorted((r for r in runs if r == Row(activation, r.scale)), key=lambda r: r.scale)
        points = [(r.scale, [record[what] for record in runs[r]]) for r in of]
        known = [(x, median(v), interval(v)) for x, v in points if math.isfinite(median(v))]
        series.append(
            {
                "label": f"{activation}(scale·x)",
                "marker": True,
                "x": [x for x, _, _ in known],
                "y": [y for _, y, _ in known],
                "low": [low for _, _, (low, _) in known],
                "high": [high for _, _, (_, high) in known],
            }
        )
    return curves(
        name,
        f"{label[0].upper()}{label[1:]} against the activation's scale",
        [("", series)],
        caption="Median over seeds and its interval; the deep network in PyTorch's default "
        "initialisation."
        + (" No point where fewer than two frequencies were learnt." if not log else ""),
        x="scale of the activation",
        y=label,
        scales="log log" if log else "log linear",
        legend="activation",
        ticks=(1, 2, 4, 6, 8, 10, 12, 16),
    )
