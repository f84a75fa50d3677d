"""README's tables of speed, memory and accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from bench.runner import ONE_BY_ONE
from bench.tables import (
    TRAINING,
    Row,
    details,
    latest,
    nbytes,
    not_measured,
    power_of_two,
    ratio_of,
    table,
    where,
)


def time_table(rows: Sequence[Row], activation: str, dtype: str, mode: str) -> str:
    """Times relative to `F.relu`, a provider a line, a size a column; bytes if in training."""
    here = [r for r in rows if (r["activation"], r["dtype"]) == (activation, dtype)]
    timed = [r for r in here if r.get("mode") == mode and r["provider"] != "F.relu"]
    skipped = [r for r in here if "skipped" in r]
    sizes = sorted({r["size"] for r in (*timed, *skipped)})
    relu = [r for r in here if r.get("mode") == mode and r["provider"] == "F.relu"]
    last = {}  # bytes an element: of the largest size that has them
    lines = []
    for provider in dict.fromkeys(r["provider"] for r in (*timed, *relu)):
        of = [r for r in (*timed, *relu) if r["provider"] == provider]
        found = {r["size"]: ratio_of(r) for r in of}
        line = [provider, *(found.get(s, "–") for s in sizes)]
        if "backward" in mode:
            last = max((r for r in of), key=lambda r: (r["peak_bytes"] is not None, r["size"]))
            line += [nbytes(last["kept_bytes"]), nbytes(last["peak_bytes"])]
        lines.append(line)
    if not lines:
        return "not measured"
    ends = ["kept B/el", "peak B/el"] if "backward" in mode else []
    return table(["", *map(power_of_two, sizes), *ends], lines)


def _skipped(rows: Sequence[Row]) -> str:
    found = []
    for r in rows:
        if "skipped" in r:
            who = r.get("provider") or r.get("network") or r["cascade"]
            what = [who, r.get("activation", ""), r.get("dtype", "")]
            what = [part for part in what if part]
            size = [power_of_two(r["size"])] if "size" in r else []
            found.append(f"- {', '.join(what + size)}: {r['skipped']}")
    return "\n".join(found)


def bandwidth_table(result: Row) -> str:
    """Share of an equal copy's bandwidth at the largest size; bytes: what a provider must move.

    Rows without a copy of their own are compared with the one that all have in common.
    """
    timed = [r for r in result["rows"] if "skipped" not in r]
    largest = max((r["size"] for r in timed), default=0)
    shares: dict[tuple[str, str, str], dict[str, str]] = {}
    for r in timed:
        copied = r.get("copy_gb_per_s", result["copy_gb_per_s"])
        if r["size"] == largest and copied is not None:
            key = (r["activation"], r["dtype"], r["provider"])
            share = f"{100 * r['gb_per_s'] / copied:.0f} %"
            shares.setdefault(key, {})[r["mode"]] = share
    if not shares:
        return "not measured"
    modes = ("forward", "backward", TRAINING)
    lines = [[*key, *(found.get(m, "") for m in modes)] for key, found in shares.items()]
    return table(["activation", "dtype", "provider", *modes], lines)


def network_table(rows: Sequence[Row]) -> str:
    """Bytes an activation and time relative to the ReLU network, dtype by dtype."""
    dtypes = list(dict.fromkeys(r["dtype"] for r in rows))
    lines = []
    for name in dict.fromkeys(r["network"] for r in rows):
        of = {r["dtype"]: r for r in rows if r["network"] == name}
        line = [name]
        for dtype in dtypes:
            r = of.get(dtype, {})
            line += [nbytes(r.get("kept_bytes")), nbytes(r.get("peak_bytes"))]
            line += [ratio_of(r) if "ratio" in r else "–"]
        lines.append(line)
    return table(["", *(f"{d}: {w}" for d in dtypes for w in ("kept B", "peak B", "time"))], lines)


def cascade_table(rows: Sequence[Row]) -> str:
    """Milliseconds and time relative to hatact's, shape by shape."""
    modes = list(dict.fromkeys(r["mode"] for r in rows if "mode" in r))
    lines = []
    for rows_, channels, name in dict.fromkeys(
        (r["rows"], r["channels"], r["cascade"]) for r in rows
    ):
        of = [
            r for r in rows if (r["rows"], r["channels"], r["cascade"]) == (rows_, channels, name)
        ]
        line = [name, f"{power_of_two(rows_)} × {channels}"]
        for mode in modes:
            r = next((r for r in of if r.get("mode") == mode), None)
            line += ["–", "–"] if r is None else [f"{r['ms']:.3g}", ratio_of(r)]
        lines.append([*line, nbytes(next((r["kept_bytes"] for r in of if "mode" in r), None))])
    heads = (f"{mode}{what}" for mode in modes for what in (", ms", ", ×"))
    return table(["", "rows × channels", *heads, "kept B/el"], lines)


