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
    size = abs(value)
    if size >= 10**digits and float(value).is_integer() and size < 1e6:
        text = str(int(value))
    elif 1e-3 <= size < 1e6:
        places = max(digits - 1 - math.floor(math.log10(size)), 0)
        text = f"{value:.{places}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = power(value, digits)
    return text.replace("-", "−")


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
    low, high = measure["low"], measure["high"]
    if low is not None or high is not None:
        return f"[{number(low)}, {number(high)}]"
    return NONE if measure["seeds"] else "deterministic"


def duration(seconds: float) -> str:
    """12 s, 3 min 20 s, 1 h 5 min; 0 is a run whose every part was kept from before."""
    if seconds == 0:
        return "0 s, all kept from an earlier run"
    if seconds < 60:
        return f"{number(seconds, 2)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
