"""shenouda2024/norm: of networks that explain the data equally well, which has the better image.

The scale c is what makes their norms differ, as in the paper. Whether it is the norm that makes the
image, or c makes both, is asked by lowering the norm at one c. What is lowered by Adam is much of
it of dead neurons, which the data do not hold: there even a small λ acts at the full rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from hatact.analysis import median
from hatact.analysis.images import grey, picture
from hatact.claims.engine import Claim, Measure, Outcome, Plan, Record, Runs, Settings, Task
from hatact.claims.engine.verdicts import NOT_REPRODUCED, PARTLY, REPRODUCED, Decision
from hatact.claims.figures import Curves, Images, Line, Panel
from hatact.claims.figures.lines import axes
from hatact.claims.figures.pictures import reconstructions
from hatact.claims.figures.records import kept, middle, middle_of_large
from hatact.claims.figures.tables import Column, by_row, decibels, median_cells, number
from hatact.claims.shenouda2024 import _runs, ct
from hatact.claims.targets import imaging

SCALES = (1, 2, 3, 5)
PENALISED, WEIGHTS = 3, (0.0, 1e-6, 1e-5)
THRESHOLD = 0.02
"""What is left of the sinogram's norm where a network is stopped."""
STEPS = {"quick": 2000, "full": 3000}
STRONG = 0.6
"""Kendall's τ of norm and PSNR, turned round, from which the order counts as held."""
COST = 2e-2
"""Seconds a step, over the steps a run is given, of which most need few."""
KEPT = ("steps", "path_norm", "psnr", "ssim", "left")
Network = tuple[float, float]
"""c, and λ in the loss ‖f − y‖²/‖y‖² + λ·(path norm)."""
By = Mapping[Network, Sequence[Record]]


def order(records: Sequence[Record]) -> float | None:
    """Of one seed's networks that arrived: pairs where the smaller norm has the better PSNR, less
    the others, over all pairs; None for fewer than three networks.
    """
    arrived = [record for record in records if record["steps"] is not None]
    if len(arrived) < 3:
        return None
    pairs = [
        (a["path_norm"] - b["path_norm"]) * (b["psnr"] - a["psnr"])
        for a, b in combinations(arrived, 2)
    ]
    agree, differ = sum(p > 0 for p in pairs), sum(p < 0 for p in pairs)
    return float(agree - differ) / len(pairs)


def decide(networks: By) -> Decision:
    """The order over the scales, seed by seed."""
    orders = _orders(networks)
    if any(of is None for of in orders):
        return NOT_REPRODUCED, "of some seed fewer than three networks came to the data loss"
    middle = -median([-of for of in orders if of is not None])
    verdict = REPRODUCED if middle >= STRONG else PARTLY if middle > 0 else NOT_REPRODUCED
    never = {c: sum(r["steps"] is None for r in networks[c, 0.0]) for c in SCALES}
    left_out = (f"c = {c} did not get there in {n} of {len(orders)}" for c, n in never.items() if n)
    return verdict, "; ".join(
        [f"Kendall's τ of small norm and good image is {middle:.2f}, median over seeds", *left_out]
    )


def _orders(networks: By) -> list[float | None]:
    of_seeds = zip(*(networks[c, 0.0] for c in SCALES), strict=True)
    return [order(records) for records in of_seeds]


