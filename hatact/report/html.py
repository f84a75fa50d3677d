"""report.html: a whole run in one file that needs no network and no script."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hatact._files import write_whole
from hatact.claims.engine.verdicts import NOT_ATTEMPTED, NOT_REPRODUCED, PARTLY, REPRODUCED
from hatact.claims.figures import Curves, Figure, HeatMaps
from hatact.report import _format, figures
from hatact.report._figures import from_json
from hatact.report._layout import layout
from hatact.report._opening import openings

VERDICTS = {  # sign and meaning: a colour is never the only sign
    REPRODUCED: ("✓", "it held here as stated"),
    PARTLY: ("◐", "a part of it held here; the reason says which"),
    NOT_REPRODUCED: ("✗", "it did not hold here"),
    NOT_ATTEMPTED: ("–", "nothing was decided here; the reason says why"),
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
    claims = [_drawn(claim, f"c{i}") for i, claim in enumerate(results["claims"])]
    papers = _by_paper(claims)
    opening = openings([paper["claims"] for paper in papers])
    counts = Counter(claim["verdict"] for claim in claims)
    page = environment.get_template("report.html.j2").render(
        environment=results["environment"],
        asked=results["asked"],
        complete=results["complete"],
        papers=papers,
        openings=opening,
        lead=_lead(opening),
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
        head["note"] = claim.get("paper_note", "")
        papers.setdefault(claim["paper"], {**head, "claims": []})["claims"].append(claim)
    return list(papers.values())


def _drawn(claim: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The claim, and what the page shows of its figures."""
    typed = [from_json(figure) for figure in claim.get("figures", ())]
    drawn = [_draw(figure, f"{prefix}f{i}") for i, figure in enumerate(typed)]
    return {**claim, "drawn": drawn, "wide": layout(claim, typed)}


def _lead(opening: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The first figure of the claim that comes first, drawn once more; None without a figure."""
    written = opening[0].get("figures", ()) if opening else []
    return _draw(from_json(written[0]), "lead") if written else None


def _draw(figure: Figure, prefix: str) -> dict[str, Any]:
    """The figure's words, and its pictures as markup."""
    drawn = figures.draw(figure, prefix)
    return {
        "kind": figure.KIND,
        "title": figure.title,
        "caption": figure.caption,
        "legend": figure.legend if isinstance(figure, Curves) else "",
        "swatches": [(label, Markup(svg)) for label, svg in drawn.keys],
        "z_label": figure.z_label if isinstance(figure, HeatMaps) else "",
        "colour_bar": Markup(drawn.colour_bar),
        "panels": [
            {"title": p.title, "note": p.note, "alt": p.alt, "src": p.src, "svg": Markup(p.svg)}
            for p in drawn.panels
        ],
    }
