"""ntk/decay: at which power of the frequency the eigenvalues of the kernel fall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hatact.claims.engine import Claim, Measure, Outcome, Record, Runs, Settings, Task
from hatact.claims.engine.verdicts import REPRODUCED, Decision, conclude, share
from hatact.claims.figures import Curves, Line, Panel, Table
from hatact.claims.figures.lines import axes
from hatact.claims.ntk import _runs
from hatact.claims.ntk._runs import Theory

TOLERANCE, FITTED = 0.1, 20
"""Of the exponent, and how many eigenvalues it must be of."""
SHALLOW, DEEP = Theory("relu", depth=2), Theory("relu")
FREE = Theory("relu", depth=2, biased=False)
SPHERE = Theory("relu", depth=2, dimension=3)
QUADRATIC, CUBIC = (Theory(f"bspline{degree}", depth=2) for degree in (2, 3))
RANGES = {
    SHALLOW: (20, 200),
    DEEP: (20, 200),
    FREE: (20, 200),
    SPHERE: (20, 200),
    QUADRATIC: (40, 200),
    CUBIC: (40, 65),
}
KNOWN = {SHALLOW: -2, DEEP: -2, FREE: -2, SPHERE: -3, QUADRATIC: -4, CUBIC: -6}
"""The exponents: −d on the sphere of dimension d − 1 for ReLU; −2·degree for splines."""
PARTS = {
    "ReLU with biases": (SHALLOW, DEEP, SPHERE),
    "ReLU without biases": (FREE,),
    "splines": (QUADRATIC, CUBIC),
}


def decide(records: Mapping[Theory, Record]) -> Decision:
    """Every exponent within TOLERANCE, and nothing at odd k ≥ 3 without biases."""
    parts = {}
    for name, kernels in PARTS.items():
        held, words = [], []
        for kernel in kernels:
            p = records[kernel]["exponent"]
            enough = records[kernel]["fitted"] >= FITTED
            held.append(p is not None and enough and abs(p - KNOWN[kernel]) <= TOLERANCE)
            words.append(f"{kernel} k^{p:.3f}" if p is not None else f"{kernel} not to be fitted")
        if FREE in kernels:
            odd = left_at_odd(records[FREE])
            held.append(not odd)
            words.append(f"{len(odd)} eigenvalues at odd k >= 3 above their errors")
        parts[name] = share(held), ", ".join(words)
    return conclude(parts)


def left_at_odd(record: Record) -> list[int]:
    """The odd k ≥ 3 at which the eigenvalue, of either sign, is more than its error."""
    pairs = enumerate(zip(record["values"], record["errors"], strict=True))
    return [k for k, (value, error) in pairs if k % 2 and k >= 3 and abs(value) > error]


def runs(settings: Settings) -> dict[str, Runs]:
    """Every kernel on its sphere; the same quickly and in full."""
    tasks = {
        kernel: Task(_runs.spectrum, {"theory": kernel, "first": a, "last": b}, (0,), 1.0)
        for kernel, (a, b) in RANGES.items()
    }
    return {"kernels": Runs(tasks)}


def judge(settings: Settings, given: Mapping[str, Any]) -> Outcome:
    """Decide on the exponents."""
    records = {kernel: record for kernel, (record,) in given["kernels"].items()}
    decision = decide(records)
    rows = [_cells(kernel, record) for kernel, record in records.items()]
    columns = ["network", "k", "exponent", "95 % interval", "known", "eigenvalues"]
    p = records[DEEP]["exponent"]
    fall = "cannot be fitted" if p is None else f"fall as k^{p:.2f} with the frequency"
    return Outcome(
        *decision,
        headline=f"On the circle the eigenvalues of a six-layer ReLU network's kernel {fall}.",
        measures=[
            Measure.exact(
                f"exponent, {kernel}",
                float("nan") if record["exponent"] is None else record["exponent"],
                known=KNOWN[kernel],
                source="secondary notes" if "relu" in str(kernel) else "derived",
            )
            for kernel, record in records.items()
        ],
        tables=[Table("Exponent of the eigenvalues, fitted over k", columns, rows)],
        figures=[_figure(records)],
        values={str(kernel): record["exponent"] for kernel, record in records.items()},
    )


def _cells(kernel: Theory, record: Record) -> list[str]:
    first, last = RANGES[kernel]
    p, interval = record["exponent"], record["interval"]
    words = ["–", "–"]
    if p is not None:
        words = [f"{p:.4f}", f"{interval[0]:.4f} … {interval[1]:.4f}"]
    return [str(kernel), f"{first} … {last}", *words, f"{KNOWN[kernel]}", str(record["fitted"])]


def _figure(records: Mapping[Theory, Record]) -> Curves:
    lines = [_line(kernel, record) for kernel, record in records.items()]
    return Curves(
        name="ntk-decay",
        title="Eigenvalues of kernels in closed form",
        caption="Over that of k = 1; left out below a hundred times their error. Without biases "
        "the odd ones from k = 3 on vanish.",
        panels=[Panel("", lines)],
        **axes("frequency k", "λ_k / λ_1", "log log", "network"),
    )


def _line(kernel: Theory, record: Record) -> Line:
    first = record["values"][1]
    above = [
        (k, value / first)
        for k, (value, error) in enumerate(zip(record["values"], record["errors"], strict=True))
        if k and value > 100 * error
    ]
    x: Sequence[int]
    x, y = zip(*above, strict=True) if above else ((), ())
    return Line(str(kernel), list(x), list(y))


CLAIM = Claim(
    id="ntk/decay",
    name="Eigenvalues on the circle",
    statement="Over k = 20 … 200 the eigenvalues of the NTK in closed form of ReLU networks of two "
    "and six layers fall on the circle as k^−2, on the sphere in three dimensions as k^−3; "
    "without biases those of odd k >= 3 vanish at two layers; and those of B-splines of degree d = "
    f"2 and 3 fall as k^−2d, over k = 40 … 200 and, as they reach rounding, 40 … 65: all exponents "
    f"within {TOLERANCE}.",
    source="arXiv 2003.04560 and what it rests on, from abstracts and secondary notes; B-splines: "
    "derived here",
    recorded={"quick": REPRODUCED, "full": REPRODUCED},
    runs=runs,
    judge=judge,
)