def runs(settings: Settings) -> dict[str, Plan]:
    """A network a task: all scales, and in full the norm in the loss at one of them."""
    wanted = [(c, 0.0) for c in SCALES]
    if not settings.quick:
        wanted += [(PENALISED, weight) for weight in WEIGHTS[1:]]
    steps = STEPS[settings.name]
    shared = {"image": ct.PROBLEM.image, "angles": ct.FEW, "threshold": THRESHOLD, "steps": steps}

    def tasks(c: float, weight: float) -> list[Task]:
        arguments, cost = {"c": c, "weight": weight, **shared}, COST * steps / c**2
        return [Task(_runs.stopped, arguments, (seed,), cost) for seed in range(settings.seeds)]

    return {"networks": Runs({network: tasks(*network) for network in wanted})}


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide over the scales; the norm at one scale is a finding."""
    networks: By = given["networks"]
    decision = decide(networks)
    named = {_name(network): records for network, records in networks.items()}
    columns: list[Column] = [
        *median_cells("steps", "steps"),
        *median_cells("left", "‖f − y‖/‖y‖", ".4f"),
        *median_cells("path_norm", "path norm", ".1f"),
        ("PSNR, dB", lambda records: number(middle_of_large(records, "psnr"), ".2f")),
        ("SSIM", lambda records: number(middle_of_large(records, "ssim"), ".3f")),
    ]
    title = f"Networks stopped at {THRESHOLD:.0%} of the sinogram's norm; medians (– never)"
    return Outcome(
        *decision,
        headline=f"Of networks of c = {', '.join(map(str, SCALES))} that explain all but "
        f"{THRESHOLD:.0%} of a sinogram: {decision[1]}.",
        findings=[] if settings.quick else [_penalised(networks)],
        measures=[
            Measure.over("τ of norm and image", _orders(networks), larger_is_better=True),
            *(
                Measure.over(f"path norm, {name}", [r["path_norm"] for r in of])
                for name, of in named.items()
            ),
            *(
                Measure.over(f"PSNR, {name}", [r["psnr"] for r in of], "dB", larger_is_better=True)
                for name, of in named.items()
            ),
        ],
        tables=[by_row(title, named, columns, first="network")],
        figures=[_scatter(networks), *_pictures(named)],
        values={
            "threshold": THRESHOLD,
            "runs": kept(named, KEPT, "network"),
        },
    )


def _name(network: Network) -> str:
    c, weight = network
    return f"c = {c:g}, λ = {weight:g}" if weight else f"c = {c:g}"


def _penalised(networks: By) -> str:
    """What a smaller norm at one c does to the image, of those that came to the data loss."""
    told = []
    for weight in WEIGHTS:
        every = networks[PENALISED, weight]
        records = [record for record in every if record["steps"] is not None]
        if records:
            norm, quality = middle(records, "path_norm"), middle_of_large(records, "psnr")
            found = f"norm {number(norm, '.3g')}, {decibels(quality)}"
            told.append(f"λ = {weight:g}: {found}, in {len(records)} of {len(every)}")
        else:
            told.append(f"λ = {weight:g}: none came to the data loss")
    return f"at c = {PENALISED}, where λ·(path norm) is added to the loss: {'; '.join(told)}"


def _scatter(networks: By) -> Curves:
    lines = []
    for seed, records in enumerate(zip(*(networks[c, 0.0] for c in SCALES), strict=True)):
        lines.append(_line(f"seed {seed}", [r for r in records if r["steps"] is not None]))
    return Curves(
        name="shenouda2024-norm",
        title="Path norm and image at one data loss",
        caption="A line a seed through its networks, from the smallest norm to the largest.",
        panels=[Panel("", lines)],
        **axes("path norm", "PSNR (dB)", "log linear"),
    )


def _line(label: str, records: Sequence[Record]) -> Line:
    points = sorted((record["path_norm"], record["psnr"]) for record in records)
    return Line(label, [norm for norm, _ in points], [psnr for _, psnr in points], marker=True)


def _pictures(named: Mapping[str, Sequence[Record]]) -> list[Images]:
    image = picture(ct.PROBLEM.image, imaging.SIDES["rays"])
    made = {
        name: (
            first["image"],
            f"norm {number(first['path_norm'], '.3g')}\n{decibels(first['psnr'])}",
        )
        for name, (first, *_) in named.items()
    }
    return reconstructions("shenouda2024-norm-images", "Seed 0.", grey(image), made)


CLAIM = Claim(
    id="shenouda2024/norm",
    name="Small norm, good image",
    statement="Of BW-ReLU networks that leave the same share of a sinogram unexplained, "
    f"{THRESHOLD:.0%}, those of smaller path norm give the better image: Kendall's τ over "
    f"c = {', '.join(map(str, SCALES))} is {STRONG:g} or more.",
    source="Fig. 7, whose direction is known from its script (its values were not at hand); image, "
    "threshold and criterion are this project's own",
    recorded={"quick": NOT_REPRODUCED, "full": NOT_REPRODUCED},
    runs=runs,
    judge=judge,
)
