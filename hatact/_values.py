"""What a spec is made of, checked: numbers, sequences of them, scales. No torch."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Mapping, Set
from fractions import Fraction
from numbers import Complex, Rational, Real
from typing import Any

from hatact import _polynomial as poly
from hatact._polynomial import Number


def check_real(s: Any) -> None:
    """ValueError unless s is a real number and no bool: all of a scale's rule that is of its type.

    Dynamo traces it; of a Fraction torch 2.11 traces no comparison.
    """
    if isinstance(s, bool) or not isinstance(s, Real):
        raise ValueError(
            f"the scale must be a positive real number, and is fixed; got {kind(s)}: write a "
            "number such as 8, and for a learnable scale multiply x by it"
        )


def check_positive(s: Any) -> None:
    """ValueError unless a real number s is positive and finite: the rest of a scale's rule."""
    if not 0 < s < math.inf:
        raise ValueError(
            f"the scale must be a positive real number, finite in float64; got {kind(s)}: write a "
            "number such as 8"
        )


def number(value: Any, what: str) -> Number:
    """`value` as int, Fraction or float, finite and within float64's range; −0.0 as 0.0."""
    if not isinstance(value, Real):
        rule = "a real number" if what.startswith("the ") else "real numbers"
        raise ValueError(
            f"{what} must be {rule}; got {kind(value)}: write an int, a float or a Fraction"
        )
    if isinstance(value, int | Fraction | float):
        found: Number = value
    elif isinstance(value, Rational):
        found = Fraction(int(value.numerator), int(value.denominator))
    else:
        found = float(value)
    try:
        finite = math.isfinite(found)
    except OverflowError:
        finite = False
    if not finite:
        raise ValueError(
            f"{what} must be finite in float64; got {kind(value)}: write numbers below 1.8e308"
        )
    return int(found) if isinstance(found, bool) else poly.tidy(found) + 0


def kind(value: Any) -> str:
    """A value for an error: its text where that is short, else its type."""
    text = isinstance(value, str | bytes) and len(value) <= 40
    if not (text or value is None or isinstance(value, Complex)):
        return type(value).__name__
    try:
        said = str(value) if isinstance(value, Fraction) else repr(value)
    except ValueError:  # more digits than Python writes
        return f"{type(value).__name__} of very many digits"
    return said if len(said) <= 60 else f"{said[:28]}…{said[-28:]}"


def as_tuple(values: Any, what: str) -> tuple[Any, ...]:
    """ValueError unless values come in an order, as in a list, a tensor or a generator."""
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise ValueError(
            f"{what} must be a sequence; got {reprlib.repr(values)}: write a tuple such as (0, 1)"
        )
    return tuple(values)
