"""Piecewise polynomials as exact numbers: the one definition that every backend follows.

Pure Python; imports neither torch nor numpy. Internal: the class is `hatact.PiecewisePolynomial`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from numbers import Real
from typing import Any, ClassVar

from hatact import _code, _json
from hatact import _polynomial as poly
from hatact._polynomial import Number as Number
from hatact._values import as_tuple, check_positive, check_real, kind, number

_ROUNDED = 1 + Fraction(1, 2**50)


@dataclass(frozen=True)
class PiecewisePolynomial:
    """f(x) = Σ_k c_ik (x − b_i)^(d−k) on piece i, with b_0 = knots[0] and b_i = knots[i−1].

    Args:
        knots: n ≥ 1 real numbers, strictly increasing.
        pieces: n + 1 coefficient sequences, highest power first, of any lengths ≥ 1.
            Piece 0 holds for x ≤ knots[0], in the variable x − knots[0];
            piece i ≥ 1 holds for knots[i−1] < x ≤ knots[i], in x − knots[i−1];
            piece n holds for every x > knots[n−1].
        period: if given, x is first reduced into (knots[0], knots[0] + period], where all
            knots must lie; piece 0 is then unused and the last piece runs to the wrap.

    Values:
        A knot belongs to the piece on its left, so the derivative of ReLU is 0 at 0.
        At ±inf the value is the limit of the tail (NaN if periodic); NaN gives NaN.

    Numbers are kept as given (int, Fraction or float; a zero has no sign) and every method computes
    with exact rationals; they become float64 only in :meth:`numbers`, on the way into a kernel.

    Raises:
        ValueError: if a rule above is broken; the message says which and what was got.

    Example:
        >>> hat = PiecewisePolynomial(knots=(0, 1, 2), pieces=((0,), (1, 0), (-1, 1), (0,)))
        >>> hat(Fraction(3, 2)), hat.derivative()(1), hat.support
        (Fraction(1, 2), 1, (0, 2))
    """

    knots: tuple[Number, ...]
    pieces: tuple[tuple[Number, ...], ...]
    period: Number | None = None
    _numbers: tuple[tuple[float, ...], tuple[float, ...], float] = field(
        init=False, repr=False, compare=False
    )
    _hash: int = field(init=False, repr=False, compare=False)
    _slopes: tuple[float, ...] | None = field(init=False, repr=False, compare=False)
    _derivative: PiecewisePolynomial | None = field(
        init=False, repr=False, compare=False, default=None
    )
    # The exact numbers as a line of text. Dynamo takes a string as a constant, compares it in one
    # guard and, where it changes, makes no symbol of it; a frozen dataclass it may not take at all.
    _text: str = field(init=False, repr=False, compare=False)
    # The numbers once more, as autograd hands them on: freed with the spec, as no cache's would be.
    _for_ops: Any = field(init=False, repr=False, compare=False, default=None)
    # What may know a shorter way to write a spec: the registry, which is built on this file.
    _names: ClassVar[list[Callable[[PiecewisePolynomial], str | None]]] = []

    def __post_init__(self) -> None:
        knots = tuple(number(t, "knots") for t in as_tuple(self.knots, "knots"))
        pieces = tuple(
            tuple(number(c, "coefficients") for c in as_tuple(p, "each piece"))
            for p in as_tuple(self.pieces, "pieces")
        )
        if not knots:
            raise ValueError("at least one knot is needed; got none: write knots=(0,)")
        floats = tuple(float(t) for t in knots)
        if any(a >= b for a, b in pairwise(floats)):
            raise ValueError(
                f"knots must increase strictly (in float64); got {knots}: write them in order, "
                "each once"
            )
        if len(pieces) != len(knots) + 1:
            raise ValueError(
                f"{len(knots)} knots need {len(knots) + 1} pieces; got {len(pieces)} pieces: write "
                "one for x <= knots[0], and one after every knot"
            )
        if any(not p for p in pieces):
            raise ValueError(
                f"each piece needs at least one coefficient; got {pieces}: write (0,) for zero"
            )
        period = self.period
        if period is not None:
            period = number(period, "the period")
            if float(period) <= 0:
                raise ValueError(
                    f"the period must be positive; got {period}: write None for an f without one"
                )
            # A float may have been rounded to less than the span of the knots.
            slack = _ROUNDED if isinstance(period, float) else 1
            if Fraction(knots[-1]) - Fraction(knots[0]) > Fraction(period) * slack:
                raise ValueError(
                    "knots must lie within one period, knots[0] <= t <= knots[0] + period; "
                    f"got knots {knots} and period {period}"
                )
        width = max(len(p) for p in pieces)
        padded = tuple(float(c) for p in pieces for c in ((0,) * (width - len(p)) + p))
        # The dataclass is frozen for its users; a cached_property would break fullgraph compile.
        set_ = object.__setattr__
        set_(self, "knots", knots)
        set_(self, "pieces", pieces)
        set_(self, "period", period)
        set_(self, "_numbers", (floats, padded, 0.0 if period is None else float(period)))
        lines = (knots, *pieces, () if period is None else (period,))
        set_(self, "_text", ";".join(" ".join(map(poly.written, line)) for line in lines))
        set_(self, "_hash", hash((knots, pieces, period)))
        set_(self, "_slopes", self._distinct_slopes())

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        for name in self._names:
            text = name(self)
            if text is not None:
                return text
        period = "" if self.period is None else f", period={self.period!r}"
        return f"PiecewisePolynomial(knots={self.knots!r}, pieces={self.pieces!r}{period})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.knots, self.pieces, self.period)

    @classmethod
    def _of_text(cls, text: str) -> PiecewisePolynomial:
        """The spec whose `_text` this is."""
        knots, *pieces, period = (tuple(map(poly.read, line.split())) for line in text.split(";"))
        return cls(knots, tuple(pieces), *period)

    # ------------------------------------------------------------------ what it is

    @property
    def numbers(self) -> tuple[tuple[float, ...], tuple[float, ...], float]:
        """(knots, coeffs, period) as float64, the way they cross into an op.

        `coeffs` is (n + 1) × (degree + 1), row-major, highest power first, left-padded with
        zeros; `period` is 0.0 for a spec that is not periodic.
        """
        return self._numbers

    def _distinct_slopes(self) -> tuple[float, ...] | None:
        _, coeffs, period = self._numbers
        if self.degree > 1:
            return None
        slopes = _code.distinct(_code.piece_slopes(coeffs, len(self.pieces), period))
        return slopes if len(slopes) <= _code.MOST_SLOPES else None

    @property
    def slopes(self) -> tuple[float, ...] | None:
        """The distinct slopes of f, in the order in which its pieces first have them.

        With at most four of them a training step keeps two bits an element (ReLU, with two, one;
        up to eight, three) instead of x: what `ppoly_decode` takes beside the code. A periodic
        spec has NaN as its last, for ±inf. None for a degree above 1, or more than eight slopes.
        """
        return self._slopes

    @property
    def degree(self) -> int:
        """The largest power that any piece may hold (leading zeros count)."""
        return max(len(p) for p in self.pieces) - 1

    @property
    def support(self) -> tuple[Number, Number]:
        """The smallest closed interval outside which f is 0; ±inf where a tail is not 0.

        (0, 0) for the zero function, (−inf, inf) for a periodic spec that is not 0.
        """
        nonzero = [any(p) for p in self.pieces]
        if self.period is not None:
            return (-math.inf, math.inf) if any(nonzero[1:]) else (0, 0)
        if not any(nonzero):
            return (0, 0)
        first = nonzero.index(True)
        last = len(nonzero) - 1 - nonzero[::-1].index(True)
        left = -math.inf if first == 0 else self.knots[first - 1]
        right = math.inf if last == len(self.knots) else self.knots[last]
        return (left, right)

    def __call__(self, x: Number) -> Number:
        """f(x) at one number, exact for finite x.

        Raises:
            TypeError: for anything but a real number. Tensors are for
                :func:`hatact.functional.piecewise`.
        """
        if not isinstance(x, Real):
            raise TypeError(
                f"a spec is called with one real number, exactly; got {kind(x)}: for a tensor "
                "write hatact.functional.piecewise(x, spec) or hatact.nn.Piecewise(spec)(x)"
            )
        if isinstance(x, float) and not math.isfinite(x):
            if math.isnan(x) or self.period is not None:
                return math.nan
            return poly.limit(self.pieces[0 if x < 0 else -1], positive=x > 0)
        z = self._reduce(Fraction(x))[0]
        piece, base = self._at(z)
        return poly.tidy(poly.value(piece, z - base))

    def _reduce(self, x: Fraction) -> tuple[Fraction, int]:
        """x in the base period, and how many periods were taken off."""
        if self.period is None:
            return x, 0
        turns = math.ceil((x - Fraction(self.knots[0])) / Fraction(self.period)) - 1
        return x - turns * Fraction(self.period), turns

    def _at(self, x: Fraction) -> tuple[tuple[Number, ...], Fraction]:
        """The coefficients that hold at x (in the base period) and their base point."""
        i = sum(x > Fraction(t) for t in self.knots)
        return self.pieces[i], Fraction(self.knots[max(i - 1, 0)])

    def _intervals(self) -> list[tuple[tuple[Number, ...], Number, Number, Number]]:
        """(coefficients, base, left end, right end) of each piece that is in use."""
        knots = self.knots
        if self.period is None:
            ends: list[Number] = [-math.inf, *knots, math.inf]
            return [
                (p, knots[max(i - 1, 0)], ends[i], ends[i + 1]) for i, p in enumerate(self.pieces)
            ]
        ends = [*knots, poly.tidy(Fraction(knots[0]) + Fraction(self.period))]
        return [(p, knots[i], ends[i], ends[i + 1]) for i, p in enumerate(self.pieces[1:])]

    # ------------------------------------------------------------------ calculus

    def _map(self, change: Callable[[Sequence[Number]], Sequence[Number]]) -> PiecewisePolynomial:
        return PiecewisePolynomial(
            self.knots, tuple(tuple(change(p)) for p in self.pieces), self.period
        )

    def derivative(self) -> PiecewisePolynomial:
        """f′, piece by piece; jumps of f leave no trace (no delta functions)."""
        known = self._derivative
        if known is None:
            known = self._map(poly.derivative)
            object.__setattr__(self, "_derivative", known)
        return known

    def antiderivative(self) -> PiecewisePolynomial:
        """F with F′ = f, continuous, F(knots[0]) = 0. ValueError if periodic."""
        if self.period is not None:
            raise ValueError(
                "an antiderivative needs a spec that is not periodic (it would not be periodic "
                f"itself); got period {self.period}; integrate(a, b) takes periodic specs"
            )
        pieces = [poly.antiderivative(self.pieces[0], 0)]
        start: Fraction = Fraction(0)
        for i, piece in enumerate(self.pieces[1:]):
            pieces.append(poly.antiderivative(piece, start))
            if i + 1 < len(self.knots):
                start = poly.value(
                    pieces[-1], Fraction(self.knots[i + 1]) - Fraction(self.knots[i])
                )
        return PiecewisePolynomial(self.knots, tuple(tuple(p) for p in pieces))

    def integrate(self, a: Number, b: Number) -> Number:
        """∫_a^b f(x) dx, exact for finite a and b; ±inf where the limit exists, else NaN.

        Raises:
            TypeError: for ends that are no real numbers.
        """
        for end in (a, b):
            if not isinstance(end, Real):
                raise TypeError(
                    f"the ends of an integral must be real numbers; got {kind(end)}: write "
                    "float(…) of it"
                )
        if poly.is_nan(a) or poly.is_nan(b):
            return math.nan
        if self.period is None:
            primitive = self.antiderivative()
            upper, lower = primitive(b), primitive(a)
        else:
            if poly.is_inf(a) or poly.is_inf(b):
                return math.nan if a != b and any(any(p) for p in self.pieces[1:]) else 0
            primitive = PiecewisePolynomial(self.knots, self.pieces).antiderivative()
            whole = Fraction(primitive(Fraction(self.knots[0]) + Fraction(self.period)))
            upper, lower = (
                Fraction(primitive(z)) + turns * whole
                for z, turns in (self._reduce(Fraction(b)), self._reduce(Fraction(a)))
            )
        if poly.is_inf(upper) or poly.is_inf(lower):
            return upper - lower if a != b else 0
        return poly.tidy(Fraction(upper) - Fraction(lower))

    def scaled(self, s: Number, shift: Number = 0) -> PiecewisePolynomial:
        """f(s·x + shift), for s > 0: the scale is folded into the numbers and costs nothing.

        Raises:
            ValueError: for a scale that is not a positive real number, finite in float64 (neither
                is a bool, nor a tensor), or a shift that is no such number.
        """
        check_real(s)
        check_positive(s)
        s, shift = number(s, "the scale"), number(shift, "the shift")
        factor = Fraction(s)
        return PiecewisePolynomial(
            tuple(poly.tidy((Fraction(t) - Fraction(shift)) / factor) for t in self.knots),
            tuple(tuple(poly.stretch(p, factor)) for p in self.pieces),
            None if self.period is None else poly.tidy(Fraction(self.period) / factor),
        )

    def centered(self) -> PiecewisePolynomial:
        """f(x + m), m the midpoint of the support, which is then symmetric about 0.

        Raises:
            ValueError: where the support has no midpoint, as ReLU's.
        """
        low, high = self.support
        if poly.is_inf(low) or poly.is_inf(high):
            raise ValueError(
                "only an f that is 0 outside an interval can be centered; got the support "
                f"[{low}, {high}]: write scaled(1, shift) for a shift of your own"
            )
        return self.scaled(1, poly.tidy((Fraction(low) + Fraction(high)) / 2))

    def total_variation(self) -> Number:
        """TV(f) over the real line, jumps at knots included; may be inf. Exact for degree ≤ 2."""
        intervals = self._intervals()
        if self.period is not None:
            constant = {p[-1] for p, *_ in intervals if not any(p[:-1])}
            is_constant = len(constant) == 1 and all(not any(p[:-1]) for p, *_ in intervals)
            return 0 if is_constant else math.inf
        total = Fraction(0)
        previous: Fraction | None = None
        for piece, base, left, right in intervals:
            if poly.is_inf(left) or poly.is_inf(right):
                if any(piece[:-1]):
                    return math.inf
                first = last = Fraction(piece[-1])
            else:
                width = Fraction(right) - Fraction(base)
                first, last = poly.value(piece, Fraction(0)), poly.value(piece, width)
                total += poly.variation(piece, width)
            if previous is not None:
                total += abs(first - previous)
            previous = last
        return poly.tidy(total) if self.degree <= 2 else float(total)

    # ------------------------------------------------------------------ from and to other forms

    def to_dict(self) -> dict[str, Any]:
        """Version, knots, pieces and period, exactly, for `json.dumps`.

        An int beyond 2⁵³ and a Fraction are texts, "1/3"; all other numbers are JSON's own.
        """
        return _json.numbers_to_dict(self.knots, self.pieces, self.period)

    @classmethod
    def from_dict(cls, data: Any) -> PiecewisePolynomial:
        """The spec of which :meth:`to_dict` gave `data`, through JSON or not.

        Raises:
            ValueError: for what is no dict, for another version, for keys that are missing or not
                known, for what is no number, and for all that no spec may have.
        """
        return cls(*_json.numbers_of_dict(data))

    @classmethod
    def from_truncated_powers(
        cls, knots: Iterable[Number], weights: Iterable[Number], degree: int
    ) -> PiecewisePolynomial:
        """Σ_j weights[j]·(x − knots[j])₊^degree as its exact pieces (a sum of ReLUs: degree 1).

        Exact cancellation is exact: a compact support comes out as zeros. For degree 0 the
        power is 1 for x > t and 0 at t, as the knot rule asks.
        """
        ts, ws = tuple(knots), tuple(weights)
        if len(ts) != len(ws):
            raise ValueError(
                f"one weight per knot is needed; got {len(ts)} knots, {len(ws)} weights: write as "
                "many of both"
            )
        if not isinstance(degree, int) or degree < 0:
            raise ValueError(f"the degree must be an integer >= 0; got {degree!r}")
        cls(ts, ((0,),) * (len(ts) + 1))  # states the rules on knots before any arithmetic
        current: list[Fraction] = [Fraction(0)] * (degree + 1)
        pieces: list[tuple[Number, ...]] = [(0,)]
        for j, (t, w) in enumerate(zip(ts, ws, strict=True)):
            w = number(w, "weights")
            if j:
                current = poly.shift(current, Fraction(t) - Fraction(ts[j - 1]))
            current[0] += Fraction(w)
            pieces.append(poly.trim([poly.tidy(c) for c in current]))
        return cls(ts, tuple(pieces))

    @classmethod
    def from_scipy(cls, pp: Any) -> PiecewisePolynomial:
        """A 1-D scipy.interpolate.PPoly; its first and last pieces become the tails.

        SciPy gives a breakpoint to the piece on its right, hatact to the one on its left, so
        values at a jump differ.

        Raises:
            ValueError: if `pp` is no real 1-D PPoly, does not extrapolate, or its breakpoints
                do not increase (SciPy allows decreasing ones).
        """
        from scipy.interpolate import PPoly

        if not isinstance(pp, PPoly):
            raise ValueError(f"a scipy.interpolate.PPoly is needed; got {type(pp).__name__}")
        if pp.c.ndim != 2 or pp.c.dtype.kind == "c":
            raise ValueError(
                "a real 1-D PPoly is needed; got coefficients of shape "
                f"{pp.c.shape} and dtype {pp.c.dtype}"
            )
        if any(a >= b for a, b in pairwise(pp.x)):
            raise ValueError(f"the PPoly's breakpoints must increase strictly; got {pp.x}")
        xs = [float(v) for v in pp.x]
        columns = [tuple(float(c) for c in pp.c[:, j]) for j in range(pp.c.shape[1])]
        if pp.extrapolate == "periodic":
            period = Fraction(xs[-1]) - Fraction(xs[0])
            return cls(tuple(xs[:-1]), ((0,), *columns), poly.tidy(period))
        if not pp.extrapolate:
            raise ValueError(
                "the PPoly must extrapolate (True or 'periodic'), as f is defined on the whole "
                f"line; got extrapolate={pp.extrapolate!r}"
            )
        inner = xs[1:-1] or xs[:1]
        first = poly.shift(columns[0], Fraction(inner[0]) - Fraction(xs[0]))
        return cls(tuple(inner), (tuple(poly.tidy(c) for c in first), *(columns[1:] or columns)))

    def to_scipy(self) -> Any:
        """The scipy.interpolate.PPoly; it differs at jumps, where SciPy is right-continuous.

        ValueError for a period that float64 does not see beside its one knot.
        """
        from scipy.interpolate import PPoly

        width = self.degree + 1
        used = [(p, base) for p, base, *_ in self._intervals()]
        if self.period is not None:
            xs = [float(base) for _, base in used] + [float(self.knots[0]) + float(self.period)]
            if xs[-1] <= xs[-2]:  # the last knot is the wrap: right of it there is nothing
                used, xs = used[:-1], xs[:-1]
            if not used:
                raise ValueError(
                    "the end of the period must be apart from its start in float64; got knots "
                    f"{self.knots} and period {self.period}"
                )
            columns = [p for p, _ in used]
        else:
            first, last = Fraction(self.knots[0]), Fraction(self.knots[-1])
            one = Fraction(1)
            ends = (first - max(one, abs(first)), last + max(one, abs(last)))  # in float64 too
            xs = [float(v) for v in (ends[0], *self.knots, ends[1])]
            columns = [tuple(poly.shift(used[0][0], ends[0] - first)), *(p for p, _ in used[1:])]
        table = [[0.0] * (width - len(p)) + [float(c) for c in p] for p in columns]
        transposed = [list(row) for row in zip(*table, strict=True)]
        return PPoly(transposed, xs, extrapolate="periodic" if self.period is not None else True)
