"""ntk/images: how much of an image the leading modes of networks' kernels hold at the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hatact.analysis import lower_median, median
from hatact.claims.engine import Claim, Measure, Outcome, Record, Runs, Settings, Task
from hatact.claims.engine.verdicts import PARTLY, REPRODUCED, Decision, conclude, share
from hatact.claims.figures import Curves, Line, Panel, Table
from hatact.claims.figures.lines import axes, band
from hatact.claims.figures.records import middle_of_large, of_records
from hatact.claims.ntk import _alignment
from hatact.claims.ntk._alignment import IMAGES, LEADING, WIDTH
from hatact.claims.targets.methods import Method

SIDE = {"quick": 16, "full": 32}
COST = {"quick": 0.6, "full": 9.0}
RELU = Method("relu")
SCALES: Mapping[str, Mapping[str, Sequence[float]]] = {
    "quick": {"siren": (5, 10, 30, 100), "hat": (1, 2, 4, 8, 16)},
    "full": {"siren": (5, 10, 20, 30, 40, 60, 80, 100), "hat": (1, 2, 3, 4, 6, 8, 12, 16)},
}
OTHERS = {"quick": (), "full": (Method("bw_relu", 1), Method("bw_relu", 3), Method("bspline3", 8))}
ByMethod = Mapping[Method, Sequence[Record]]


def beyond_chance(record: Record) -> list[float]:
    """By image E of the leading modes, less what as many random directions would hold."""
    chance = record["modes"] / (len(record["curve"][0]) - 1)
    return [e - chance for e in record["aligned"]]


def energy(records: Sequence[Record], image: int, lenient: bool = False) -> float:
    """The median of :func:`beyond_chance`; of an even number the worse one, or the better."""
    values = [-beyond_chance(record)[image] for record in records]
    return -(lower_median if lenient else median)(values)


def decide(relu: Sequence[Record], by_scale: ByMethod) -> Decision:
    """On every image the best scale is ahead of ReLU and of the largest scale."""
    held, words = [], []
    for i, image in enumerate(IMAGES):
        theirs = energy(relu, i, lenient=True)
        values = {row: energy(records, i) for row, records in by_scale.items()}
        best, last = max(values, key=values.__getitem__), [*values][-1]
        above = energy(by_scale[last], i, lenient=True)
        held.append(values[best] > theirs and values[best] > above)
        words.append(f"{image} {values[best]:.2f} at {best.scale:g} ({theirs:.2f}, {above:.2f})")
    return share(held), ", ".join(words)


def _rows(settings: Settings) -> dict[str, list[Method]]:
    return {
        name: [Method(name, scale) for scale in scales]
        for name, scales in SCALES[settings.name].items()
    }


def runs(settings: Settings) -> dict[str, Runs]:
    """ReLU, and the others by scale, a network a run."""
    rows = [RELU, *(row for of in _rows(settings).values() for row in of)]
    side, cost, seeds = SIDE[settings.name], COST[settings.name], range(settings.seeds)
    return {
        "networks": Runs(
            {
                row: [
                    Task(_alignment.alignment, {"row": row, "side": side}, (seed,), cost)
                    for seed in seeds
                ]
                for row in (*rows, *OTHERS[settings.name])
            }
        )
    }


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide for SIREN and for Hat."""
    runs: ByMethod = given["networks"]
    groups: dict[str, ByMethod] = {
        name: {row: runs[row] for row in rows} for name, rows in _rows(settings).items()
    }
    parts = {
        {"siren": "SIREN", "hat": "Hat"}[name]: decide(runs[RELU], of)
        for name, of in groups.items()
    }
    side = SIDE[settings.name]
    rows = [
        [
            row.name,
            f"{median(of_records(records, 'modes')):g}",
            f"{median([record['modes'] / (side**2 - 1) for record in records]):.3f}",
            *(f"{middle_of_large(records, _held(i)):.3f}" for i in range(len(IMAGES))),
            *(f"{_of_relu(runs[RELU], records, i):.3f}" for i in range(len(IMAGES))),
        ]
        for row, records in runs.items()
    ]
    of_relu = [f"{image}, ReLU's first" for image in IMAGES]
    return Outcome(
        *conclude(parts),
        headline="Beyond chance the modes that a kernel at the start learns first hold of an "
        f"image, at the best scale (ReLU, the largest scale): Hat {parts['Hat'][1]}; SIREN "
        f"{parts['SIREN'][1]}.",
        findings=[_equal_modes(runs)],
        measures=[
            Measure.over(f"E, {image}, {row.name}", of_records(records, "aligned", i), "", True)
            for row, records in runs.items()
            for i, image in enumerate(IMAGES)
        ],
        tables=[
            Table(
                f"Modes with at least {LEADING:g} of the largest eigenvalue; the share of an image "
                "that as many random directions would hold, that these hold, and that as many of "
                f"ReLU's first modes hold; {side} × {side} pixels, medians",
                ["row", "modes", "chance", *IMAGES, *of_relu],
                rows,
            )
        ],
        figures=[_by_scale(groups, runs[RELU]), _curves(runs)],
        values={
            row.name: [{key: record[key] for key in ("modes", "aligned")} for record in records]
            for row, records in runs.items()
        },
    )