def speed_tables() -> str:
    """Per device: what each provider takes in time and memory."""
    results = latest()
    parts = []
    for result in results:
        rows, of_networks, of_cascades = (
            result.get(key, []) for key in ("rows", "networks", "cascades")
        )
        parts += [f"**{where(result)}**", *_headlines(result, rows)]
        if of_networks:
            first = of_networks[0]
            parts += [
                f"Linear → activation → Linear in training, batch {first['batch']}, width "
                f"{first['width']}; bytes an activation, kept beside the input and the weights; "
                "time relative to ReLU:",
                network_table(of_networks),
            ]
        else:
            parts.append("Linear → activation → Linear: not measured.")
        if of_cascades:
            parts += [
                "Triangle cascade of depth 8, float32: milliseconds, time relative to hatact, "
                "bytes an element kept for the backward:",
                cascade_table(of_cascades),
            ]
        else:
            parts.append("Triangle cascades: not measured.")
        parts += _details(result, rows)
        skipped = _skipped((*rows, *of_networks, *of_cascades))
        if skipped:
            parts.append(details("–: what was not run", skipped))
        if result.get("failures"):
            failures = "\n".join(f"- {sentence}" for sentence in result["failures"])
            parts.append(details("What failed in this run", failures))
    missing = not_measured(results, cpu="CPU", cuda="CUDA GPUs (C++ and Triton kernels)")
    return "\n\n".join((*parts, *missing))


def _headlines(result: Row, rows: Sequence[Row]) -> list[str]:
    """Hat in training, dtype by dtype."""
    if not any("mode" in r for r in rows):
        return ["Activations alone: not measured."]
    parts = []
    if result["on_cuda"]:
        mark = ONE_BY_ONE.removeprefix(", ")
        parts.append(f"Calls are timed in a CUDA graph; *{mark}*: as a Python loop launches them.")
    if any(r["activation"] == "hat" for r in rows):
        for dtype in dict.fromkeys(r["dtype"] for r in rows):
            parts += [
                f"Hat, {dtype}, forward and backward:",
                time_table(rows, "hat", dtype, TRAINING),
            ]
    return parts


def _details(result: Row, rows: Sequence[Row]) -> list[str]:
    modes = list(dict.fromkeys(r["mode"] for r in rows if "mode" in r))
    dtypes = list(dict.fromkeys(r["dtype"] for r in rows))
    found = []
    for activation in dict.fromkeys(r["activation"] for r in rows):
        parts = []
        for of in ((activation, dtype, mode) for dtype in dtypes for mode in modes):
            shown = activation == "hat" and of[2] == TRAINING
            if not shown and any((r["activation"], r["dtype"], r.get("mode")) == of for r in rows):
                parts += [f"{', '.join(of)}:", time_table(rows, *of)]
        if parts:
            which = ", the other modes" if activation == "hat" else ""
            found.append(details(f"{activation}{which}", *parts))
    if result["on_cuda"] and rows:
        found.append(details("Share of the copy bandwidth", bandwidth_table(result)))
    return found


def accuracy_table() -> str:
    """Largest error of the sum of ReLUs against the piecewise form."""
    cpu = next((r for r in latest() if not r["on_cuda"]), None)
    if cpu is None:
        return "not measured"
    lines = [
        [
            r["activation"],
            r["dtype"],
            str(r["scale"]),
            f"{r['sum_error']:.2g}",
            f"{100 * r['sum_nonzero_outside']:.0f} %",
            f"{r['hatact_error']:.1g}",
            f"{100 * r['hatact_nonzero_outside']:.0f} %",
        ]
        for r in cpu["accuracy"]
    ]
    header = ["activation", "dtype", "std of x", "sum of ReLUs: max error", "not 0 outside"]
    return table([*header, "hatact: max error", "not 0 outside"], lines)
