"""Figures out of the plain data that results.json holds of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from hatact.claims.figures import Figure
from hatact.claims.figures.kinds import KINDS, PARTS


def from_json(data: Mapping[str, Any]) -> Figure:
    """The figure that :func:`hatact.claims.figures.to_json` made into `data`.

    Keys that are no fields of it are not looked at.

    Raises:
        ValueError: for a kind that does not exist.
    """
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"a figure's kind must be one of {', '.join(KINDS)}; got {kind!r}")
    figure: Figure = _built(KINDS[kind], data)
    return figure


def _built(kind: type, data: Mapping[str, Any]) -> Any:
    within = PARTS.get(kind, {})
    known = {f.name: data[f.name] for f in fields(kind) if f.name in data}
    for name, part in within.items():
        known[name] = [_built(part, one) for one in known[name]]
    return kind(**known)
