"""Triangle cascades, exactly: F = Σ s_i·W_i with W_i = T_{a_i} ∘ … ∘ T_{a_0} on [0, 1]. No torch.

    T_a(v) = v/a on [0, a],  (1 − v)/(1 − a) on [a, 1],  0 elsewhere

A cascade of depth d has peaks a_0 … a_{d−1} and scales s_0 … s_{d−1}. Every linear piece of W_{i−1}
maps onto the whole of [0, 1], so W_i has a breakpoint more in each: 2^(i+1) pieces, and F has 2^d
unless the slopes of neighbours happen to meet. All numbers may be `int`, `Fraction` or `float`; all
but `relu_layers` takes them exactly. Source: Milkert, Hyde, Laine, arXiv 2311.18022.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from hatact.spec import Number, PiecewisePolynomial


def check_peaks(peaks: Sequence[Number]) -> None:
    """ValueError unless there is a peak and all lie strictly between 0 and 1."""
    if not peaks:
        raise ValueError("a cascade needs at least one peak; got none")
    if not all(0 < a < 1 for a in peaks):
        raise ValueError(f"peaks must lie strictly between 0 and 1; got {tuple(peaks)}")


def check_scales(scales: Sequence[Number], depth: int) -> None:
    """ValueError unless there are `depth` positive scales."""
    if len(scales) != depth:
        raise ValueError(f"a cascade of depth {depth} needs {depth} scales; got {len(scales)}")
    if not all(0 < s < float("inf") for s in scales):
        raise ValueError(f"scales must be positive and finite; got {tuple(scales)}")


def theorem_scales(peaks: Sequence[Number]) -> tuple[Fraction, ...]:
    """s_i = Π_{j ≤ i} (1 − a_j)·a_{j+1}: with these the limit of F is differentiable.

    d + 1 peaks give d scales, s_{i+1} = s_i·(1 − a_{i+1})·a_{i+2} (Theorem 3.1; the peaks must also
    stay away from 0 and 1 as d grows). All peaks ½ give
    s_i = 4^−(i+1), and F = x − x² at every multiple of 2^−d.
    """
    check_peaks(peaks)
    if len(peaks) < 2:
        raise ValueError("Theorem 3.1 needs a peak more than scales: at least 2; got 1")
    scales, s = [], Fraction(1)
    for a, after in pairwise([Fraction(a) for a in peaks]):
        s *= (1 - a) * after
        scales.append(s)
    return tuple(scales)


def knots(peaks: Sequence[Number]) -> tuple[Fraction, ...]:
    """0, the 2^d − 1 breakpoints of W_{d−1}, and 1, in order: by composition, not on a grid."""
    return tuple(x for x, _ in _points(peaks, [0] * len(peaks)))


def _points(peaks: Sequence[Number], scales: Sequence[Number]) -> list[tuple[Fraction, Fraction]]:
    """(x, F(x)) at every breakpoint.

    In each piece of W_{i−1}, which rises from 0 to 1 or falls back in turn, lies one x at which it
    is a_i. There W_i = 1 and all later ones are 0, as they are at the points of before.
    """
    check_peaks(peaks)
    points = [(Fraction(0), Fraction(0)), (Fraction(1), Fraction(0))]
    for peak, scale in zip(peaks, scales, strict=True):
        a, s = Fraction(peak), Fraction(scale)
        finer = [points[0]]
        for piece, ((x, y), (x_next, y_next)) in enumerate(pairwise(points)):
            at = a if piece % 2 == 0 else 1 - a
            finer += [(x + at * (x_next - x), y + at * (y_next - y) + s), (x_next, y_next)]
        points = finer
    return points


def spec(peaks: Sequence[Number], scales: Sequence[Number]) -> PiecewisePolynomial:
    """F as knots and pieces, 0 outside [0, 1]. Its 2^d pieces are for checks, not for kernels."""
    check_scales(scales, len(peaks))
    points = _points(peaks, scales)
    pieces = [((y1 - y0) / (x1 - x0), y0) for (x0, y0), (x1, y1) in pairwise(points)]
    return PiecewisePolynomial(tuple(x for x, _ in points), ((0,), *pieces, (0,)))


def regions(peaks: Sequence[Number], scales: Sequence[Number]) -> int:
    """The number of intervals of [0, 1] on which F is linear, maximal ones, counted exactly."""
    check_scales(scales, len(peaks))
    slopes = [(y1 - y0) / (x1 - x0) for (x0, y0), (x1, y1) in pairwise(_points(peaks, scales))]
    return 1 + sum(a != b for a, b in pairwise(slopes))


Layer = tuple[list[list[Number]], list[Number]]


def relu_layers(peaks: Sequence[Number], scales: Sequence[Number]) -> list[Layer]:
    """F as a ReLU network of width 4: (weights, biases) of its d + 2 linear layers.

    Between the layers stands a ReLU. The four neurons carry the sum so far, t₁ = s_i·W_i,
    t₂ = s_i·relu(W_i − a_{i+1}) and the scale s_i itself; equal to F on the whole line.
    """
    check_peaks(peaks)
    check_scales(scales, len(peaks))
    layers: list[Layer] = [([[0], [1], [1], [0]], [0, 0, -peaks[0], 1])]
    before: Number = 1
    for i, (a, s) in enumerate(zip(peaks, scales, strict=True)):
        ratio = s / before if not isinstance(s, int) else Fraction(s) / before
        rise, fall = ratio / a, -ratio / (a * (1 - a))
        after = peaks[i + 1] if i + 1 < len(peaks) else 1  # of no use in the last layer
        layers.append(
            (
                [
                    [1, rise, fall, 0],
                    [0, rise, fall, 0],
                    [0, rise, fall, -ratio * after],
                    [0, 0, 0, ratio],
                ],
                [0, 0, 0, 0],
            )
        )
        before = s
    layers.append(([[1, 0, 0, 0]], [0]))
    return layers
