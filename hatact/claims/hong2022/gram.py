"""hong2022/gram: how the condition of a shallow network's Gram matrix grows with its width."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from hatact.analysis import cantilever_roots, log_slope
from hatact.claims.engine import Claim, Measure, Outcome, Record, Runs, Settings, Task
from hatact.claims.engine.verdicts import NOT_REPRODUCED, REPRODUCED, Decision
from hatact.claims.figures import Curves, Line, Panel, Table
from hatact.claims.figures.lines import axes
from hatact.claims.hong2022._mesh import CELLS, FREQUENCIES, MESHES, NAMES, RATE, SPLINES, numbers

POWER, TOLERANCE = 4, 0.2  # of n, at every doubling
BOUND = 4
DERIVED = {10: 4.35, 40: 4.06, 160: 3.93, 320: 3.91}
"""κ/n⁴ of ReLU, from the closed form of its entries."""


def decide(kappas: Mapping[str, Mapping[int, float]]) -> Decision:
    """The verdict, and why, from κ of "relu" and of "hat" by n, on the same meshes n < 2n < …"""
    meshes = sorted(kappas["relu"])
    if len(meshes) < 2 or sorted(kappas["hat"]) != meshes:
        return NOT_REPRODUCED, f"at least two meshes, the same for both, are needed; got {meshes}"
    relu, highest = kappas["relu"], max(kappas["hat"].values())
    powers = {(a, b): math.log(relu[b] / relu[a]) / math.log(b / a) for a, b in pairwise(meshes)}
    for (a, b), power in powers.items():
        if not abs(power - POWER) <= TOLERANCE:
            return NOT_REPRODUCED, f"ReLU's κ grows as n^{power:.2f} from n = {a} to {b}"
    least, most = min(powers.values()), max(powers.values())
    grows = f"ReLU's κ grows as n^{least:.2f} to n^{most:.2f} over n = {meshes[0]} … {meshes[-1]}"
    if not all(kappa < BOUND for kappa in kappas["hat"].values()):
        return NOT_REPRODUCED, f"{grows}; but Hat's κ reaches {highest:.4g}"
    return REPRODUCED, f"{grows}; Hat's κ is at most {highest:.4f}"


def runs(settings: Settings) -> dict[str, Runs]:
    """One computation, which no seed enters."""
    return {"mesh": Runs({"mesh": Task(numbers, {}, (0,), 1.4)})}


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide from the condition numbers; the eigenvalues and the descent are told beside."""
    (record,) = given["mesh"]["mesh"]
    kappas = {name: dict(zip(MESHES, of, strict=True)) for name, of in record["kappa"].items()}
    return Outcome(
        *decide(kappas),
        findings=_findings(record),
        measures=_measures(record),
        tables=[
            _table("Condition number κ of the Gram matrix", record["kappa"]),
            _table("κ of the functions whose support lies in [0, 1]", record["interior"]),
        ],
        figures=[_growth(record), _spectra(record), _descent(record)],
        values={"meshes": list(MESHES), "frequencies": list(FREQUENCIES), **record},
        headline=f"The condition number of a shallow network's Gram matrix at n = {MESHES[-1]} is "
        f"{kappas['relu'][MESHES[-1]]:.2g} for ReLU, growing as "
        f"n^{log_slope(MESHES, record['kappa']['relu']):.2f}; that of Hat is at most "
        f"{max(record['kappa']['hat']):.4f} at any n up to there.",
    )


def _measures(record: Record) -> list[Measure]:
    relu, hat, last = record["kappa"]["relu"], record["kappa"]["hat"], MESHES[-1]
    at, spectrum = dict(zip(MESHES, relu, strict=True)), record["eigenvalues"]["relu"]
    ours, limit = "derived", "derived, n → ∞"
    slope, decay = "slope of log λ_j, ReLU, n = 1000, j = 5 … 100", record["decay_relu_1000"]
    betas, relus = enumerate(cantilever_roots(3)), f"relu(x − i/n), n = {last}"
    known = [
        ("slope of log κ, ReLU", log_slope(MESHES, relu), 4, ours),
        *((f"κ/n⁴, ReLU, n = {n}", at[n] / n**4, value, ours) for n, value in DERIVED.items()),
        ("κ, ReLU, n = 40", at[40], 1.0e7, ours),
        ("slope of log κ, Hat", log_slope(MESHES, hat), 0, ours),
        (f"κ, Hat, n = {last}", hat[-1], 4, limit),
        (f"κ, Hat, interior, n = {last}", record["interior"]["hat"][-1], 3, limit),
        (f"λ_min·n³, {relus}", spectrum[-1] * last, 1 / 48, limit),
        *((f"λ_{j + 1}/n, {relus}", spectrum[j] / last**3, b**-4, limit) for j, b in betas),
        (slope, decay, -4.09, "this project, an earlier fit"),
    ]
    steps = f"steps to 10 % at k = {FREQUENCIES[-1]}, η = {RATE}/λ_max"
    exponent, descents = "bias exponent of gradient descent", record["descent"].items()
    ends = [(basis, descent["steps_to_10_percent"][-1]) for basis, descent in descents]
    return [
        *(Measure.exact(name, value, "", theirs, source) for name, value, theirs, source in known),
        *(Measure.exact(f"{steps}, {basis}", end, "steps") for basis, end in ends),
        *(Measure.exact(f"{exponent}, {basis}", d["bias_exponent"]) for basis, d in descents),
    ]


