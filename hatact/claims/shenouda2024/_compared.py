"""Rows compared on a problem: what counts as the state of the art, and how it is shown.

What c is to BW-ReLU, ω is to SIREN. All were chosen on another image (`coins`, one seed, 300 steps,
each at its best of three or four rates) by one rule, the best PSNR: c of 1, 2, 3, 5 and 9; Hat's
scale of 2, 4 and 8; the cubic B-spline's of 3 and 6; SIREN's ω of 10, 20 and 30; FINER's of 10 and
30, and a first bias of ±1; WIRE's (ω, σ) of (3, 2), (5, 3) and (8, 6); the weight of the grid's
total variation, by powers of ten.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hatact.analysis.images import grey, picture
from hatact.claims.engine import (
    Claim,
    Measure,
    Outcome,
    Plan,
    Record,
    Runs,
    Settings,
    Study,
    Task,
    Trained,
)
from hatact.claims.engine.verdicts import Decision, conclude, share
from hatact.claims.figures import Curves, Images, Panel, Table
from hatact.claims.figures.lines import BY_TIME, TRAINING, axes, row_lines
from hatact.claims.figures.pictures import reconstructions
from hatact.claims.figures.records import middle_of_large
from hatact.claims.figures.tables import decibels, number, spread
from hatact.claims.targets import imaging, imaging_time
from hatact.claims.targets.methods import Method

MARGIN_DB = 1.0
STEPS = {"quick": 200, "full": 400}
KEPT = ("psnr", "seen_psnr", "ssim", "loss")
BW, RELU, GRID = "bw", "relu", "grid"
NETWORKS = ("siren", "finer", "wire")
"""The state of the art, by the words of the rows."""
SLOW = ("cubic", "wire")
"""What quick leaves out."""
Rows = Mapping[str, Method]


@dataclass(frozen=True)
class Problem:
    """What is measured of which image, and whom it is given to.

    Args:
        word: of its figures.
        name: of `targets.imaging`'s problem.
        image: scikit-image's name of it.
        rows: each at the best rate of the grid, as recorded.
        measured: what is given to the rows, in words.
        judged: what the PSNR is of, in words.
        angles: of a sinogram.
    """

    word: str
    name: str
    image: str
    rows: Rows
    measured: str
    judged: str = "the image"
    angles: int = 0

    @property
    def side(self) -> int:
        """Of the image, in pixels."""
        return imaging.SIDES[self.name]

    @property
    def arguments(self) -> dict[str, Any]:
        """Of the runs."""
        return {"name": self.name, "image": self.image, "angles": self.angles}

    def chosen(self, settings: Settings) -> dict[str, Method]:
        """Its rows; quickly without the slowest."""
        return {
            word: row for word, row in self.rows.items() if not (settings.quick and word in SLOW)
        }

    def study(self, settings: Settings, rows: Sequence[Method], **more: Any) -> Study:
        """Rows on the problem, a network at a time; the best rate has the best PSNR."""
        steps, cost = STEPS[settings.name], imaging.COST[self.name]
        more |= {"arguments": self.arguments, "batch": 1, "by": worse}
        return Study(imaging.train, settings, steps, cost, rows, **more)

    def seconds(self, settings: Settings) -> Runs:
        """A step of every row, timed in turns."""
        rows = tuple(self.chosen(settings).values())
        cost = imaging.COST[self.name] * (imaging_time.ROUNDS + 1) * imaging_time.BLOCK * len(rows)
        arguments = {"rows": rows, **self.arguments}
        return Runs({self.word: Task(imaging_time.seconds, arguments, (0,), cost, alone=True)})


def worse(record: Record) -> float:
    """What the best rate is chosen by: the PSNR, with its sign."""
    return -float(record["psnr"])


def decide(bw: Sequence[Record], relu: Sequence[Record], networks: Mapping[Any, Any]) -> Decision:
    """Whether BW-ReLU is ahead of ReLU by the margin, and behind no network by more than it.

    Where ReLU, or all the networks, diverged, that is no evidence.
    """
    ours = middle_of_large(bw, "psnr")
    plain = middle_of_large(relu, "psnr", lenient=True)
    theirs = {row: middle_of_large(of, "psnr", lenient=True) for row, of in networks.items()}
    best = max(theirs, key=theirs.__getitem__)
    held = [
        math.isfinite(ours) and math.isfinite(rival) and ours >= rival + margin
        for rival, margin in ((plain, MARGIN_DB), (theirs[best], -MARGIN_DB))
    ]
    names = ", ".join(row.activation.upper() for row in theirs)
    return share(held), (
        f"BW-ReLU {decibels(ours)}, ReLU {decibels(plain)}, the best of {names} "
        f"{decibels(theirs[best])} ({best.name})"
    )


def of_grid(trained: Trained, rows: Rows) -> str:
    """How the grid fares beside BW-ReLU and the best network, in words."""
    reached = {word: middle_of_large(trained.runs[row], "psnr") for word, row in rows.items()}
    best = max((word for word in rows if word != GRID), key=reached.__getitem__)
    ahead = reached[GRID] > reached[best]
    return (
        f"the interpolated grid {'is ahead of every network' if ahead else 'is not the best'}: "
        f"{decibels(reached[GRID])}, the best network ({rows[best].name}) "
        f"{decibels(reached[best])}, BW-ReLU {decibels(reached[BW])}"
    )


def claim(
    problems: Sequence[Problem], references: Callable[[Problem], Mapping[str, float]], **said: Any
) -> Claim:
    """The claim that :func:`decide` holds on the first problem and, in full, on the others too.

    The rates of all rows are searched on the first; the others take those that are recorded.

    Args:
        references: PSNRs without training, by how they come about.
        said: name, source and recorded verdicts.
    """
    first = problems[0]
    return Claim(
        id=f"shenouda2024/{first.word}",
        statement=f"From {', and from '.join(problem.measured for problem in problems)} "
        f"({first.image}, {first.side} × {first.side}) a BW-ReLU network ({imaging.DEPTH - 1} × "
        f"{imaging.WIDTH}, c = {first.rows[BW].scale:g}) gives {first.judged} back {MARGIN_DB:g} "
        f"dB or more better than ReLU's, and at most {MARGIN_DB:g} dB worse than the best of "
        "SIREN, FINER and WIRE.",
        runs=partial(_runs, problems),
        judge=partial(_judge, problems, references),
        **said,
    )


def _runs(problems: Sequence[Problem], settings: Settings) -> dict[Any, Plan]:
    first, *others = problems
    rows = list(first.chosen(settings).values())
    plans: dict[Any, Plan] = {first.word: first.study(settings, rows, searched=rows)}
    for problem in () if settings.quick else others:
        plans[problem.word] = problem.study(settings, list(problem.rows.values()))
    seconds = {
        problem.word: problem.seconds(settings) for problem in problems if problem.word in plans
    }
    return {**plans, **{("seconds", word): plan for word, plan in seconds.items()}}


def _judge(
    problems: Sequence[Problem],
    references: Callable[[Problem], Mapping[str, float]],
    settings: Settings,
    given: Mapping[Any, Any],
) -> Outcome:
    shown = [problem for problem in problems if problem.word in given]
    parts = [(problem, _part(problem, references(problem), settings, given)) for problem in shown]
    decided = {f"from {p.measured}": (part.verdict, part.reason) for p, part in parts}
    verdict, reason = conclude(decided)
    if len(decided) == 1:
        reason = f"{next(iter(decided))}: {reason}"
    left_out = [
        row.name for row in shown[0].rows.values() if row not in shown[0].chosen(settings).values()
    ]
    told = "; ".join(part.headline for _, part in parts)
    return Outcome(
        verdict,
        reason,
        headline=f"{told[0].upper()}{told[1:]}.",
        findings=[
            *(found for _, part in parts for found in part.findings),
            *([f"quick leaves out {'; '.join(left_out)}"] if left_out else []),
        ],
        measures=[measure for _, part in parts for measure in part.measures],
        tables=[table for _, part in parts for table in part.tables],
        figures=[figure for _, part in parts for figure in part.figures],
        values={problem.word: part.values for problem, part in parts},
        timing={problem.word: part.timing for problem, part in parts},
    )


def _part(
    problem: Problem, references: Mapping[str, float], settings: Settings, given: Mapping[Any, Any]
) -> Outcome:
    """What was found on one problem."""
    trained, chosen = given[problem.word], problem.chosen(settings)
    rows = {word: trained.rates.best.get(row, row) for word, row in chosen.items()}
    records = trained.only(*rows.values())
    (timed,) = given["seconds", problem.word][problem.word]
    seconds = dict(zip(rows.values(), timed["seconds"], strict=True))
    networks = trained.only(*(rows[word] for word in NETWORKS if word in rows))
    reached = middle_of_large(trained.runs[rows[GRID]], "psnr")
    without = (f"{name}: {value:.1f} dB" for name, value in references.items())
    decision = decide(trained.runs[rows[BW]], trained.runs[rows[RELU]], networks)
    grid = f"an interpolated grid {decibels(reached)}"
    return Outcome(
        *decision,
        headline=f"from {problem.measured}: {decision[1]}, {grid}",
        findings=[
            f"from {problem.measured}, {of_grid(trained, rows)}",
            *(f"from {problem.measured}, without training, {text}" for text in without),
            *trained.rates.findings(),
        ],
        measures=[
            *trained.measures(
                records, (f"PSNR, {problem.word}", "dB", "psnr"), larger_is_better=True
            ),
            *trained.measures(
                records, (f"SSIM, {problem.word}", "", "ssim"), larger_is_better=True
            ),
            *(Measure.exact(f"PSNR, {name}", v, "dB") for name, v in references.items()),
        ],
        tables=[_table(problem, trained, seconds)],
        figures=[*_pictures(problem, records), _training(problem, records, seconds)],
        values={
            "image": f"skimage.data.{problem.image}",
            "side": problem.side,
            "without_training": references,
            **trained.values(KEPT),
        },
        timing={str(row): value for row, value in seconds.items()},
    )


def _table(problem: Problem, trained: Trained, seconds: Mapping[Method, float]) -> Table:
    """PSNR and SSIM of every row, and how long it trains."""
    steps = trained.study.steps
    keys = {"seen, dB": ("seen_psnr", ".1f")} if problem.name == "half" else {}
    keys |= {"PSNR, dB": ("psnr", ".2f"), "SSIM": ("ssim", ".3f")}
    lines = [
        [
            str(row),
            *(spread(trained.runs[row], *key) for key in keys.values()),
            f"{1e3 * took:.1f}",
            f"{steps * took:.1f}",
        ]
        for row, took in seconds.items()
    ]
    title = (
        f"From {problem.measured}: PSNR of {problem.judged} and SSIM of the image, medians and "
        f"ranges; {steps} steps"
    )
    return Table(title, ["row", *keys, "ms a step", "training, s"], lines)


def _pictures(problem: Problem, runs: Mapping[Any, Sequence[Record]]) -> list[Images]:
    """The image and what the first seed of every row made of it, then the errors."""
    made = {}
    for row, (first, *_) in runs.items():
        note = f"{decibels(first['psnr'])}\nSSIM {number(first['ssim'], '.2f')}"
        made[row.name] = first["image"], note
    caption = f"From {problem.measured}; seed 0. PSNR of {problem.judged}."
    truth = grey(picture(problem.image, problem.side))
    return reconstructions(f"shenouda2024-{problem.word}", caption, truth, made)


def _training(
    problem: Problem, runs: Mapping[Any, Sequence[Record]], seconds: Mapping[Any, float]
) -> Curves:
    return Curves(
        name=f"shenouda2024-{problem.word}-training",
        title="PSNR against training time",
        caption=f"From {problem.measured}; median and range over seeds of the PSNR of "
        f"{problem.judged}.{BY_TIME}",
        panels=[Panel("", row_lines(runs, "psnr_by_step", "steps", seconds))],
        **axes(TRAINING["seconds"], "PSNR (dB)", "log linear", legend="row"),
    )
