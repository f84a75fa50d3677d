"""hong2022/gram: how the condition of a shallow network's Gram matrix grows with its width."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.results import NOT_REPRODUCED, REPRODUCED, Claim, Outcome, Settings
from hatact.claims.engine.runs import Record
from hatact.claims.engine.statistics import Measure
from hatact.claims.hong2022 import _mesh, _mesh_figures
from hatact.claims.hong2022._mesh import FREQUENCIES, MESHES, NAMES, RATE, slope

POWER, TOLERANCE = 4, 0.2  # of n, at every doubling
BOUND = 4
DERIVED = {10: 4.35, 40: 4.06, 160: 3.93, 320: 3.91}
"""κ/n⁴ of ReLU, from the closed form of its entries."""


def decide_gram(kappas: Mapping[str, Mapping[int, float]]) -> tuple[str, str]:
    """The verdict, and why, from κ of "relu" and of "hat" by n, on the same meshes n < 2n < …"""
    meshes = sorted(kappas["relu"])
    if len(meshes) < 2 or sorted(kappas["hat"]) != meshes:
        return NOT_REPRODUCED, f"at least two meshes, the same for both, are needed; got {meshes}"
    powers = [
        math.log(kappas["relu"][b] / kappas["relu"][a]) / math.log(b / a)
        for a, b in pairwise(meshes)
    ]
    highest = max(kappas["hat"].values())
    where = f"n = {meshes[0]} … {meshes[-1]}"
    grows = f"ReLU's κ grows as n^{min(powers):.2f} to n^{max(powers):.2f} over {where}"
    for power, (a, b) in zip(powers, pairwise(meshes), strict=True):
        if not abs(power - POWER) <= TOLERANCE:
            return NOT_REPRODUCED, f"ReLU's κ grows as n^{power:.2f} from n = {a} to {b}"
    if not all(kappa < BOUND for kappa in kappas["hat"].values()):
        return NOT_REPRODUCED, f"{grows}; but Hat's κ reaches {highest:.4g}"
    return REPRODUCED, f"{grows}; Hat's κ is at most {highest:.4f}"


def _tasks(settings: Settings) -> list[Task]:
    return [Task(_mesh.numbers, {}, (0,), 2.5)]


def _judge(settings: Settings, lab: Lab) -> Outcome:
    found = lab.run(_tasks(settings))[0][0]
    kappas = {name: dict(zip(MESHES, of, strict=True)) for name, of in found["kappa"].items()}
    verdict, reason = decide_gram(kappas)
    return Outcome(
        verdict,
        reason,
        findings=_findings(found),
        measures=_measures(found),
        tables=[
            _table("Condition number κ of the Gram matrix", found["kappa"]),
            _table("κ of the functions whose support lies in [0, 1]", found["interior"]),
        ],
        figures=_mesh_figures.figures(found),
        values={"meshes": list(MESHES), "frequencies": list(FREQUENCIES), **found},
    )


def _measures(found: Record) -> list[Measure]:
    relu, hat = found["kappa"]["relu"], found["kappa"]["hat"]
    last = MESHES[-1]
    least, leading = found["eigenvalues"]["relu"][-1], found["eigenvalues"]["relu"][:3]
    exact = Measure.exact
    return [
        exact("slope of log κ, ReLU", slope(MESHES, relu), known=4, source="derived"),
        *(
            exact(f"κ/n⁴, ReLU, n = {n}", kappa / n**4, known=DERIVED[n], source="derived")
            for n, kappa in zip(MESHES, relu, strict=True)
            if n in DERIVED
        ),
        exact("κ, ReLU, n = 40", relu[MESHES.index(40)], known=1.0e7, source="derived"),
        exact("slope of log κ, Hat", slope(MESHES, hat), known=0, source="derived"),
        exact(f"κ, Hat, n = {last}", hat[-1], known=4, source="derived, n → ∞"),
        exact(
            f"κ, Hat, interior, n = {last}",
            found["interior"]["hat"][-1],
            known=3,
            source="derived, n → ∞",
        ),
        exact(
            f"λ_min·n³, relu(x − i/n), n = {last}",
            least * last,
            known=1 / 48,
            source="derived, n → ∞",
        ),
        *(
            exact(
                f"λ_{j}/n, relu(x − i/n), n = {last}",
                value / last**3,
                known=beta**-4,
                source="derived, n → ∞",
            )
            for j, value, beta in zip(range(1, 4), leading, _mesh.cantilever(3), strict=True)
        ),
        exact(
            "slope of log λ_j, ReLU, n = 1000, j = 5 … 100",
            found["decay_relu_1000"],
            known=-4.09,
            source="this project, an earlier fit",
        ),
        *(
            exact(
                f"steps to 10 % at k = {FREQUENCIES[-1]}, η = {RATE}/λ_max, {name}",
                found["descent"][name]["steps_to_10_percent"][-1],
                "steps",
            )
            for name in ("relu", "hat")
        ),
        *(
            exact(f"bias exponent of gradient descent, {name}", of["bias_exponent"])
            for name, of in found["descent"].items()
        ),
    ]


def _findings(found: Record) -> list[str]:
    ends = {
        name: f"{found['kappa'][name][-1]:.3g} ({found['interior'][name][-1]:.3g} interior)"
        for name in _mesh.SPLINES
    }
    descent = {name: of["steps_to_10_percent"] for name, of in found["descent"].items()}
    ordered = all(
        of["sign_changes"] == list(range(_mesh.CELLS)) for of in found["descent"].values()
    )
    by_degree = [found["kappa"][name][-1] for name in ("bspline0", "hat", *_mesh.SPLINES[1:5])]
    smoother = by_degree == sorted(by_degree)
    growth = max(found["kappa"][name][-1] / found["kappa"][name][0] for name in NAMES[1:])
    return [
        f"κ of the compact activations grows by a factor of {growth:.2f} at most from "
        f"n = {MESHES[0]} to {MESHES[-1]}; at n = {MESHES[-1]}: "
        + ", ".join(f"{name} {text}" for name, text in ends.items()),
        f"κ of the B-splines {'grows' if smoother else 'does not grow'} with their degree, with "
        "and (far less) without the functions cut off at x = 1",
        f"over the same functions ({_mesh.CELLS} cells, η = {RATE}/λ_max) gradient descent leaves "
        f"10 % of sin(2πkx), k = {FREQUENCIES[0]} and {FREQUENCIES[-1]}, after "
        f"{descent['relu'][0]} and {descent['relu'][-1]:.3g} steps with ReLU, "
        f"{descent['hat'][0]} and {descent['hat'][-1]} with Hat",
        "for both, the j-th fastest mode changes sign j − 1 times: low frequencies first, in Hat "
        f"within a factor of {BOUND}"
        if ordered
        else "the modes are not ordered by their sign changes",
    ]


def _table(title: str, kappas: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    return {
        "title": title,
        "columns": ["activation", *(f"n = {n}" for n in MESHES)],
        "rows": [[name, *(f"{kappa:.5g}" for kappa in of)] for name, of in kappas.items()],
    }


CLAIM = Claim(
    id="hong2022/gram",
    name="Condition of the Gram matrices",
    statement=(
        "On a uniform mesh of n cells the condition number of a shallow ReLU network's Gram matrix "
        f"grows as n^({POWER} ± {TOLERANCE}) at every doubling of n from {MESHES[0]} to "
        f"{MESHES[-1]}, where Hat's stays under {BOUND}."
    ),
    source=(
        "the paper's theory of shallow networks in one dimension; its wording and constants were "
        "not at hand, those here are derived"
    ),
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    tasks=_tasks,
    judge=_judge,
)
