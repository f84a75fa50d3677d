"""The map of scales: at which of them Hat removes the bias of the deep network, and ReLU beside."""

from __future__ import annotations

import math
from dataclasses import replace

from hatact.analysis import arrival_spread, median
from hatact.claims.engine import Row
from hatact.claims.figures import Curves, Panel
from hatact.claims.figures.lines import axes, band
from hatact.claims.figures.records import ByRow, of_records

HIGH = -1
TICKS = (1, 2, 4, 6, 8, 10, 12, 16)
SETTING = "Median and range over seeds; the deep network in PyTorch's default initialisation."
FEW = "No point where fewer than two frequencies were learnt."


def findings(runs: ByRow, ratio: float) -> list[str]:
    """At which scales Hat removes the bias, at which it does not, and where it relapses."""
    flat, biased, untrained, relapsed = [], [], [], []
    for row, records in _by_scale(runs, "hat").items():
        arrived = of_records(records, "steps_to_10_percent")
        if all(step is None for seed in arrived for step in seed):
            untrained.append(f"{row.scale:g}")
        elif median([arrival_spread(seed) for seed in arrived]) <= ratio:
            flat.append(f"{row.scale:g}")
        else:
            biased.append(f"{row.scale:g}")
        if relapses := sum(of_records(records, "lost_again", HIGH)):
            relapsed.append(f"{row} in {relapses} of {len(records)} seeds")
    sentences = [
        f"Hat removes the bias at scale {', '.join(flat) or '(none)'}; "
        f"low frequencies still come first at {', '.join(biased) or '(none)'}; "
        f"no frequency is learnt at {', '.join(untrained) or '(none)'}"
    ]
    if relapsed:
        again = "k = 50 is learnt and later lost again, at least once"
        sentences.append(f"{again}: {'; '.join(relapsed)}")
    return sentences


def figures(runs: ByRow) -> list[Curves]:
    """The bias exponent and the final loss against the activation's scale, of Hat and of ReLU."""
    exponent = "bias exponent p (0: no bias)"
    return [
        _figure(runs, "bias_exponent", "hong2022-scales", exponent, "linear", f"{SETTING} {FEW}"),
        _figure(runs, "final_loss", "hong2022-scales-loss", "final loss", "log", SETTING),
    ]


def _figure(runs: ByRow, key: str, name: str, label: str, y_scale: str, caption: str) -> Curves:
    lines = []
    for activation in ("hat", "relu"):
        values = {row.scale: of_records(of, key) for row, of in _by_scale(runs, activation).items()}
        known = {scale: seeds for scale, seeds in values.items() if math.isfinite(median(seeds))}
        line = band(f"{activation}(scale·x)", list(known), zip(*known.values(), strict=True))
        lines.append(replace(line, marker=True))
    return Curves(
        name=name,
        title=f"{label[0].upper()}{label[1:]} against the activation's scale",
        caption=caption,
        panels=[Panel("", lines)],
        **axes("scale of the activation", label, f"log {y_scale}", "activation", TICKS),
    )


def _by_scale(runs: ByRow, activation: str) -> ByRow:
    """The rows that differ in nothing but the scale, at rate 1e-3."""
    scales = sorted(row.scale for row in runs if row == Row(activation, row.scale))
    return {row: runs[row] for row in (Row(activation, scale) for scale in scales)}
