"""What the claim "digits" shows of its runs: sentences, measures, the table, the figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hatact.claims.engine.runs import Record, Row
from hatact.claims.engine.statistics import Measure, lower_median, median
from hatact.claims.figures.curves import band, curves

Runs = Mapping[Row, Sequence[Record]]
LABELS, NOISE = 0, 1


def ratio(arrived: Sequence[int | None]) -> float | None:
    """Steps for the noise over steps for the labels; None if either never arrived."""
    labels, noise = arrived[LABELS], arrived[NOISE]
    return None if labels is None or noise is None else max(noise, 1) / max(labels, 1)


def held_out(by_k: Mapping[float, Runs]) -> list[str]:
    """How the error on held-out clean labels dips and rises, by row and k."""
    found = []
    for row in next(iter(by_k.values())):
        parts = []
        for k, runs in by_k.items():
            of = runs[row]
            name = f"k = {k:g}" if k else "no noise"
            parts.append(
                f"{name} {_middle(of, 'lowest_held_out'):.2g} at step "
                f"{_middle(of, 'lowest_held_out_at'):g}, {_middle(of, 'final_held_out'):.2g} at "
                f"the end (accuracy {_accuracy(of, 'accuracy_there'):.1%}, "
                f"{_accuracy(of, 'final_accuracy'):.1%})"
            )
        found.append(f"lowest and last held-out error of {row}: {'; '.join(parts)}")
    return found


def scales(runs: Runs) -> str:
    """Delay and accuracy by Hat's scale, at one rate."""
    parts = [
        f"{row} {_delay(of, 10)} and {_delay(of, 50)} (accuracy "
        f"{_accuracy(of, 'accuracy_there'):.1%} at the lowest error)"
        for row, of in runs.items()
    ]
    return f"noise's steps over labels' steps to 10 % and to 50 %, by scale: {'; '.join(parts)}"


def choice(runs: Runs, relu: Row, within: float, taken: float) -> str:
    """Which scale the rule gives on these seeds; nothing here has seen noise."""
    accuracy = {row: _accuracy(of, "final_accuracy") for row, of in runs.items()}
    fair = [r.scale for r, a in accuracy.items() if r != relu and a >= accuracy[relu] - within]
    parts = [f"{row} {a:.1%}" for row, a in accuracy.items()]
    found = f"{max(fair):g}" if fair else "none"
    return (
        f"held-out accuracy without noise: {'; '.join(parts)}; the largest scale within "
        f"{within:.0%} of ReLU's is {found}, taken {taken:g}"
    )


def _delay(of: Sequence[Record], level: int) -> str:
    return _number(median([ratio(r[f"steps_to_{level}_percent"]) for r in of]))


def _accuracy(of: Sequence[Record], what: str) -> float:
    return lower_median([r[what] for r in of])


def _middle(of: Sequence[Record], what: str) -> float:
    return median([r[what] for r in of])


def _number(value: float) -> str:
    return "never" if math.isinf(value) else f"{value:.3g}"


def measures(row: Row, of: Sequence[Record]) -> list[Measure]:
    """The numbers of one row to be read first."""
    arrived = {p: [r[f"steps_to_{p}_percent"] for r in of] for p in (50, 10)}
    return [
        *(
            Measure.over(
                f"noise over labels, steps to {p} %, {row}", [ratio(a) for a in seeds], "×"
            )
            for p, seeds in arrived.items()
        ),
        Measure.over(f"noise under 10 %, {row}", [a[NOISE] for a in arrived[10]], "steps"),
        Measure.over(f"held out, lowest error, {row}", [r["lowest_held_out"] for r in of]),
        Measure.over(
            f"held out, last over lowest error, {row}",
            [r["final_held_out"] / r["lowest_held_out"] for r in of],
            "×",
        ),
        Measure.over(
            f"held out, wrong at the end, {row}", [100 * (1 - r["final_accuracy"]) for r in of], "%"
        ),
    ]


def table(runs: Runs, k: float) -> dict[str, Any]:
    """Medians over seeds, a line a row."""
    lines = []
    for row, of in runs.items():
        cells = [str(row)]
        for p in (50, 10):
            arrived = [r[f"steps_to_{p}_percent"] for r in of]
            steps = [median([a[i] for a in arrived]) for i in (LABELS, NOISE)]
            cells += ["–" if math.isinf(s) else f"{s:g}" for s in steps] + [_delay(of, p)]
        cells += [f"{_middle(of, what):.2g}" for what in ("lowest_held_out", "final_held_out")]
        cells += [f"{_accuracy(of, what):.1%}" for what in ("accuracy_there", "final_accuracy")]
        lines.append(cells)
    levels = [f"{what}, {p} %" for p in (50, 10) for what in ("labels", "noise", "ratio")]
    return {
        "title": f"Steps to 50 % and 10 % residual (– never) at k = {k:g}; lowest and last error "
        "on held-out clean labels, accuracy there; medians",
        "columns": ["row", *levels, "lowest", "last", "accuracy", "last"],
        "rows": lines,
    }


def kept(by_k: Mapping[float, Runs]) -> list[dict[str, Any]]:
    """What results.json keeps of every run."""
    return [
        {"row": str(row), "k": k, "seed": seed, **{key: r[key] for key in _KEPT}}
        for k, by_row in by_k.items()
        for row, of in by_row.items()
        for seed, r in enumerate(of)
    ]


_KEPT = (
    "steps_to_10_percent",
    "steps_to_50_percent",
    "lowest_held_out",
    "lowest_held_out_at",
    "accuracy_there",
    "final_held_out",
    "final_accuracy",
    "trained_at",
    "late_loss",
)


def held_out_figure(runs: Mapping[str, Mapping[float, Sequence[Record]]]) -> dict[str, Any]:
    """Error on held-out clean labels over steps, one panel a row, one line a k."""
    panels = [
        (
            name,
            [
                band(
                    f"k = {k:g}" if k else "no noise",
                    of[0]["shown_steps"],
                    [r["held_out"] for r in of],
                )
                for k, of in by_k.items()
            ],
        )
        for name, by_k in runs.items()
    ]
    return curves(
        "hong2022-digits-held-out",
        "Digits 3 and 8: error on held-out images with clean labels",
        panels,
        x="training step",
        y="mean squared error",
        legend="noise",
        caption="Median and range over seeds. Where the noise comes after the labels the error "
        "dips towards that without noise and rises as the noise is learnt.",
        scales="log log",
    )


def residual_figure(runs: Mapping[str, Sequence[Record]], k: float) -> dict[str, Any]:
    """Residuals of the clean labels and of the noise over steps, one panel a row."""
    panels = [
        (
            name,
            [
                band(label, of[0]["shown_steps"], [[v[i] for v in r["residuals"]] for r in of])
                for i, label in enumerate(("clean labels", "noise"))
            ],
        )
        for name, of in runs.items()
    ]
    return curves(
        "hong2022-digits-residuals",
        f"Digits 3 and 8: clean labels and noise of k = {k:g} in the training output",
        panels,
        x="training step",
        y="relative residual",
        legend="component",
        caption="Median and range over seeds of |1 − a| and |1 − b|, output ≈ a·labels + "
        "b·noise + d by least squares.",
        scales="log linear",
    )
