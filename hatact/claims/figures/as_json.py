"""Figures as plain data: what results.json holds of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hatact.claims.figures.kinds import KINDS, PARTS, Figure


def to_json(figure: Figure) -> dict[str, Any]:
    """A figure's fields and its "kind"; those left at None or False by default are left out.

    Raises:
        TypeError: for anything but a figure.
    """
    if not isinstance(figure, tuple(KINDS.values())):
        names = ", ".join(kind.__name__ for kind in KINDS.values())
        raise TypeError(f"a figure must be one of {names}; got {type(figure).__name__}")
    return {"kind": figure.KIND, **_plain(figure)}


def _plain(part: Any) -> dict[str, Any]:
    within = PARTS.get(type(part), {})
    values = {f.name: getattr(part, f.name) for f in fields(part)}
    defaults = {f.name: f.default for f in fields(part)}
    return {
        name: [_plain(one) for one in value] if name in within else value
        for name, value in values.items()
        if not (value in (None, False) and value is defaults[name])
    }
