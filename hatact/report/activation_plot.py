"""f, f′ and the spectrum of f as one picture, drawn from the exact numbers of its spec."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from torch import Tensor, arange, float64, logspace

from hatact import _polynomial as poly
from hatact.analysis.fourier_transform import fourier_coefficients, fourier_transform
from hatact.report import _ticks
from hatact.report._looks import INK, PALETTE, RC
from hatact.report.pictures import DPI
from hatact.spec import Number, PiecewisePolynomial

SIZE = (13.2, 4.0)
"""Inches."""
LOWEST, HIGHEST, FREQUENCIES = 0.01, 64, 12_000
"""Cycles per unit of x at scale 1, and how many: as many as lobes near the highest need."""
MOST_COEFFICIENTS = 64
POINTS = 48
"""Of a curved piece."""
ROUNDED = 1e-12
"""A jump, or a coefficient, below that is rounding."""
KNOT = {"marker": "^", "markersize": 5, "linestyle": "", "color": INK, "alpha": 0.7}
ABOVE = 0.02  # of the panel's height, a knot's mark above the axis
DOT = {"marker": "o", "markersize": 5, "linestyle": "", "color": PALETTE[0], "zorder": 3}

Curve = tuple[list[float], list[float]]


def picture(f: PiecewisePolynomial, title: str, scale: Number) -> bytes:
    """A PNG file; `scale` is the one by which f was stretched: its frequencies are drawn.

    Raises:
        ModuleNotFoundError: without matplotlib.
    """
    from matplotlib import style
    from matplotlib.figure import Figure as Canvas

    with style.context({**RC, "figure.facecolor": "white"}, after_reset=True):
        canvas = Canvas(figsize=SIZE, layout="constrained")
        value, slope, spectrum = canvas.subplots(1, 3)
        low, high = _range(f, Fraction(scale))
        for axis, of, name in ((value, f, "f"), (slope, f.derivative(), "f′")):
            _draw(axis, of, low, high)
            axis.set_title(name)
            axis.set_xlabel("x; ▲ knots")
        _draw_spectrum(spectrum, f, float(scale))
        for axis in (value, slope, spectrum):
            axis.grid(color=INK, alpha=0.13, linewidth=0.7)
        canvas.suptitle(title)
        file = io.BytesIO()
        canvas.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def _range(f: PiecewisePolynomial, scale: Fraction) -> tuple[Fraction, Fraction]:
    """Two periods; else the knots, and beside them what shows how f goes on."""
    if f.period is not None:
        return -Fraction(f.period), Fraction(f.period)
    low, high = Fraction(f.knots[0]), Fraction(f.knots[-1])
    bounded = all(math.isfinite(end) for end in f.support)
    room = (high - low) / (4 if bounded else 2) or 2 / scale
    return low - room, high + room


def _draw(axis: Any, f: PiecewisePolynomial, low: Fraction, high: Fraction) -> None:
    """f piece by piece, a gap where it jumps: there ● is its value, ○ its limit from the right."""
    curves = [_curve(*piece) for piece in _pieces(f, low, high)]
    ys = [v for _, y in curves for v in y]
    jump = ROUNDED * max(map(abs, ys))
    closed, opened = [], []
    for x, y in curves:
        axis.plot(x, y, color=PALETTE[0], solid_capstyle="butt")
    for (x, y), (right, after) in pairwise(curves):
        if abs(after[0] - y[-1]) > jump:
            closed.append((x[-1], y[-1]))
            opened.append((right[0], after[0]))
    axis.plot(*_columns(opened), **DOT, markerfacecolor="white")
    axis.plot(*_columns(closed), **DOT)
    knots = _knots(f, low, high)
    short = len(knots) > 1 and all(len(f"{t:.8g}") <= 6 for t in knots)
    _ticks.fix_x(axis, "linear", float(low), float(high), knots if short else None)
    _ticks.set_y(axis, "linear", ys)
    axis.plot(knots, [ABOVE] * len(knots), transform=axis.get_xaxis_transform(), **KNOT)


def _turns(f: PiecewisePolynomial, low: Fraction, high: Fraction) -> list[Fraction]:
    """By how much copies of the base period are moved that meet low … high; 0 if there is none."""
    if f.period is None:
        return [Fraction(0)]
    period, first = Fraction(f.period), Fraction(f.knots[0])
    copies = range(math.floor((low - first) / period), math.ceil((high - first) / period))
    return [turn * period for turn in copies]


def _pieces(
    f: PiecewisePolynomial, low: Fraction, high: Fraction
) -> Iterator[tuple[Sequence[Number], Fraction, Fraction, Fraction]]:
    """Coefficients, base, left end and right end of what lies within low … high, in order."""
    for moved in _turns(f, low, high):
        for piece, base, left, right in f._intervals():
            start = low if left == -math.inf else max(Fraction(left) + moved, low)
            end = high if right == math.inf else min(Fraction(right) + moved, high)
            if start < end:
                yield piece, Fraction(base) + moved, start, end


def _curve(piece: Sequence[Number], base: Fraction, start: Fraction, end: Fraction) -> Curve:
    steps = 1 if len(poly.trim(piece)) <= 2 else POINTS
    at = [start + (end - start) * i / steps for i in range(steps + 1)]
    return [float(x) for x in at], [float(poly.value(piece, x - base)) for x in at]


def _knots(f: PiecewisePolynomial, low: Fraction, high: Fraction) -> list[float]:
    every = [Fraction(t) + moved for moved in _turns(f, low, high) for t in f.knots]
    return [float(t) for t in every if low <= t <= high]


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [p[0] for p in points], [p[1] for p in points]


def _draw_spectrum(axis: Any, f: PiecewisePolynomial, scale: float) -> None:
    """|F| as a line, or the coefficients of a periodic f as stems, both axes logarithmic."""
    axis.set_xlabel("frequency ν, cycles per unit of x")
    if f.period is None:
        ends = (math.log10(LOWEST * scale), math.log10(HIGHEST * scale))
        nu = logspace(*ends, FREQUENCIES, dtype=float64)
        size = fourier_transform(f, nu).abs()
        axis.plot(nu.tolist(), size.tolist(), color=PALETTE[0], linewidth=1.0)
        _ticks.fix_x(axis, "log", LOWEST * scale, HIGHEST * scale, None)
        _ticks.fix_y(axis, "log", *_heights(size))
        axis.set_title("|F(ν)|, F(ν) = ∫ f(x)·e^(−2πiνx) dx")
        return
    n = arange(1, MOST_COEFFICIENTS + 1)
    size = fourier_coefficients(f, n).abs()
    kept = size > ROUNDED * size.max()
    nu, size = n[kept] / float(f.period), size[kept]
    bottom, top = float(size.min()) / 2, 2 * float(size.max())
    axis.vlines(nu.tolist(), bottom, size.tolist(), color=PALETTE[0], linewidth=1.2)
    axis.plot(nu.tolist(), size.tolist(), **DOT)
    _ticks.fix_x(axis, "log", 0.7 / float(f.period), 1.3 * len(n) / float(f.period), None)
    _ticks.fix_y(axis, "log", bottom, top)
    axis.set_title("|c_n| at ν = n/P, f(x) = Σ c_n·e^(2πinx/P)")


def _heights(size: Tensor) -> tuple[float, float]:
    """Of the panel: down to below the last lobes, not to the zeros between them."""
    lobes = float(size[-len(size) // 20 :].max())
    low, high = min(lobes / 10, float(size[0]) / 2), float(size.max())
    return low, high * (high / low) ** 0.06
