"""Activations by name, and the names of activations. No torch."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from hatact import _polynomial as poly
from hatact.activations import registry
from hatact.spec import Number, PiecewisePolynomial

ALIASES = {"bspline": "bspline3"}  # the cubic, as `hatact.bspline()` is
_MOST_SHOWN = 8  # knots


class OfASpec(Protocol):
    """A module of `hatact.nn` that computes one fixed f."""

    def as_spec(self) -> PiecewisePolynomial:
        """f, or a ValueError where calling the module does more."""
        ...


Activation = PiecewisePolynomial | OfASpec | str  # what is taken wherever a spec is


@lru_cache(maxsize=1)
def _registered() -> dict[str, PiecewisePolynomial]:
    return registry()


def names() -> tuple[str, ...]:
    """Every registered name, "bspline" for the cubic included, in alphabetical order."""
    return tuple(sorted([*_registered(), *ALIASES]))


def check_flag(name: str, value: object, call: str) -> None:
    """TypeError unless value is True or False; `call` shows how it is written."""
    if value is not True and value is not False:
        raise TypeError(f"{name} must be True or False; got {value!r}: write {call}")


def activation(of: Activation, scale: Number = 1, centered: bool = False) -> PiecewisePolynomial:
    """The spec of an activation, f(s·x) for a scale s.

        activation("hat", scale=8) == HAT.scaled(8)

    It is what every `activation` argument of `hatact.nn` does with what it is given.

    Args:
        of: a registered name (`hatact list` has them; "bspline" is the cubic), a spec, or a module
            of `hatact.nn` that is an activation, whose scale is multiplied by this one.
        scale: s > 0, a real number. It is folded into knots and coefficients.
        centered: f is moved first so that its support is symmetric about 0, as
            :meth:`PiecewisePolynomial.centered` does.

    What `torch.compile` traces whole may not make one, as names are found by a look at the files;
    there give a name to a function, or make the spec outside.

    Raises:
        ValueError: for an unknown name (what comes near is named), for anything else that is no
            activation, for a scale that is not a positive real number, and for `centered` where
            the support has no midpoint.
        TypeError: if `centered` is not True or False.

    Example:
        >>> activation("bspline", scale=2).support
        (0, 2)
    """
    check_flag("centered", centered, "centered=True")
    spec = _spec_of(of)
    if centered:
        spec = spec.centered()
    return spec if type(scale) in (int, float) and scale == 1 else spec.scaled(scale)


def _spec_of(of: Any) -> PiecewisePolynomial:
    if isinstance(of, PiecewisePolynomial):
        return of
    if isinstance(of, str):
        found = _registered().get(ALIASES.get(of, of))
        if found is not None:
            return found
    elif hasattr(type(of), "as_spec"):
        spec = of.as_spec()
        if isinstance(spec, PiecewisePolynomial):
            return spec
    raise ValueError(
        "an activation must be a hatact.PiecewisePolynomial, a registered name or an activation "
        f"module of hatact.nn; {_instead(of)}"
    )


def _instead(of: Any) -> str:
    """What was got, and what is likely to have been meant."""
    if isinstance(of, type) and hasattr(of, "as_spec"):
        return f"got the class {of.__name__}: write {of.__name__}(), an instance of it"
    if isinstance(of, str):
        name, got = of, repr(of)
    else:
        name = got = getattr(of, "__name__", type(of).__name__)
    from difflib import get_close_matches  # of no use but here

    plain = {known.replace("_", ""): known for known in names()}
    asked = "".join(letter for letter in name.lower() if letter.isalnum())
    if asked in plain:
        return f'got {got}: write "{plain[asked]}"'
    near = [f'"{plain[match]}"' for match in get_close_matches(asked, plain, n=2, cutoff=0.65)]
    if near:
        return f"got {got}: write {' or '.join(near)} if that is meant; `hatact list` has them all"
    return f"got {got}: write one of {', '.join(names())}"


class Named(NamedTuple):
    """A spec as registered(scale·x + shift)."""

    name: str
    scale: Number
    shift: Number
    centered: bool


def name_of(spec: PiecewisePolynomial) -> Named | None:
    """The registered activation that a spec is, scaled and shifted, if it is one.

    By its exact numbers, so it does not matter how the spec was made. Of several names the
    shortest: `bspline(1)` is "hat".
    """
    for name, known in sorted(_registered().items(), key=lambda item: (len(item[0]), item[0])):
        change = _change(known, spec)
        if change is not None:
            scale, shift = change
            return Named(name, scale, shift, shift != 0 and shift == _middle(known))
    return None


def _change(known: PiecewisePolynomial, spec: PiecewisePolynomial) -> tuple[Number, Number] | None:
    """The (scale, shift) that takes a registered spec to this one, if there is one."""
    if len(known.knots) != len(spec.knots) or (known.period is None) != (spec.period is None):
        return None
    wide, narrow = _width(known), _width(spec)
    if wide is None or narrow is None or wide / narrow <= 0:
        return None
    scale = wide / narrow
    shift = Fraction(known.knots[0]) - scale * Fraction(spec.knots[0])
    try:
        found = same(known.scaled(scale, shift), spec)
    except ValueError:  # beyond float64, where the spec is not
        return None
    return (poly.tidy(scale), poly.tidy(shift)) if found else None


def _width(spec: PiecewisePolynomial) -> Fraction | None:
    """A length that a scale divides: the period, the span of the knots, or 1 / a lone slope."""
    if spec.period is not None:
        return Fraction(spec.period)
    if len(spec.knots) > 1:
        return Fraction(spec.knots[-1]) - Fraction(spec.knots[0])
    slope = next((Fraction(p[-2]) for p in map(poly.trim, reversed(spec.pieces)) if len(p) == 2), 0)
    return 1 / Fraction(slope) if slope else None


def same(a: PiecewisePolynomial, b: PiecewisePolynomial) -> bool:
    """Whether two specs are one f, piece by piece: leading zeros, which equality counts, do not."""
    of_a, of_b = ([*map(poly.trim, spec.pieces)] for spec in (a, b))
    return a.knots == b.knots and a.period == b.period and of_a == of_b


def _middle(spec: PiecewisePolynomial) -> Fraction | None:
    low, high = spec.support
    return None if math.isinf(low) or math.isinf(high) else (Fraction(low) + Fraction(high)) / 2


def _short(number: Number) -> Number:
    """The same number as an int or a float where it is one."""
    try:
        near = float(number)
    except OverflowError:
        return number
    if near != number:
        return number
    return int(near) if near.is_integer() and abs(near) < 2**53 else near


def shown(spec: PiecewisePolynomial) -> str:
    """An activation as a module's repr says it: `hat, scale=8`, or knots and degree."""
    named = name_of(spec)
    if named is None:
        n = len(spec.knots)
        all_of = ", ".join(map(_written, spec.knots)) + "," * (n == 1)
        knots = f"({all_of})" if n <= _MOST_SHOWN else str(n)
        period = "" if spec.period is None else f", period={_written(spec.period)}"
        return f"knots={knots}, degree={spec.degree}{period}"
    text = f"{named.name}, scale={_written(named.scale)}"
    if named.centered:
        return f"{text}, centered=True"
    return f"{text}, shift={_written(named.shift)}" if named.shift else text


def _written(number: Number) -> str:
    return str(_short(number))


def _repr(spec: PiecewisePolynomial) -> str | None:
    """The call that gives a registered spec, scaled or shifted; None for any other."""
    named = name_of(spec)
    if named is None:
        return None
    scale, shift = _short(named.scale), _short(named.shift)
    if shift and not named.centered:
        return f"hatact.activation({named.name!r}).scaled({scale!r}, shift={shift!r})"
    parts = [repr(named.name)]
    parts += [f"scale={scale!r}"] * (scale != 1) + ["centered=True"] * named.centered
    return f"hatact.activation({', '.join(parts)})"


PiecewisePolynomial._names.append(_repr)
