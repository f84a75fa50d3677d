"""The pictures of hong2022/gram, from its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hatact.claims.engine.runs import Record
from hatact.claims.figures.curves import curves
from hatact.claims.hong2022._mesh import CELLS, FREQUENCIES, MESHES, RATE, cantilever


def figures(found: Record) -> list[dict[str, Any]]:
    """Condition against n, eigenvalues against their index, steps against frequency."""
    return [_growth(found), _spectra(found), _descent(found)]


def _line(label: str, x: Sequence[float], y: Sequence[float], **more: bool) -> dict[str, Any]:
    return {"label": label, "x": list(x), "y": list(y), **more}


def _growth(found: Record) -> dict[str, Any]:
    line = [found["kappa"]["relu"][-1] * (n / MESHES[-1]) ** 4 / 3 for n in MESHES]
    panels = []
    for title, of in (("all n functions", "kappa"), ("support within [0, 1]", "interior")):
        series = [_line(name, MESHES, kappas, marker=True) for name, kappas in found[of].items()]
        if of == "kappa":
            series.append(_line("∝ n⁴", MESHES, line, reference=True))
        panels.append((title, series))
    return curves(
        "hong2022-gram",
        "Condition of the Gram matrix",
        panels,
        caption="ReLU's condition number grows as the fourth power of the width; that of compact "
        "activations does not grow. ReLU has no function with support within [0, 1].",
        x="n, neurons",
        y="κ",
        scales="log log",
        legend="activation",
        ticks=MESHES,
    )


def _spectra(found: Record) -> dict[str, Any]:
    n = MESHES[-1]
    betas = cantilever(n)
    j = range(1, n + 1)
    series = [_line(name, j, [v / of[0] for v in of]) for name, of in found["eigenvalues"].items()]
    series.append(_line("(β₁/β_j)⁴", j, [(betas[0] / b) ** 4 for b in betas], reference=True))
    return curves(
        "hong2022-gram-eigenvalues",
        f"Eigenvalues of the Gram matrix, n = {n}",
        [("", series)],
        caption="The rate of mode j under gradient descent, the fastest being 1. The theory line "
        "holds the roots of cos β·cosh β = −1.",
        x="j",
        y="λ_j / λ_1",
        scales="log log",
        legend="activation",
    )


def _descent(found: Record) -> dict[str, Any]:
    steps = {name: of["steps_to_10_percent"] for name, of in found["descent"].items()}
    series = [_line(name, FREQUENCIES, of, marker=True) for name, of in steps.items()]
    line = [steps["relu"][-1] * (k / FREQUENCIES[-1]) ** 4 / 3 for k in FREQUENCIES]
    series.append(_line("∝ k⁴", FREQUENCIES, line, reference=True))
    return curves(
        "hong2022-gram-descent",
        "Steps of gradient descent to 10 % error",
        [("", series)],
        caption=f"Two bases of the same functions on {CELLS} cells, output weights alone, "
        f"learning rate {RATE}/λ_max, in closed form; the target is sin(2πkx).",
        x="k, cycles per unit length",
        y="steps",
        scales="log log",
        legend="basis",
        ticks=FREQUENCIES,
    )
