"""What README's tables have in common: the newest of bench/results, and how figures are written."""

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
    """The newest results of each device, one a device.

    They are a file <device>/<date>.json, or of a GPU a folder <device>/<date> with a file a stage,
    of which any may be missing. `on_cuda` says which, `cut` names the stages that did not end; a
    list that was not measured is not there. What was rehearsed without a GPU does not count.
    """
    found = []
    for device in sorted(p for p in RESULTS.glob("*") if p.is_dir()):
        dated = [p for p in device.iterdir() if p.is_dir() or p.suffix == ".json"]
        newest = sorted(dated, key=lambda p: (p.stem, p.is_dir()), reverse=True)
        results = (_of_stages(p) if p.is_dir() else _of_file(p) for p in newest)
        found += [r for r in results if r is not None][:1]
    return found


def _measured(path: Path) -> Row | None:
    result: Row = json.loads(path.read_text())
    usable = result.get("format") == FORMAT and not result.get("rehearsal")
    return result if usable else None


def _of_file(path: Path) -> Row | None:
    result = _measured(path)
    return result and {**result, "on_cuda": result["copy_gb_per_s"] is not None, "cut": []}


def _of_stages(folder: Path) -> Row | None:
    """The stages' lists, joined; None where no stage says what it ran on."""
    stages = [r for p in sorted(folder.glob("*.json")) if (r := _measured(p)) is not None]
    environments = [r["environment"] for r in stages if r.get("environment")]
    if not environments:
        return None
    copied = [r["copy_gb_per_s"] for r in stages if r.get("copy_gb_per_s")]
    merged: Row = {
        "environment": environments[0],
        "copy_gb_per_s": copied[0] if copied else None,
        "on_cuda": True,
        "cut": [r["stage"] for r in stages if not r.get("complete")],
    }
    for stage in stages:
        for key, value in stage.items():
            if isinstance(value, list):
                merged[key] = merged.get(key, []) + value
    return merged


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
    if not result["on_cuda"]:
        what += f", {facts['cpu_capability']}, {facts['threads']} threads"
    else:
        rate = "not measured" if copied is None else f"{copied:.0f} GB/s"
        what += f", copy bandwidth {rate}"
    cut = f"; cut short: {', '.join(result['cut'])}" if result["cut"] else ""
    return f"{what} ({facts['date']}{cut})"


def not_measured(results: Sequence[Row], **names: str) -> list[str]:
    """A sentence for each kind of device, `cpu` and `cuda`, of which there are no results."""
    have = {"cuda" if r["on_cuda"] else "cpu" for r in results}
    return [f"{name}: not measured." for kind, name in names.items() if kind not in have]


def nbytes(value: float | None) -> str:
    """Three digits; empty where there is none."""
    return "" if value is None else f"{value:.3g}"
