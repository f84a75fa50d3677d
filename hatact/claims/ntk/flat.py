"""ntk/flat: the kernel of compact activations becomes flat as their scale grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from hatact.claims.engine import Claim, Measure, Outcome, Record, Runs, Settings, Task
from hatact.claims.engine.verdicts import NOT_REPRODUCED, REPRODUCED, Decision, share
from hatact.claims.figures import Curves, Line, Panel, Table
from hatact.claims.figures.lines import axes
from hatact.claims.ntk import _runs
from hatact.claims.ntk._runs import Theory

FIRST, LAST = 5, 50
FLAT, STEEP, SAME = -0.25, -1.8, 0.05
BELOW = (0.5, 0.1)
"""Shares of λ_1 whose first k below them say how long the flat part is."""
SCALES = {
    "quick": {"relu": (1, 8), "hat": (1, 2, 4, 6, 8), "bw_relu": (1, 2, 3, 4), "bspline3": (8, 16)},
    "full": {
        "relu": (1, 8),
        "hat": (1, 2, 3, 4, 5, 6, 8, 10, 12),
        "bw_relu": (1, 2, 3, 4, 5, 6),
        "bspline2": (1, 2, 4, 6, 8, 12),
        "bspline3": (2, 4, 8, 12, 16),
    },
}
"""The cubic B-spline at scale 1 falls below its errors before k = 50, at depth 6."""
Exponents = Mapping[str, Mapping[float, float | None]]


def decide(exponents: Exponents) -> Decision:
    """Hat's exponent rises from STEEP to FLAT with the scale; ReLU's does not move."""
    relu, hat = ([*exponents[name].values()] for name in ("relu", "hat"))
    if any(p is None for p in (*relu, *hat)):
        return share([False]), "an exponent could not be fitted"
    if max(relu) - min(relu) > SAME:  # type: ignore[type-var,operator]
        moved = f"{min(relu):.2f} … {max(relu):.2f}"  # type: ignore[type-var,str-format]
        return NOT_REPRODUCED, f"ReLU's exponent moves with the scale: {moved}"
    rising = all(a < b for a, b in pairwise(hat))  # type: ignore[operator]
    held = [
        hat[0] <= STEEP,  # type: ignore[operator]
        rising and max(hat) >= FLAT,  # type: ignore[type-var,operator]
    ]
    words = ", ".join(f"{p:.2f} at {s:g}" for s, p in exponents["hat"].items())
    return share(held), f"Hat's exponent is {words}; ReLU's {relu[0]:.2f} at every scale"


def runs(settings: Settings) -> dict[str, Runs]:
    """Every activation at every scale."""
    of = {"first": FIRST, "last": LAST}
    kernels = [Theory(name, s) for name, scales in _scales(settings).items() for s in scales]
    return {
        "kernels": Runs({k: Task(_runs.spectrum, {"theory": k, **of}, (0,), 2.0) for k in kernels})
    }


def _scales(settings: Settings) -> Mapping[str, Sequence[float]]:
    return SCALES[settings.name]


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide on the exponents by scale."""
    records = {kernel: record for kernel, (record,) in given["kernels"].items()}
    exponents: dict[str, dict[float, float | None]] = {}
    for kernel, record in records.items():
        exponents.setdefault(kernel.activation, {})[kernel.scale] = record["exponent"]
    rows = [_cells(kernel, record) for kernel, record in records.items()]
    flat = [f"first k with λ_k < {share_of:g}·λ_1" for share_of in BELOW]
    hat, decision = exponents["hat"], decide(exponents)
    fitted = {s: p for s, p in hat.items() if p is not None}
    flattest = next((s for s, p in fitted.items() if p >= FLAT), max(hat))
    ends = dict.fromkeys(s for s in (min(hat), flattest) if s in fitted)
    words = " and ".join(f"k^{fitted[s]:.2f} at scale {s:g}" for s in ends)
    relus = ", ".join(
        "not to be fitted" if p is None else f"k^{p:.2f} at {s:g}"
        for s, p in exponents["relu"].items()
    )
    return Outcome(
        *decision,
        headline=f"The eigenvalues of a six-layer Hat network's kernel fall as {words}; those of "
        f"ReLU as {relus}.",
        measures=[
            Measure.exact(f"exponent, {kernel}", record["exponent"])
            for kernel, record in records.items()
            if record["exponent"] is not None
        ],
        tables=[
            Table(
                f"Exponent over k = {FIRST} … {LAST} on the circle, and how long λ_k stays",
                ["network", "exponent", "95 % interval", *flat],
                rows,
            )
        ],
        figures=[_figure(exponents), _spectra(records)],
        values={str(kernel): record["exponent"] for kernel, record in records.items()},
    )


def length(record: Record, share_of: float) -> int | None:
    """The first k at which λ_k is below that share of λ_1; None if none is."""
    values = record["values"]
    return next((k for k in range(1, len(values)) if values[k] < share_of * values[1]), None)


def _cells(kernel: Theory, record: Record) -> list[str]:
    p, interval = record["exponent"], record["interval"]
    words = ["–", "–"]
    if p is not None:
        words = [f"{p:.3f}", f"{interval[0]:.3f} … {interval[1]:.3f}"]
    ends = [length(record, share_of) for share_of in BELOW]
    return [str(kernel), *words, *(f"> {LAST}" if end is None else f"{end}" for end in ends)]


def _figure(exponents: Exponents) -> Curves:
    lines = []
    for name, by_scale in exponents.items():
        known = [(s, p) for s, p in by_scale.items() if p is not None]
        lines.append(Line(name, [s for s, _ in known], [p for _, p in known], marker=True))
    return Curves(
        name="ntk-flat",
        title="Exponent of the eigenvalues by scale",
        caption="Six layers, PyTorch's initialisation, infinite width, on the circle; 0 is a flat "
        "spectrum, without spectral bias.",
        panels=[Panel("", lines)],
        **axes("scale of the activation", "exponent", "log linear", "activation", (1, 2, 4, 8, 16)),
    )


def _spectra(records: Mapping[Theory, Record]) -> Curves:
    panels = []
    for name in dict.fromkeys(kernel.activation for kernel in records):
        of_name = {kernel.scale: r for kernel, r in records.items() if kernel.activation == name}
        lines = [
            Line(
                f"scale {scale:g}",
                list(range(1, LAST + 1)),
                [v / record["values"][1] if v > 0 else None for v in record["values"][1:]],
            )
            for scale, record in of_name.items()
        ]
        panels.append(Panel(name, lines))
    return Curves(
        name="ntk-flat-spectra",
        title="Eigenvalues of the kernel by scale",
        caption="Over that of k = 1, on the circle.",
        panels=panels,
        **axes("frequency k", "λ_k / λ_1", "log log", "scale"),
    )


CLAIM = Claim(
    id="ntk/flat",
    name="A flat kernel by scale",
    statement="On the circle the exponent of the eigenvalues of a six-layer Hat network's NTK over "
    f"k = {FIRST} … {LAST}, in closed form, rises with the scale of Hat from at most {STEEP} at "
    f"scale 1 to at least {FLAT}, where that of ReLU stays within {SAME}.",
    source="this package's own question",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
