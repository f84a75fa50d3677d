"""geifman2023/circle: waves on the circle, in the regime where the kernel stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hatact.analysis import flattened, kernel_descent, shallow_relu_ntk
from hatact.claims.engine import Claim, Outcome, Settings, Study, Trained
from hatact.claims.engine.verdicts import REPRODUCED, Decision, conclude
from hatact.claims.figures import Table
from hatact.claims.figures.tables import by_row, median_cells
from hatact.claims.geifman2023 import _flat
from hatact.claims.geifman2023._flat import FLAT, GD, PGD, STEEP
from hatact.claims.geifman2023._runs import AMPLITUDE, ARRIVED, WIDTH
from hatact.claims.targets import circle

STEPS = {"quick": 1500, "full": 3000}
CLOSED, FEWER = replace(PGD, closed=True), replace(PGD, modes=16)
ROWS = (GD, PGD, CLOSED, FEWER)
LINEAR = (1, 2, 4, 6, 8, 10, 12, 16, 20)
"""Periods at which the linearised network is followed, on 200 points, with 50 modes replaced."""
FINER, MODES = 200, 50


def linearised() -> tuple[Decision, Table]:
    """The network of infinite width: its kernel in closed form, its steps by its eigenvalues."""
    theta = circle.angles(FINER)
    kernel, y = shallow_relu_ntk(circle.points(theta)), circle.waves(theta, LINEAR, 0)
    plain, ours = kernel_descent(kernel, y), kernel_descent(kernel, y, flattened(MODES))
    rows = [[name, *map(str, steps)] for name, steps in (("GD", plain), ("PGD", ours))]
    title = f"Linearised: {FINER} points, {MODES} modes replaced"
    table = Table(title, ["row", *(f"k = {k}" for k in LINEAR)], rows)
    return _flat.decide(LINEAR, [plain], [ours], MODES, 10**9), table


def runs(settings: Settings) -> dict[str, Study]:
    """Plain and preconditioned descent."""
    return {"waves": _flat.study(settings, ROWS, STEPS[settings.name])}


def judge(settings: Settings, given: Mapping[str, Trained]) -> Outcome:
    """The verdict common to the linearised network and to both of S's kernels."""
    trained = given["waves"]
    linear, table = linearised()
    network = _flat.of_rows(trained)
    parts = {
        "linearised": linear,
        "S of the network's start": network,
        "S in closed form": _flat.of_rows(trained, ours=CLOSED),
    }
    k = trained.study.arguments["frequencies"]
    ours = trained.only(*ROWS[1:])
    left = by_row(
        f"What the modes replaced leave of a wave: it counts as learnt at {ARRIVED:g}",
        ours,
        median_cells("outside", [f"k = {of}" for of in k], ".3f"),
    )
    return _flat.outcome(
        trained,
        conclude(parts),
        f"On the circle, with small targets, {network[1]}.",
        [f"{FEWER}: {_flat.of_rows(trained, ours=FEWER)[1]}"],
        [left, table],
        _flat.figure(
            trained,
            "circle",
            "Steps against periods, where the kernel stays",
            f"Amplitude {AMPLITUDE:g}, where the kernel hardly moves. GD's rate is 1/λ of the "
            "first mode, PGD's 1/λ of the last one replaced.",
        ),
        _flat.flatness(trained, PGD, CLOSED),
    )


CLAIM = Claim(
    id="geifman2023/circle",
    name="Waves on the circle",
    statement="On the circle the steps of preconditioned gradient descent until "
    f"{ARRIVED:.0%} of a wave is left are flat over the modes replaced (the m first hold waves of "
    f"up to (m − 1)/2 periods): the most at most {FLAT} times the least, and none more than those "
    f"of plain gradient descent, which grow as k^{STEEP:g} or faster. So it is of the linearised "
    f"network, and of networks of width {WIDTH} at amplitude {AMPLITUDE:g}, with S of the "
    "network's start and with S of the kernel in closed form.",
    source="theorem 4.1 and the experiments on the circle, read in secondary notes and code; "
    "sizes, rates, and both bounds are this package's own",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
