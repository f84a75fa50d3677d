"""README's tables, generated, never typed: python -m bench.readme [results.json of hatact verify].

Speed, memory and accuracy come from bench/results (speed_tables.py, mlp_tables.py), each paper's
verdicts from docs/<paper>.json.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from bench import plots
from bench.mlp_tables import network_tables
from bench.speed_tables import accuracy_table, speed_tables
from bench.tables import latest, table

README = Path(__file__).parent.parent / "README.md"
DOCS = Path(__file__).parent.parent / "docs"


def kept() -> dict[str, Path]:
    """Every paper whose results are kept, and its file."""
    return {path.stem: path for path in sorted(DOCS.glob("*.json"))}


def claims_tables(path: Path) -> str:
    """What `hatact verify <paper> --full` found, as kept in docs/<paper>.json."""
    from hatact.claims import papers

    result = json.loads(path.read_text())
    note = papers()[path.stem].note
    facts = result["environment"]
    parts = [
        f"`hatact verify {path.stem} --{facts['setting']}`, {facts['seeds']} seeds, hatact "
        f"{facts['hatact']}, torch {facts['torch']}:",
        note,
    ]
    lines = [
        [f"`{c['id'].partition('/')[2]}`", f"**{c['verdict']}**", c["statement"], c["reason"]]
        for c in result["claims"]
    ]
    parts.append(table(["claim", "verdict", "what is claimed", "what was measured"], lines))
    for claim in result["claims"]:
        parts.append(f"<details><summary>{claim['name']} ({claim['id']})</summary>")
        parts.append("\n".join(f"- {found}" for found in claim["findings"]))
        for of in claim["tables"]:
            parts += [f"{of['title']}:", table(of["columns"], of["rows"])]
        parts.append("</details>")
    return "\n\n".join(part for part in parts if part)


def keep_claims(results: Path) -> None:
    """Copies each paper in results.json, without its pictures' data, to docs/<paper>.json."""
    from hatact.claims import papers
    from hatact.report._load import load

    data = load(results)
    claims: dict[str, list[dict[str, Any]]] = {}
    for claim in data["claims"]:
        plain = {k: v for k, v in claim.items() if k != "figures"}
        claims.setdefault(claim["paper"], []).append(plain)
    asked = {name: [claim["id"] for claim in of] for name, of in claims.items()}
    known = {name: [claim.id for claim in paper.claims] for name, paper in papers().items()}
    whole = data["complete"] and all(known.get(name) == ids for name, ids in asked.items())
    if not whole or data["environment"]["setting"] != "full":
        raise ValueError(f"README quotes whole papers, complete and in full, only; got {results}")
    for name, of in claims.items():
        one = {**data, "asked": asked[name], "claims": of}
        (DOCS / f"{name}.json").write_text(json.dumps(one, indent=1, ensure_ascii=False) + "\n")


def picture() -> str:
    """The plot of times, once there are some."""
    if not plots.PICTURE.exists():
        return ""
    return (
        "![Time of forward and backward relative to F.relu against the number of elements]"
        f"({plots.PICTURE.relative_to(README.parent)})"
    )


SECTIONS = {
    "accuracy": accuracy_table,
    "picture": picture,
    "speed": speed_tables,
    "networks": network_tables,
}


def rendered(text: str) -> str:
    """`text` with what stands between each pair of markers made anew; a pair for each paper."""
    claims = {f"claims {name}": partial(claims_tables, path) for name, path in kept().items()}
    for name, make in {**SECTIONS, **claims}.items():
        start, end = f"<!-- generated: {name} -->", "<!-- end -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"README.md must hold the markers {start} … {end}; got none")
        text = f"{before}{start}\n\n{make()}\n\n{end}{after}"
    return text


def update() -> None:
    """Draws the plot and writes README.md."""
    plots.draw(latest())
    README.write_text(rendered(README.read_text()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        keep_claims(Path(sys.argv[1]))
    update()
