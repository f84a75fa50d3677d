"""report.html: a whole run in one file that needs no network and no script."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hatact.claims.engine.cache import write_whole
from hatact.report import _format, figures

VERDICTS = {  # sign and meaning: a colour is never the only sign
    "reproduced": ("✓", "it held here as stated"),
    "partly": ("◐", "a part of it held here; the reason says which"),
    "not reproduced": ("✗", "it did not hold here"),
    "not attempted": ("–", "nothing was decided here; the reason says why"),
}
NUMERIC = re.compile(r"[\s\d.,eE*×⁻⁰¹²³⁴⁵⁶⁷⁸⁹–−+<>≤≥%\[\]()/-]*")


def write(results: Mapping[str, Any], path: Path) -> None:
    """Write the report of `results` (format 2) to `path`, aside and renamed: whole or not at all.

    The same results give the same bytes. OSError if it cannot be written.
    """
    write_whole(path, render(results))


def render(results: Mapping[str, Any]) -> str:
    """The page as text."""
    environment = Environment(
        loader=PackageLoader("hatact.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        anchor=anchor, duration=_format.duration, interval=_format.interval, mark=mark
    )
    environment.globals.update(quantity=_format.quantity, numeric=numeric, dash=_format.NONE)
    claims = [
        {**claim, "drawn": [_draw(f, f"c{i}f{j}") for j, f in enumerate(claim["figures"])]}
        for i, claim in enumerate(results["claims"])
    ]
    counts = Counter(claim["verdict"] for claim in claims)
    page = environment.get_template("report.html.j2").render(
        environment=results["environment"],
        asked=results["asked"],
        complete=results["complete"],
        papers=_by_paper(claims),
        counts=[(verdict, counts[verdict]) for verdict in VERDICTS if counts[verdict]],
        differing=[claim for claim in claims if not claim["as_recorded"]],
        total=len(claims),
        verdicts=VERDICTS,
    )
    return page


def anchor(name: str) -> str:
    """An id to link to: `hong2022/gram` as it is, other signs as hyphens."""
    return re.sub(r"[^\w./-]+", "-", name)


def mark(verdict: str) -> str:
    """The sign of a verdict."""
    return VERDICTS[verdict][0]


def numeric(rows: Sequence[Sequence[str]], column: int) -> bool:
    """Whether every cell of the column is a number, a range or a dash: such columns align right."""
    return all(NUMERIC.fullmatch(row[column] or "") for row in rows)


def _by_paper(claims: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Papers in the order in which they come, each with all of its claims."""
    papers: dict[str, dict[str, Any]] = {}
    for claim in claims:
        head = {key: claim[key] for key in ("paper", "title", "authors", "year", "arxiv")}
        papers.setdefault(claim["paper"], {**head, "claims": []})["claims"].append(claim)
    return list(papers.values())


def _draw(figure: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The figure's words, and its pictures as markup."""
    drawn = figures.draw(figure, prefix)
    return {
        "kind": figure["kind"],
        "title": figure["title"],
        "caption": figure["caption"],
        "legend": figure.get("legend", ""),
        "swatches": [(label, Markup(svg)) for label, svg in drawn.keys],
        "z_label": figure.get("z_label", ""),
        "colour_bar": Markup(drawn.colour_bar),
        "panels": [
            {"title": p.title, "note": p.note, "alt": p.alt, "src": p.src, "svg": Markup(p.svg)}
            for p in drawn.panels
        ],
    }