def _findings(record: Record) -> list[str]:
    kappa, interior, descent = record["kappa"], record["interior"], record["descent"]
    ends = (f"{name} {kappa[name][-1]:.3g} ({interior[name][-1]:.3g} interior)" for name in SPLINES)
    relu, hat = (descent[name]["steps_to_10_percent"] for name in ("relu", "hat"))
    ordered = all(mode["sign_changes"] == list(range(CELLS)) for mode in descent.values())
    by_degree = [kappa[name][-1] for name in ("bspline0", "hat", *SPLINES[1:5])]
    with_degree = "grows" if by_degree == sorted(by_degree) else "does not grow"
    growth = max(kappa[name][-1] / kappa[name][0] for name in NAMES[1:])
    return [
        f"κ of the compact activations grows by a factor of {growth:.2f} at most from "
        f"n = {MESHES[0]} to {MESHES[-1]}; at n = {MESHES[-1]}: {', '.join(ends)}",
        f"κ of the B-splines {with_degree} with their degree, with and (far less) without "
        "the functions cut off at x = 1",
        f"over the same functions ({CELLS} cells, η = {RATE}/λ_max) gradient descent leaves "
        f"10 % of sin(2πkx), k = {FREQUENCIES[0]} and {FREQUENCIES[-1]}, after "
        f"{relu[0]} and {relu[-1]:.3g} steps with ReLU, {hat[0]} and {hat[-1]} with Hat",
        "for both, the j-th fastest mode changes sign j − 1 times: low frequencies first, in Hat "
        f"within a factor of {BOUND}"
        if ordered
        else "the modes are not ordered by their sign changes",
    ]


def _table(title: str, kappas: Mapping[str, Sequence[float]]) -> Table:
    rows = [[name, *(f"{kappa:.5g}" for kappa in of_name)] for name, of_name in kappas.items()]
    return Table(title, ["activation", *(f"n = {n}" for n in MESHES)], rows)


def _lines(x: Sequence[float], by_name: Mapping[str, Sequence[float]]) -> list[Line]:
    return [Line(name, x, values, marker=True) for name, values in by_name.items()]


def _fourth_power(of: str, x: Sequence[float], values: Sequence[float]) -> Line:
    """A third of the last of the values, and how it grows."""
    power = [values[-1] * (a / x[-1]) ** 4 / 3 for a in x]
    return Line(f"∝ {of}⁴", x, power, reference=True)


def _growth(record: Record) -> Curves:
    every, inner = (_lines(MESHES, record[key]) for key in ("kappa", "interior"))
    fourth = _fourth_power("n", MESHES, record["kappa"]["relu"])
    return Curves(
        name="hong2022-gram",
        title="Condition of the Gram matrix",
        caption="ReLU's condition number grows as the fourth power of the width; that of compact "
        "activations does not grow. ReLU has no function with support within [0, 1].",
        panels=[Panel("all n functions", [*every, fourth]), Panel("support within [0, 1]", inner)],
        **axes("n, neurons", "κ", "log log", "activation", MESHES),
    )


def _spectra(record: Record) -> Curves:
    n = MESHES[-1]
    j, betas = range(1, n + 1), cantilever_roots(n)
    spectra = record["eigenvalues"].items()
    lines = [Line(name, j, [value / of[0] for value in of]) for name, of in spectra]
    theory = Line("(β₁/β_j)⁴", j, [(betas[0] / b) ** 4 for b in betas], reference=True)
    return Curves(
        name="hong2022-gram-eigenvalues",
        title=f"Eigenvalues of the Gram matrix, n = {n}",
        caption="The rate of mode j under gradient descent, the fastest being 1. The theory line "
        "holds the roots of cos β·cosh β = −1.",
        panels=[Panel("", [*lines, theory])],
        **axes("j", "λ_j / λ_1", "log log", "activation"),
    )


def _descent(record: Record) -> Curves:
    steps = {name: of["steps_to_10_percent"] for name, of in record["descent"].items()}
    fourth = _fourth_power("k", FREQUENCIES, steps["relu"])
    return Curves(
        name="hong2022-gram-descent",
        title="Steps of gradient descent to 10 % error",
        caption=f"Two bases of the same functions on {CELLS} cells, output weights alone, "
        f"learning rate {RATE}/λ_max, in closed form; the target is sin(2πkx).",
        panels=[Panel("", [*_lines(FREQUENCIES, steps), fourth])],
        **axes("k, cycles per unit length", "steps", "log log", "basis", FREQUENCIES),
    )


CLAIM = Claim(
    id="hong2022/gram",
    name="Condition of the Gram matrices",
    statement="On a uniform mesh of n cells the condition number of a shallow ReLU network's Gram "
    f"matrix grows as n^({POWER} ± {TOLERANCE}) at every doubling of n from {MESHES[0]} to "
    f"{MESHES[-1]}, where Hat's stays under {BOUND}.",
    source="the paper's theory of shallow networks in one dimension; its wording and constants "
    "were not at hand, those here are derived",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
