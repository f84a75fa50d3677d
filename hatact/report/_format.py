"""Numbers as a person reads them, the same in the terminal and on the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

NONE = "–"  # no value: never, not finite, or not known
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 4) -> str:
    """`value` to `digits` significant digits: 57, 1.18, 12346, −3.2×10⁻⁵; None is a dash."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    text = _rounded(value, digits)
    if "." not in text and not float(value).is_integer():  # 3.9999 is under 4
        text = _rounded(value, digits + 1)
    return text.replace("-", "−")


def _rounded(value: float, digits: int) -> str:
    size = abs(value)
    if not 1e-3 <= size < 1e6:
        return power(value, digits)
    if float(value).is_integer():
        return str(int(value))
    places = max(digits - 1 - math.floor(math.log10(size)), 0)
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def power(value: float, digits: int) -> str:
    """m×10ᵖ, the factor left out where it is 1."""
    factor, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    factor = factor.rstrip("0").rstrip(".") if "." in factor else factor
    ten = f"10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return ten if factor == "1" else f"{factor}×{ten}"


def quantity(value: float | None, unit: str) -> str:
    """A number and its unit; a dash alone where there is no value."""
    text = number(value)
    if text == NONE or not unit:
        return text
    return text + unit if unit == "×" else f"{text}\N{NO-BREAK SPACE}{unit}"


def interval(measure: Mapping[str, Any]) -> str:
    """[low, high] of a measure; "deterministic" where no seed enters; else a dash."""
    if not measure["seeds"]:
        return "deterministic"
    low, high = measure["low"], measure["high"]
    return NONE if low is None and high is None else f"[{number(low)}, {number(high)}]"


def duration(seconds: float) -> str:
    """12 s, 3 min 20 s, 1 h 5 min."""
    if seconds < 60:
        return f"{number(seconds, 2)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
