"""README's tables of whole networks: time and memory of hatact.nn.MLP, its launches, and a fit."""

from __future__ import annotations

from collections.abc import Sequence

from bench.mlp_networks import IN, OUT
from bench.tables import Row, details, latest, nbytes, not_measured, ratio_of, table, where

_SIZE = ("dtype", "batch", "hidden", "depth")


def _layers(row: Row) -> str:
    return " → ".join(map(str, (IN, *[row["hidden"]] * (row["depth"] - 1), OUT)))


def mlp_table(rows: Sequence[Row]) -> str:
    """Of one size: milliseconds and the ratio to both baselines, mode by mode; bytes a row."""
    modes = list(dict.fromkeys(r["mode"] for r in rows if "mode" in r))
    lines = []
    for name in dict.fromkeys(r["mlp"] for r in rows):
        of = {r.get("mode"): r for r in rows if r["mlp"] == name and "skipped" not in r}
        line = [name]
        for mode in modes:
            r = of.get(mode, {})
            line.append(f"{r['ms']:.3g}" if "ms" in r else "–")
            line += [ratio_of(r[base]) if base in r else "–" for base in ("compiled", "relu")]
        r = next(iter(of.values()), {})
        error = f"{r['max_error']:.1g}" if r else ""
        lines.append([*line, nbytes(r.get("kept_bytes")), nbytes(r.get("peak_bytes")), error])
    heads = (f"{mode}{what}" for mode in modes for what in (", ms", ", × compiled", ", × ReLU"))
    return table(["", *heads, "kept B/row", "peak B/row", "error"], lines)


def _floors(rows: Sequence[Row]) -> str:
    floors = {r["mode"]: r["floor_ms"] for r in rows if "floor_ms" in r}
    if not floors:
        return ""
    each = ", ".join(f"{ms:.3g} ms ({mode})" for mode, ms in floors.items())
    return f"; the products alone, at the rate of a large `torch.mm`: {each}"


def _mlps(rows: Sequence[Row], dtype: str) -> list[str]:
    """A table a size; what is in another dtype opens at a click."""
    shown, hidden = [], []
    for size in dict.fromkeys(tuple(r[key] for key in _SIZE) for r in rows):
        of = [r for r in rows if tuple(r[key] for key in _SIZE) == size]
        parts = [
            f"{_layers(of[0])}, batch {of[0]['batch']}, {of[0]['dtype']}{_floors(of)}:",
            mlp_table(of),
        ]
        (shown if of[0]["dtype"] == dtype else hidden).extend(parts)
    title = "16 bits" if dtype == "float32" else "Other dtypes"
    return [*shown, *([details(title, *hidden)] if hidden else [])]


def launch_table(launches: Sequence[Row]) -> str:
    """A line a kernel and size: the launch that was chosen, and what the others took."""
    keys = ("kernel", "hidden", "depth", "dtype", "batch")
    lines = []
    for size in dict.fromkeys(tuple(r[key] for key in keys) for r in launches):
        of = [r for r in launches if tuple(r[key] for key in keys) == size]
        chosen = next((r for r in of if r["chosen"]), None)
        others = [r["ms"] for r in of if not r["chosen"]]
        how = ["–", "–"] if chosen is None else [_config(chosen), f"{chosen['ms']:.3g}"]
        spread = f"{min(others):.3g} to {max(others):.3g}" if others else "–"
        lines.append([*map(str, size), *how, str(len(others)), spread])
    heads = ["kernel", "width", "depth", "dtype", "batch", "chosen: rows, warps, stages", "ms"]
    return table([*heads, "others tried", "their ms"], lines)


def _config(launch: Row) -> str:
    return ", ".join(map(str, launch["config"]))


def fit_table(rows: Sequence[Row]) -> str:
    """Seconds of all steps, and the PSNR of the whole image after them."""
    lines = [
        [r["fit"], f"{r['seconds']:.3g}", f"{r['psnr']:.1f}"]
        if "seconds" in r
        else [r["fit"], "–", "–"]
        for r in rows
    ]
    return table(["", "seconds", "PSNR, dB"], lines)


def _fits(rows: Sequence[Row]) -> list[str]:
    r = rows[0]
    cast = f" under autocast to {r['autocast']}" if "autocast" in r else ""
    what = (
        f"A fit of {r['image']}, {r['side']} × {r['side']}, by {_layers(r)}: {r['steps']} steps of "
        f"Adam at {r['rate']:g}{cast}, {r['batch']} pixels each, one seed:"
    )
    return [what, fit_table(rows)]


def network_tables() -> str:
    """Per device: whole networks, on a GPU how their kernels are launched, and the fit."""
    results = latest()
    parts = []
    for result in results:
        timed, fits = result.get("mlps", []), result.get("fits", [])
        parts.append(f"**{where(result)}**")
        dtype = "bfloat16" if result["on_cuda"] else "float32"
        parts += _mlps(timed, dtype) if timed else ["Whole networks: not measured."]
        if result["on_cuda"]:
            parts += _launches(result.get("launches", []))
        parts += _fits(fits) if fits else ["The fit of an image: not measured."]
        skipped = []
        for r in (*timed, *fits):
            if "skipped" in r:
                size = f"{_layers(r)}, batch {r['batch']}"
                who = [r.get("mlp") or r["fit"], *([r["dtype"]] if "dtype" in r else []), size]
                skipped.append(f"- {', '.join(who)}: {r['skipped']}")
        if skipped:
            parts.append(details("–: what was not run", "\n".join(skipped)))
    return "\n\n".join((*parts, *not_measured(results, cpu="CPU", cuda="CUDA GPUs")))


def _launches(launches: Sequence[Row]) -> list[str]:
    if not launches:
        return ["The launches of the MLP's kernels: not measured."]
    return ["The launches of the MLP's kernels, as they were tried:", launch_table(launches)]
