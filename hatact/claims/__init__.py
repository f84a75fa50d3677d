"""One file or folder per paper, beside what papers share: `engine`, `targets` and `figures`.

Internal: the command `hatact verify` is what is public.

A paper defines `PAPER`; :func:`papers` finds all of them, and no list is kept.
"""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

from hatact.claims.engine import DEFAULT_SEEDS, Claim, Measure, Outcome, Paper, Settings

__all__ = ["DEFAULT_SEEDS", "Claim", "Measure", "Outcome", "Paper", "Settings", "papers"]

ROOMS = {"engine", "targets", "figures"}
"""Folders that are no papers."""


def papers() -> dict[str, Paper]:
    """Every paper by the name of its file or folder, in alphabetical order.

    Raises:
        ValueError: for two of one name, a file or folder without a `PAPER`, a claim whose id is
            not the paper's name and a word, or a `lead` that is none of its claims.
    """
    names = Counter(name for folder in __path__ for name in _names(Path(folder)))
    return {name: _paper(name, count) for name, count in sorted(names.items())}


def _names(folder: Path) -> list[str]:
    """Those of files and of folders, so that one that is both comes twice."""
    files = [path.stem for path in folder.glob("*.py")]
    folders = [path.parent.name for path in folder.glob("*/__init__.py")]
    names = [*files, *(name for name in folders if name not in ROOMS)]
    return [name for name in names if name.isidentifier() and not name.startswith("_")]


def _paper(name: str, count: int) -> Paper:
    if name in ROOMS:
        raise ValueError(f"a paper must not be named as one of the rooms; got {name!r}")
    if count > 1:
        raise ValueError(f"a paper must have a name of its own; got {count} named {name!r}")
    paper = getattr(import_module(f"{__name__}.{name}"), "PAPER", None)
    if not isinstance(paper, Paper):
        raise ValueError(f"{__name__}.{name} must define PAPER, a Paper; got {paper!r}")
    ids = [claim.id for claim in paper.claims]
    wrong = [claim for claim in ids if not re.fullmatch(rf"{name}/\w+", claim)]
    if wrong:
        raise ValueError(
            f"the id of a claim of {name} must be {name}/ and a word; got {wrong[0]!r}"
        )
    if paper.lead and f"{name}/{paper.lead}" not in ids:
        raise ValueError(f"the lead of {name} must be one of its claims; got {paper.lead!r}")
    return paper
