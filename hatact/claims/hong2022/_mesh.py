"""The run of hong2022/gram: conditions, eigenvalues, and gradient descent in closed form."""

from __future__ import annotations

from collections.abc import Sequence

from hatact import PiecewisePolynomial
from hatact.activations import registry
from hatact.analysis.descent import mesh_descent
from hatact.analysis.gram import condition_number, eigenvalues, log_slope
from hatact.analysis.spectrum import bias_exponent
from hatact.claims.engine.runs import Advance, Record

MESHES = (10, 20, 40, 80, 160, 320)
SPLINES = ("bspline0", "bspline2", "bspline3", "bspline4", "bspline5", "bw_relu")
NAMES = ("relu", "hat", *SPLINES)
SPECTRA = ("relu", "hat", "bspline3")
CELLS = 64
"""Cells of the mesh on which gradient descent is followed."""
FREQUENCIES = (1, 2, 4, 8, 16, 24)
RATE = 0.1
"""η·λ_max: at 1 Hat takes 1 to 5 steps, and whole numbers hide how they grow."""


def numbers(seeds: Sequence[int], device: str, advance: Advance) -> list[Record]:
    """Everything that the claim reports; on the CPU, the same for every seed and device."""
    specs = registry()
    decay = eigenvalues(specs["relu"], 1000).flip(0)[4:100].tolist()
    record: Record = {
        "kappa": {name: [condition_number(specs[name], n) for n in MESHES] for name in NAMES},
        "interior": {
            name: [condition_number(specs[name], n, interior=True) for n in MESHES]
            for name in NAMES[1:]
        },
        "eigenvalues": {
            name: eigenvalues(specs[name], MESHES[-1]).flip(0).tolist() for name in SPECTRA
        },
        "decay_relu_1000": log_slope(range(5, 101), decay),
        "descent": {name: _descent(specs[name]) for name in ("relu", "hat")},
    }
    advance(1)
    return [record for _ in seeds]


def _descent(spec: PiecewisePolynomial) -> Record:
    descent = mesh_descent(spec, CELLS, FREQUENCIES, RATE)
    return {
        "steps_to_10_percent": descent.steps,
        "bias_exponent": bias_exponent(FREQUENCIES, descent.steps, max(descent.steps)).slope,
        "sign_changes": descent.sign_changes,
    }
