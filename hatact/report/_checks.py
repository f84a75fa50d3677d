"""Checks of data that was read: each takes a value and its place in the file.

One that is not satisfied raises ValueError on one line: the place, the rule, and what was got.
None goes deeper into a value than it was told to.
"""

from __future__ import annotations

import re
import reprlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Check = Callable[[Any, str], None]

LARGEST = sys.float_info.max
COUNT = 10**15  # above any count of steps, and exact in a float
NO_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_short = reprlib.Repr()
_short.maxlevel, _short.maxlist, _short.maxdict = 2, 3, 3
_short.maxstring, _short.maxlong = 60, 40


def short(value: Any) -> str:
    """`repr` on one line, however long or deep the value is."""
    return _short.repr(value)


def wrong(where: str, rule: str, got: Any) -> ValueError:
    """The error to raise."""
    return ValueError(f"{where} must {rule}; got {short(got)}")


# ---- single values


def text(value: Any, where: str) -> None:
    """Characters that an SVG, which is XML, can hold."""
    if not isinstance(value, str) or NO_TEXT.search(value):
        raise wrong(where, "be text of characters that XML allows", value)


def flag(value: Any, where: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong(where, "be true or false", value)


def number(value: Any, where: str) -> None:
    """One that a float can hold; neither NaN nor infinite."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if not plain or not -LARGEST <= value <= LARGEST:
        raise wrong(where, "be a finite number", value)


def simple(value: Any, where: str) -> None:
    """Anything but a list or an object."""
    if isinstance(value, list | dict):
        raise wrong(where, "be text, a number, true, false or null", value)
    if isinstance(value, str):
        text(value, where)
    elif value is not None and not isinstance(value, bool):
        number(value, where)


def whole(least: int, most: int = COUNT) -> Check:
    """An integer between the two."""

    def check(value: Any, where: str) -> None:
        plain = isinstance(value, int) and not isinstance(value, bool)
        if not plain or not least <= value <= most:
            raise wrong(where, f"be a whole number from {least} to {most}", value)

    return check


def one_of(*words: str) -> Check:
    """One of the words."""

    def check(value: Any, where: str) -> None:
        if value not in words:
            raise wrong(where, f"be one of {', '.join(words)}", value)

    return check


def like(pattern: str, rule: str) -> Check:
    """Text that the whole pattern matches; `rule` says so in words."""
    wanted = re.compile(pattern)

    def check(value: Any, where: str) -> None:
        if not isinstance(value, str) or not wanted.fullmatch(value):
            raise wrong(where, rule, value)

    return check


def or_null(of: Check) -> Check:
    """Null too."""

    def check(value: Any, where: str) -> None:
        if value is not None:
            of(value, where)

    return check


# ---- structures


def list_of(of: Check, least: int = 0, most: int | None = None) -> Check:
    """A list of such values."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise wrong(where, "be a list", value)
        if len(value) < least:
            raise wrong(where, f"hold at least {least}", len(value))
        if most is not None and len(value) > most:
            raise wrong(where, f"hold at most {most}", len(value))
        for i, one in enumerate(value):
            of(one, f"{where}[{i}]")

    return check


def record(
    keys: Mapping[str, Check],
    optional: Mapping[str, Check] | None = None,
    also: Check | None = None,
) -> Check:
    """An object with `keys`, perhaps with `optional`; `also` is a rule between them."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise wrong(where or "it", "be an object", value)
        missing = [key for key in keys if key not in value]
        if missing:
            raise ValueError(f"{where or 'it'} must hold {', '.join(missing)} and does not")
        for key, of in {**keys, **(optional or {})}.items():
            if key in value:
                of(value[key], f"{where}.{key}" if where else key)
        if also:
            also(value, where)

    return check


def by_kind(kinds: Mapping[str, Check]) -> Check:
    """An object whose "kind" says which of the checks holds for it."""
    known = record({"kind": one_of(*kinds)})

    def check(value: Any, where: str) -> None:
        known(value, where)
        kinds[value["kind"]](value, where)

    return check


def as_many(value: Sequence[Any], where: str, others: Sequence[Any], named: str) -> None:
    """As many values as there are `others`."""
    if len(value) != len(others):
        raise wrong(where, f"hold as many values as {named}, {len(others)}", len(value))


def increasing(value: Sequence[float], where: str) -> None:
    """Every number over the one before."""
    for i in range(1, len(value)):
        if not value[i - 1] < value[i]:
            rule = f"be over the one before, {short(value[i - 1])}"
            raise wrong(f"{where}[{i}]", rule, value[i])
