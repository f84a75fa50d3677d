"""README's tables, generated, never typed: python -m bench.readme [results.json of hatact verify].

Speed, memory and accuracy come from bench/results (tables.py), the findings on scale from
docs/hong2022.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench import plots
from bench.tables import accuracy_table, latest, speed_tables, table

README = Path(__file__).parent.parent / "README.md"
CLAIMS = Path(__file__).parent.parent / "docs" / "hong2022.json"


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
    parts.append(table(["claim", "verdict", "what is claimed", "what was measured"], lines))
    for claim in result["claims"]:
        parts.append(f"<details><summary>{claim['name']} ({claim['id']})</summary>")
        parts.append("\n".join(f"- {found}" for found in claim["findings"]))
        for of in claim["tables"]:
            parts += [f"{of['title']}:", table(of["columns"], of["rows"])]
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
    "claims": claims_tables,
}


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
    """Draws the plot and writes README.md."""
    if latest():
        plots.draw(latest())
    README.write_text(rendered(README.read_text()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        keep_claims(Path(sys.argv[1]))
    update()