def _held(image: int) -> Callable[[Record], float]:
    return lambda record: record["aligned"][image]  # type: ignore[no-any-return]


def _of_relu(relu: Sequence[Record], records: Sequence[Record], image: int) -> float:
    """The median over seeds of what ReLU's first modes, as many as the other's leading, hold."""
    pairs = zip(relu, records, strict=True)
    return -median([-theirs["curve"][image][ours["modes"] - 1] for theirs, ours in pairs])


def _equal_modes(runs: ByMethod) -> str:
    """How often a row's leading modes hold more than as many of ReLU's, in words."""
    others = [row for row in runs if row != RELU]
    ahead = sum(
        middle_of_large(runs[row], _held(i)) > _of_relu(runs[RELU], runs[row], i)
        for row in others
        for i in range(len(IMAGES))
    )
    return (
        f"a row's leading modes hold more than as many of ReLU's first ones in {ahead} of "
        f"{len(others) * len(IMAGES)} cases of row and image; in the others it is ahead, if at "
        "all, by the number of its modes"
    )


def _by_scale(groups: Mapping[str, ByMethod], relu: Sequence[Record]) -> Curves:
    panels = []
    for name, of in groups.items():
        x = [row.scale for row in of]
        lines, plain = [], []
        for i, image in enumerate(IMAGES):
            by_row = [[beyond_chance(record)[i] for record in records] for records in of.values()]
            lines.append(band(image, x, zip(*by_row, strict=True)))
            level = [energy(relu, i)] * len(x)
            plain.append(Line(f"ReLU, {image}", x, level, reference=True))
        panels.append(Panel({"siren": "SIREN, ω", "hat": "Hat, scale"}[name], [*lines, *plain]))
    return Curves(
        name="ntk-images",
        title="What the leading modes hold of an image beyond chance, by scale",
        caption=f"Modes with at least {LEADING:g} of the largest eigenvalue, kernels of networks "
        f"2 → 4 × {WIDTH} → 1 at their start; median and range over seeds. Grey: ReLU.",
        panels=panels,
        **axes("ω, or scale of the activation", "E less chance", "log linear", "image"),
    )


def _curves(runs: ByMethod) -> Curves:
    rows = {row.name: runs[row] for row in runs if row.scale in (1, 4, 8, 30, 100)}
    pixels = len(next(iter(rows.values()))[0]["curve"][0])
    shown = sorted({round(2 ** (i / 4)) for i in range(4 * pixels.bit_length() - 3)})
    panels = []
    for i, image in enumerate(IMAGES):
        lines = [
            band(name, shown, [[record["curve"][i][m - 1] for m in shown] for record in of])
            for name, of in rows.items()
        ]
        panels.append(Panel(image, lines))
    return Curves(
        name="ntk-images-curves",
        title="Energy in the first modes",
        caption="Median and range over seeds.",
        panels=panels,
        **axes("modes m", "E(m)", "log linear", "row"),
    )


CLAIM = Claim(
    id="ntk/images",
    name="Images and kernels at the start",
    statement="Of camera, coins and moon, the modes of a network's empirical NTK at its start with "
    f"at least {LEADING:g} of the largest eigenvalue, the constant apart, hold more of the "
    "image's energy, beyond what as many random directions would, for SIREN and for Hat at their "
    "best scale than for ReLU, and more than at the largest scale here: there is "
    "a window. They may do so by being more than ReLU's.",
    source="arXiv 2112.04645, protocol from published code (top modes, E, ω from 5 to 100); "
    "images, sizes, Hat, and that the constant and chance are taken off, are this project's own",
    recorded={"quick": PARTLY, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
