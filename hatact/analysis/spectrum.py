"""Error per frequency: residuals, a tracker for a training loop, the exponent of spectral bias.

Frequencies k are in cycles per unit length; samples are uniform, x_n = n·length/N, end excluded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

_TINY = 1e-12  # |û(k)| below this share of the largest is no content to divide by
_NORMAL = 1 / math.sqrt(2 * math.pi)


def _bins(n: int, frequencies: Sequence[float], length: float) -> list[int]:
    bins = [round(k * length) for k in frequencies]
    if not bins:
        raise ValueError("at least one frequency is needed; got none")
    for k, b in zip(frequencies, bins, strict=True):
        if not math.isclose(k * length, b, abs_tol=1e-9) or not 0 < b < n / 2:
            raise ValueError(
                f"each frequency times the length must be a whole number in (0, N/2) = "
                f"(0, {n / 2:g}); got frequency {k} and length {length}"
            )
    return bins


def _coefficients(f: Tensor, bins: Sequence[int]) -> Tensor:
    held: Tensor = torch.fft.rfft(f, dim=-1)[..., list(bins)]
    return held


def spectrum(
    f: Tensor, frequencies: Sequence[float], amplitude: float = 1.0, length: float = 1.0
) -> Tensor:
    """2·|f̂(k)| / (N·A): 1 where f holds A·sin(2πkx + φ), whatever the phase φ.

    Shapes: f: (*, N) real → (*, K). Units: k in cycles per unit length. Normalisation: f̂ is the
    unnormalised DFT. Not clipped. Source: the heat maps of arXiv 1806.08734 clip it to [0, 1].

    Raises:
        ValueError: if k·length is not a whole number strictly between 0 and N/2.
    """
    n = f.shape[-1]
    return _coefficients(f, _bins(n, frequencies, length)).abs() * (2 / (n * amplitude))


def residual(f: Tensor, u: Tensor, frequencies: Sequence[float], length: float = 1.0) -> Tensor:
    """|f̂(k) − û(k)| / |û(k)|: amplitude and phase both count; 1 for f = 0.

    Shapes: f: (*, N), target u: (*, N) → (*, K). Units: k in cycles per unit length.
    Source: the measure of arXiv 2208.04924 and 1901.06523.

    Raises:
        ValueError: for frequencies that are no DFT bins, or that u does not hold.
    """
    bins = _bins(u.shape[-1], frequencies, length)
    return (_coefficients(f - u, bins)).abs() / _content(u, bins, frequencies).abs()


def _content(u: Tensor, bins: Sequence[int], frequencies: Sequence[float]) -> Tensor:
    every = torch.fft.rfft(u, dim=-1)
    held: Tensor = every[..., list(bins)]
    empty = held.abs() <= _TINY * every.abs().amax(-1, keepdim=True)
    if bool(empty.any()):
        gone = empty.reshape(-1, len(bins)).any(0)
        missing = [k for k, e in zip(frequencies, gone, strict=True) if e]
        raise ValueError(f"the target must hold every frequency; it has no content at {missing}")
    return held


def steps_to(
    steps: Sequence[int], residuals: Tensor, threshold: float = 0.1, hold: int = 1
) -> list[int | None]:
    """The first recorded step from which the residual stays under `threshold` for `hold` records.

    Shapes: residuals: (T, K), row t measured at steps[t] → K entries, None where it never did.
    `hold` > 1 leaves out chance crossings, such as those of a diverging output that sweeps
    through the target's coefficient. A run that ends before `hold` records does not count.

    Raises:
        ValueError: unless residuals is (T, K) with one row per step, and hold >= 1.
    """
    if residuals.ndim != 2 or residuals.shape[0] != len(steps):
        raise ValueError(
            f"residuals must be (T, K) with T = {len(steps)} steps; got {tuple(residuals.shape)}"
        )
    if hold < 1:
        raise ValueError(f"hold must be at least 1; got {hold}")
    if len(steps) < hold:
        return [None] * residuals.shape[1]
    under = (residuals < threshold).unfold(0, hold, 1).all(-1)
    found: list[int | None] = []
    for column in under.unbind(1):
        where = column.nonzero()
        found.append(int(steps[int(where[0])]) if len(where) else None)
    return found


class SpectrumTracker:
    """Residual and spectrum per frequency over a training run; one rfft of N points per update.

    Args:
        u: the target on the uniform grid, (N) or (N, 1).
        frequencies: K of them, cycles per unit length.
        length: the grid's length; amplitude: A of :func:`spectrum`.

    Example:
        >>> tracker = SpectrumTracker(u, frequencies=(5, 10))        # doctest: +SKIP
        >>> for step in range(1000):
        ...     out = model(x); tracker.update(step, out); ...
        >>> tracker.steps_to(0.1)

    Raises:
        ValueError: as :func:`residual`, and for an output of another size than the target.
    """

    def __init__(
        self,
        u: Tensor,
        frequencies: Sequence[float],
        length: float = 1.0,
        amplitude: float = 1.0,
    ) -> None:
        flat = u.detach().reshape(-1)
        self.frequencies = tuple(frequencies)
        self.steps: list[int] = []
        self._n = flat.numel()
        self._bins = _bins(self._n, self.frequencies, length)
        self._target = _content(flat, self._bins, self.frequencies)
        self._scale = 2 / (self._n * amplitude)
        # One buffer, doubled when full: a small tensor kept a step lies between the step's large
        # temporaries, and the allocator cannot reuse their place (3 GB after some 10,000 steps).
        self._records = self._target.new_empty((64, len(self.frequencies)))

    def update(self, step: int, f: Tensor) -> Tensor:
        """Record the output f, (N) or (N, 1), at `step` = updates done; the residuals, (K)."""
        if f.numel() != self._n:
            raise ValueError(
                f"the output must have the target's {self._n} points; got shape {tuple(f.shape)}"
            )
        count = len(self.steps)
        if count == len(self._records):
            self._records = torch.cat([self._records, torch.empty_like(self._records)])
        self._records[count] = _coefficients(f.detach().reshape(-1), self._bins)
        self.steps.append(step)
        return (self._records[count] - self._target).abs() / self._target.abs()

    def _stacked(self) -> Tensor:
        return self._records[: len(self.steps)]

    @property
    def residuals(self) -> Tensor:
        """|f̂(k) − û(k)| / |û(k)| of every record, (T, K)."""
        return (self._stacked() - self._target).abs() / self._target.abs()

    @property
    def spectra(self) -> Tensor:
        """2·|f̂(k)| / (N·A) of every record, (T, K)."""
        return self._stacked().abs() * self._scale

    def steps_to(self, threshold: float = 0.1, hold: int = 1) -> list[int | None]:
        """:func:`steps_to` of what was recorded."""
        return steps_to(self.steps, self.residuals.cpu(), threshold, hold)


@dataclass(frozen=True)
class BiasExponent:
    """The slope, how many frequencies it rests on, and how many never arrived.

    `slope` is None where fewer than two frequencies arrived: no exponent can be told then.
    """

    slope: float | None
    reached: int
    censored: int
    horizon: int

    def __str__(self) -> str:
        total = self.reached + self.censored
        value = "none" if self.slope is None else f"{self.slope:.2f}"
        if not self.censored:
            return value
        return f"{value} ({self.censored} of {total} not within {self.horizon} steps)"


def bias_exponent(
    frequencies: Sequence[float], steps: Sequence[int | None], horizon: int
) -> BiasExponent:
    """p in steps ∝ k^p: the slope of log(steps to the threshold) against log k.

    0 is no bias, positive is low frequencies first. A frequency that did not arrive within
    `horizon` steps is right-censored: it enters as "more than horizon", by the maximum-likelihood
    line with normal errors (expectation-maximisation, Tobit), so neither dropped (which would
    flatten the slope) nor taken as arrived at the horizon. With heavy censoring the slope is an
    extrapolation: read it with `reached`.

    Args:
        frequencies: K positive frequencies, cycles per unit length.
        steps: K steps (as :func:`steps_to` returns them; 0 counts as 1), None = never.
        horizon: the number of steps that were run.

    Raises:
        ValueError: for lengths that differ, or frequencies or a horizon that are not positive.
    """
    if len(frequencies) != len(steps):
        raise ValueError(
            f"one entry per frequency is needed; got {len(frequencies)} frequencies, "
            f"{len(steps)} steps"
        )
    if any(k <= 0 for k in frequencies) or horizon < 1:
        raise ValueError(
            "frequencies must be positive and the horizon at least 1; "
            f"got {tuple(frequencies)} and {horizon}"
        )
    x = [math.log(k) for k in frequencies]
    known = [None if s is None else math.log(max(s, 1)) for s in steps]
    seen = [(a, b) for a, b in zip(x, known, strict=True) if b is not None]
    censored = len(steps) - len(seen)
    if len({a for a, _ in seen}) < 2:
        return BiasExponent(None, len(seen), censored, horizon)
    level, slope, sigma = _line([a for a, _ in seen], [b for _, b in seen], 0.0)
    limit = math.log(horizon)
    for _ in range(2000 if censored else 0):
        filled, spread = [], 0.0
        for a, b in zip(x, known, strict=True):
            mean, variance = _beyond(level + slope * a, sigma, limit) if b is None else (b, 0.0)
            filled.append(mean)
            spread += variance
        before = slope
        level, slope, sigma = _line(x, filled, spread)
        if abs(slope - before) < 1e-9:
            break
    return BiasExponent(slope, len(seen), censored, horizon)


def _line(x: Sequence[float], y: Sequence[float], spread: float) -> tuple[float, float, float]:
    """Least-squares level, slope, and the standard deviation with `spread` added to the squares."""
    n = len(x)
    mx, my = sum(x) / n, sum(y) / n
    slope = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / sum(
        (a - mx) ** 2 for a in x
    )
    level = my - slope * mx
    squares = sum((b - level - slope * a) ** 2 for a, b in zip(x, y, strict=True))
    return level, slope, math.sqrt((squares + spread) / n)


def _beyond(mean: float, sigma: float, limit: float) -> tuple[float, float]:
    """Mean and variance of a normal variable known to lie above `limit`."""
    if sigma < 1e-9:
        return max(mean, limit), 0.0
    z = (limit - mean) / sigma
    tail = 0.5 * math.erfc(z / math.sqrt(2))
    # Beyond z = 8 the tail underflows the ratio's accuracy; its asymptote is z + 1/z.
    ratio = _NORMAL * math.exp(-z * z / 2) / tail if z < 8 else z + 1 / z
    return mean + sigma * ratio, max(sigma * sigma * (1 + z * ratio - ratio * ratio), 0.0)


def band_error(f: Tensor, u: Tensor, edges: Sequence[float]) -> Tensor:
    """(Σ_band |F̂ − Û|² / Σ_band |Û|²)^½ over rings edges[b] ≤ √(kx² + ky²) < edges[b + 1].

    Shapes: f: (*, H, W), target u: (H, W) → (*, B). Units: cycles per image side (side = 1).
    Normalisation: relative to the target's content of the same ring; 1 for f = 0.

    Raises:
        ValueError: if the edges do not increase, or a ring holds nothing of the target.
    """
    if len(edges) < 2 or any(a >= b for a, b in pairwise(edges)):
        raise ValueError(f"the edges must increase strictly, at least two; got {tuple(edges)}")
    ky = torch.fft.fftfreq(u.shape[-2], 1 / u.shape[-2], device=u.device)
    kx = torch.fft.fftfreq(u.shape[-1], 1 / u.shape[-1], device=u.device)
    radius = torch.sqrt(ky[:, None] ** 2 + kx[None, :] ** 2)
    error = torch.fft.fft2(f - u).abs().square()
    target = torch.fft.fft2(u).abs().square()
    bands = []
    for low, high in pairwise(edges):
        ring = (radius >= low) & (radius < high)
        held = target[ring].sum()
        if not float(held) > 0:
            raise ValueError(f"each ring must hold some of the target; [{low}, {high}) has none")
        bands.append((error[..., ring].sum(-1) / held).sqrt())
    return torch.stack(bands, -1)


def psnr(f: Tensor, u: Tensor, peak: float = 1.0) -> float:
    """10·log10(peak² / mean((f − u)²)) in dB, over all elements, nothing renormalised.

    At most 3000 dB for peak = 1, where f = u; −inf where the error is infinite, NaN where it is.
    """
    error = max(float((f - u).square().mean()), 1e-300)
    return -math.inf if math.isinf(error) else 10 * math.log10(peak**2 / error)
