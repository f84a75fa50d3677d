"""shenouda2024/scale: what c does to the fit of what is measured, and to the image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hatact.claims.engine import Claim, Outcome, Record, Settings, Study
from hatact.claims.engine.verdicts import PARTLY, REPRODUCED, Decision, share
from hatact.claims.figures import Curves, Panel, Table
from hatact.claims.figures.lines import axes, band
from hatact.claims.figures.records import middle_of_large, of_records
from hatact.claims.figures.tables import decibels, number
from hatact.claims.shenouda2024 import _compared, ct, fit, image, superres
from hatact.claims.targets import imaging
from hatact.claims.targets.methods import Method

SCALES = (1, 2, 3, 5, 9)
AHEAD_DB = 8.0
RELU = fit.PROBLEM.rows[_compared.RELU]
PROBLEMS = {p.name: p for p in (fit.PROBLEM, image.PROBLEM, superres.PROBLEM, ct.PROBLEM)}
RATES = {
    "whole": (1e-2, 1e-2, 1e-2, 3e-3, 3e-3),
    "half": (1e-2, 3e-3, 1e-3, 3e-3, 1e-2),
    "blocks": (1e-2, 1e-3, 1e-3, 3e-4, 1e-3),
    "rays": (1e-2, 1e-2, 3e-3, 1e-3, 1e-3),
}
"""By c the best of the grid, as recorded."""
WAVELETS = {
    name: tuple(Method("bw_relu", c, lr=lr) for c, lr in zip(SCALES, rates, strict=True))
    for name, rates in RATES.items()
}
NAMES = {
    "whole": "every pixel seen",
    "half": "pixels held out",
    "blocks": f"super-resolution × {imaging.FACTOR}",
    "rays": f"tomography, {ct.FEW} angles",
}


def decide(
    relu: Sequence[Record], seen: Sequence[Sequence[Record]], inverse: Mapping[str, Any]
) -> Decision:
    """A larger c fits better, by 8 dB over ReLU at c = 3; and what was not seen has a best c.

    To be better than ReLU that diverged, or than a c that did, is no evidence.

    Args:
        seen: where every pixel is seen, by c.
        inverse: the same of the problems where not all is seen, by name.
    """
    plain = middle_of_large(relu, "psnr", lenient=True)
    fits = [middle_of_large(of, "psnr") for of in seen]
    passed = [middle_of_large(of, "psnr", lenient=True) for of in seen]
    ahead = fits[SCALES.index(3)] - plain
    rising = all(a < b for a, b in zip(passed, fits[1:], strict=False))
    best = {name: _best(of) for name, of in inverse.items()}
    inside = all(SCALES[0] < c < SCALES[-1] for c in best.values())
    inside = inside and all(_known((of[0], of[-1])) for of in inverse.values())
    at = ", ".join(f"{NAMES[name]}: {c:g}" for name, c in best.items())
    known = math.isfinite(plain) and _known(seen)
    return share([known and ahead >= AHEAD_DB, known and rising, inside]), (
        f"where every pixel is seen ReLU {decibels(plain)}, c = {SCALES[0]} {decibels(fits[0])}, "
        f"c = 3 {decibels(fits[SCALES.index(3)])}, c = {SCALES[-1]} {decibels(fits[-1])}; "
        f"the best c of {at}"
    )


def _known(by_scale: Sequence[Sequence[Record]]) -> bool:
    """Whether none of them diverged, in more than half of its seeds."""
    return all(math.isfinite(middle_of_large(of, "psnr", lenient=True)) for of in by_scale)


def _best(by_scale: Sequence[Sequence[Record]]) -> float:
    """The c of the best image; a tie, or half of its seeds diverging, does not rule an end out."""
    ends = {SCALES[0], SCALES[-1]}
    psnrs = [
        (middle_of_large(of, "psnr", lenient=c in ends), c in ends, c)
        for c, of in zip(SCALES, by_scale, strict=True)
    ]
    return max(psnrs)[-1]


def runs(settings: Settings) -> dict[str, Study]:
    """Every c on every problem, and ReLU where every pixel is seen; the rates of all searched."""
    plans = {}
    for name, problem in PROBLEMS.items():
        rows = WAVELETS[name] if name != "whole" else (RELU, *WAVELETS[name])
        plans[name] = problem.study(settings, rows, searched=rows)
    return plans


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide on the whole image and on what was not seen."""
    whole = given["whole"]
    relu, *wavelets = whole.best(RELU, *WAVELETS["whole"])
    by_scale = {
        name: [trained.runs[row] for row in trained.best(*WAVELETS[name])]
        for name, trained in given.items()
    }
    inverse = {name: of for name, of in by_scale.items() if name != "whole"}
    decision = decide(whole.runs[relu], by_scale["whole"], inverse)
    panels = [Panel(NAMES[name], [_line("BW-ReLU", of)]) for name, of in by_scale.items()]
    figure = Curves(
        name="shenouda2024-scale",
        title="The scale c and the image",
        caption="Median and range over seeds, every c at its best rate.",
        panels=panels,
        share_y=False,
        **axes("c", "PSNR (dB)", "log linear", ticks=SCALES),
    )
    names = [NAMES[name] for name in by_scale]
    lines = [[f"{c:g}", *(_cell(of[i]) for of in by_scale.values())] for i, c in enumerate(SCALES)]
    lines.append(["ReLU", _cell(whole.runs[relu]), *["–"] * len(inverse)])
    return Outcome(
        *decision,
        headline=f"The scale c decides what is learnt: {decision[1]}.",
        findings=[
            f"{NAMES[name]}: {found}"
            for name, trained in given.items()
            for found in trained.rates.findings()
        ],
        measures=whole.measures(
            (relu, *wavelets), ("PSNR, whole", "dB", "psnr"), larger_is_better=True
        ),
        tables=[Table("PSNR in dB (SSIM) by c; medians", ["c", *names], lines)],
        figures=[figure],
        values={name: trained.values(_compared.KEPT) for name, trained in given.items()},
    )


def _line(label: str, by_scale: Sequence[Sequence[Record]]) -> Any:
    seeds = zip(*(of_records(of, "psnr") for of in by_scale), strict=True)
    return band(label, SCALES, list(seeds))


def _cell(records: Sequence[Record]) -> str:
    quality, likeness = (middle_of_large(records, key) for key in ("psnr", "ssim"))
    return f"{number(quality, '.1f')} ({number(likeness, '.3f')})"


CLAIM = Claim(
    id="shenouda2024/scale",
    name="The scale c",
    statement=f"Where every pixel of {fit.PROBLEM.image} ({fit.PROBLEM.side} × "
    f"{fit.PROBLEM.side}) is seen, BW-ReLU at c = 3 is {AHEAD_DB:g} dB or more ahead of "
    f"ReLU and a larger c, of {', '.join(map(str, SCALES))}, always fits better; "
    "where some are not seen the best c is neither the smallest nor the largest.",
    source="the paper's experiments take c from 1 to 9 by the task; the criteria are this "
    "project's own, the 8 dB fixed from one seed beforehand",
    recorded={"quick": PARTLY, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
