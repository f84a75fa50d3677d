"""A spec's numbers as JSON takes them, exactly, and back."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from hatact._polynomial import Number

VERSION = 1  # of what `numbers_to_dict` gives
_KEYS = ("version", "knots", "pieces", "period")
_LARGEST = 2**53  # of the integers that every reader of JSON keeps
_MOST_DIGITS = 4000  # Python writes and reads no more than 4,300


def numbers_to_dict(
    knots: Iterable[Number], pieces: Iterable[Iterable[Number]], period: Number | None
) -> dict[str, Any]:
    """Numbers as JSON's own where those are exact, else as text: "1/3"."""
    return {
        "version": VERSION,
        "knots": [_number(t) for t in knots],
        "pieces": [[_number(c) for c in piece] for piece in pieces],
        "period": None if period is None else _number(period),
    }


def _number(x: Number) -> int | float | str:
    if isinstance(x, Fraction):
        return f"{_integer(x.numerator)}/{_integer(x.denominator)}"
    return _integer(x) if isinstance(x, int) and abs(x) > _LARGEST else x


def _integer(n: int) -> str:
    return hex(n) if n.bit_length() > 3 * _MOST_DIGITS else str(n)


def numbers_of_dict(data: object) -> tuple[Any, Any, Number | None]:
    """(knots, pieces, period), whose own rules are the spec's to check.

    Raises:
        ValueError: see :meth:`hatact.PiecewisePolynomial.from_dict`.
    """
    if not isinstance(data, Mapping):
        raise ValueError(
            f"a spec's JSON must be an object, a dict; got {type(data).__name__}: write "
            "PiecewisePolynomial.from_dict(json.loads(text))"
        )
    version = data.get("version")
    if "version" in data and (type(version) is not int or version != VERSION):
        raise ValueError(
            f"a spec's JSON must be of version {VERSION}, which this hatact reads and writes; got "
            f"version {reprlib.repr(version)}: read it with the hatact that wrote it"
        )
    missing = [key for key in _KEYS if key not in data]
    unknown = [str(key) for key in data if key not in _KEYS]
    if missing or unknown:
        wrong = [f"no {key!r}" for key in missing] + [f"{key!r}, which is none" for key in unknown]
        raise ValueError(
            f"a spec's JSON must have the keys {', '.join(_KEYS)}; got {', '.join(wrong)}: write "
            "what PiecewisePolynomial.to_dict() gives"
        )
    if not _is_list(data["pieces"]) or not all(map(_is_list, [data["knots"], *data["pieces"]])):
        raise ValueError(
            "in a spec's JSON knots must be a list of numbers and pieces a list of such lists; got "
            f"knots {reprlib.repr(data['knots'])} and pieces {reprlib.repr(data['pieces'])}: write "
            "what PiecewisePolynomial.to_dict() gives"
        )
    knots = tuple(_read(t, "a knot") for t in data["knots"])
    pieces = tuple(tuple(_read(c, "a coefficient") for c in piece) for piece in data["pieces"])
    period = data["period"]
    return knots, pieces, None if period is None else _read(period, "the period")


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _read(value: object, what: str) -> Number:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        numerator, slash, denominator = value.partition("/")
        try:
            parts = [int(part, 0) for part in ([numerator, denominator] if slash else [numerator])]
            return Fraction(*parts) if slash else parts[0]
        except (ValueError, ZeroDivisionError):
            pass
    raise ValueError(
        f"{what} in a spec's JSON must be a number or a text of one; got {reprlib.repr(value)}: "
        'write 2, 0.5 or "1/3"'
    )
