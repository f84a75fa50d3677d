"""What the modules' constructors demand of numbers and flags."""

from __future__ import annotations

from numbers import Integral
from typing import Any

from hatact._named import check_flag


def check_sizes(call: str, least: int = 1, **sizes: Any) -> list[int]:
    """The sizes as ints. ValueError unless all are whole numbers of at least `least`, and no bools.

    `call` shows how it is written.
    """
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, Integral) or int(n) < least:
            raise ValueError(f"{name} must be an int of at least {least}; got {n!r}: write {call}")
    return [int(n) for n in sizes.values()]


def check_flags(call: str, **flags: bool) -> None:
    """TypeError unless all are True or False; `call` shows how it is written."""
    for name, value in flags.items():
        check_flag(name, value, call)
