"""README's tables of speed, memory and accuracy, from bench/results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.timing import UNSTEADY

RESULTS = Path(__file__).parent / "results"
FORMAT = 2  # of the JSON; a file of another format is left alone
TRAINING = "forward+backward"
Row = dict[str, Any]


def latest() -> list[Row]:
    """The newest results of each device, by folder."""
    found = []
    for folder in sorted(p for p in RESULTS.glob("*") if p.is_dir()):
        results = (json.loads(p.read_text()) for p in sorted(folder.glob("*.json"), reverse=True))
        found += [r for r in results if r.get("format") == FORMAT][:1]
    return found


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    out = [header, ["-"] * len(header), *([c.replace("|", "\\|") for c in of] for of in lines)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in out)


def power_of_two(size: int) -> str:
    """2^k, or the number itself."""
    return f"2^{size.bit_length() - 1}" if size & (size - 1) == 0 else str(size)


def ratio(value: float) -> str:
    """Three digits at most."""
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def ratio_of(r: Row) -> str:
    """The ratio, with a mark where half of the pairs were spread over a factor of 1.5."""
    unsteady = r["ratio_high"] > UNSTEADY * r["ratio_low"]
    return ("~" if unsteady else "") + ratio(r["ratio"])


def details(summary: str, *parts: str) -> str:
    """Parts that open at a click."""
    return "\n\n".join(
        (f"<details><summary>{summary}</summary>", *filter(None, parts), "</details>")
    )


def where(result: Row) -> str:
    """The device, what ran there, and when."""
    facts, copied = result["environment"], result["copy_gb_per_s"]
    what = f"{facts['device']}, torch {facts['torch']}"
    if copied is None:
        what += f", {facts['cpu_capability']}, {facts['threads']} threads"
    else:
        what += f", copy bandwidth {copied:.0f} GB/s"
    return f"{what} ({facts['date']})"


def nbytes(value: float | None) -> str:
    """Three digits; empty where there is none."""
    return "" if value is None else f"{value:.3g}"


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
    """Share of the copy bandwidth at the largest size; bytes: what a provider must move."""
    largest = max(r["size"] for r in result["rows"])
    shares: dict[tuple[str, str, str], dict[str, str]] = {}
    for r in result["rows"]:
        if r["size"] == largest and "skipped" not in r:
            key = (r["activation"], r["dtype"], r["provider"])
            share = f"{100 * r['gb_per_s'] / result['copy_gb_per_s']:.0f} %"
            shares.setdefault(key, {})[r["mode"]] = share
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
            r = of[dtype]
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
        rows = result["rows"]
        parts += [f"**{where(result)}**"]
        dtypes = list(dict.fromkeys(r["dtype"] for r in rows))
        if any(r["activation"] == "hat" for r in rows):
            for dtype in dtypes:
                parts += [
                    f"Hat, {dtype}, forward and backward:",
                    time_table(rows, "hat", dtype, TRAINING),
                ]
        if result["networks"]:
            first = result["networks"][0]
            parts += [
                f"Linear → activation → Linear in training, batch {first['batch']}, width "
                f"{first['width']}; bytes an activation, kept beside the input and the weights; "
                "time relative to ReLU:",
                network_table(result["networks"]),
            ]
        if result.get("cascades"):
            parts += [
                "Triangle cascade of depth 8, float32: milliseconds, time relative to hatact, "
                "bytes an element kept for the backward:",
                cascade_table(result["cascades"]),
            ]
        parts += _details(result, dtypes)
    if not any(r["copy_gb_per_s"] is None for r in results):
        parts.append("CPU: not measured.")
    if not any(r["copy_gb_per_s"] is not None for r in results):
        parts.append("CUDA GPUs (C++ and Triton kernels): not measured.")
    return "\n\n".join(parts)


def _details(result: Row, dtypes: Sequence[str]) -> list[str]:
    rows = result["rows"]
    modes = list(dict.fromkeys(r["mode"] for r in rows if "mode" in r))
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
    if result["copy_gb_per_s"] is not None:
        found.append(details("Share of the copy bandwidth", bandwidth_table(result)))
    skipped = _skipped((*rows, *result["networks"], *result.get("cascades", ())))
    return [*found, details("–: what was not run", skipped)] if skipped else found


def accuracy_table() -> str:
    """Largest error of the sum of ReLUs against the piecewise form."""
    cpu = next((r for r in latest() if r["copy_gb_per_s"] is None), None)
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
