"""README's tables, generated, never typed: python -m bench.readme [results.json of hatact verify].

Speed and accuracy come from bench/results, the findings on scale from docs/hong2022.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

README = Path(__file__).parent.parent / "README.md"
RESULTS = Path(__file__).parent / "results"
CLAIMS = Path(__file__).parent.parent / "docs" / "hong2022.json"
_SHOWN = (2**12, 2**20, 2**22, 2**26)


def _latest() -> list[dict[str, Any]]:
    """The newest results of each device, by folder."""
    folders = sorted(p for p in RESULTS.iterdir() if p.is_dir()) if RESULTS.exists() else []
    return [json.loads(max(p.glob("*.json")).read_text()) for p in folders if any(p.glob("*.json"))]


def _table(header: list[str], lines: list[list[str]]) -> str:
    out = [header, ["-"] * len(header), *([c.replace("|", "\\|") for c in of] for of in lines)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in out)


def accuracy_table() -> str:
    """Largest error of the sum of ReLUs against the piecewise form."""
    cpu = next((r for r in _latest() if r["copy_gb_per_s"] is None), None)
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
    return _table([*header, "hatact: max error", "not 0 outside"], lines)


def speed_tables() -> str:
    """Per device: times relative to F.relu in the same run, and saved bytes."""
    parts = []
    for result in _latest():
        facts = result["environment"]
        gpu = result["copy_gb_per_s"] is not None
        where = f"{facts['device']}, torch {facts['torch']}"
        if gpu:
            where += f", copy bandwidth {result['copy_gb_per_s']:.0f} GB/s"
        else:
            where += f", {facts['cpu_capability']}, {facts['threads']} threads"
        parts.append(f"{where} ({facts['date']}):\n\n{_speed_table(result['rows'])}")
    if not any(r["copy_gb_per_s"] is not None for r in _latest()):
        parts.append("CUDA GPUs (C++ and Triton kernels): not measured.")
    return "\n\n".join(parts)


def _speed_table(rows: list[dict[str, Any]]) -> str:
    cells: dict[tuple[str, ...], dict[int, str]] = {}
    kept: dict[tuple[str, ...], str] = {}
    sizes = sorted({r["size"] for r in rows} & set(_SHOWN))
    for r in rows:
        if r["provider"] == "F.relu":
            continue
        key = (r["activation"], r["dtype"], r["mode"], r["provider"])
        cells.setdefault(key, {})[r["size"]] = f"{r['ratio']:.2f}"
        kept[key] = f"{r['saved_bytes_per_element']:g}" if "backward" in r["mode"] else ""
    lines = [[*key, *(found.get(s, "") for s in sizes), kept[key]] for key, found in cells.items()]
    named = [f"2^{s.bit_length() - 1}" for s in sizes]
    return _table(["activation", "dtype", "mode", "provider", *named, "saved B/el"], lines)


def claims_tables() -> str:
    """What `hatact verify hong2022 --full` found, as kept in docs/hong2022.json."""
    if not CLAIMS.exists():
        return "not measured"
    result = json.loads(CLAIMS.read_text())
    facts = result["environment"]
    parts = [
        f"`hatact verify hong2022 --{facts['setting']}`, {facts['seeds']} seeds, hatact "
        f"{facts['hatact']}, torch {facts['torch']}:"
    ]
    lines = [
        [f"`{c['id'].partition('/')[2]}`", f"**{c['verdict']}**", c["statement"], c["reason"]]
        for c in result["claims"]
    ]
    parts.append(_table(["claim", "verdict", "what is claimed", "what was measured"], lines))
    for claim in result["claims"]:
        parts.append(f"<details><summary>{claim['name']} ({claim['id']})</summary>")
        parts.append("\n".join(f"- {found}" for found in claim["findings"]))
        for table in claim["tables"]:
            parts += [f"{table['title']}:", _table(table["columns"], table["rows"])]
        parts.append("</details>")
    return "\n\n".join(part for part in parts if part)


def keep_claims(results: Path) -> None:
    """Copies results.json, without the data of its pictures, to docs/hong2022.json."""
    from hatact.report._load import load

    data = load(results)
    if not data["complete"] or data["environment"]["setting"] != "full":
        raise ValueError(f"README quotes a complete run in full only; got {results}")
    claims = [{k: v for k, v in claim.items() if k != "figures"} for claim in data["claims"]]
    kept = {**data, "claims": claims}
    CLAIMS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


SECTIONS = {"accuracy": accuracy_table, "speed": speed_tables, "claims": claims_tables}


def rendered(text: str) -> str:
    """`text` with what stands between each pair of markers made anew."""
    for name, make in SECTIONS.items():
        start, end = f"<!-- generated: {name} -->", "<!-- end -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"README.md must hold the markers {start} … {end}; got none")
        text = f"{before}{start}\n\n{make()}\n\n{end}{after}"
    return text


def update() -> None:
    """Writes README.md."""
    README.write_text(rendered(README.read_text()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        keep_claims(Path(sys.argv[1]))
    update()
