"""Runs of lazzari2023: a sum of sines and two images, their patterns and gradients looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from hatact.analysis.activation_patterns import (
    activation_patterns,
    dead_units,
    hamming,
    region_count,
)
from hatact.analysis.boundaries import regions_on_line
from hatact.analysis.gradient_confusion import gradient_confusion
from hatact.analysis.images import picture
from hatact.analysis.spectrum import psnr
from hatact.analysis.tracked import arrival_spread, learning, spread_steps
from hatact.baselines.networks import Networks
from hatact.baselines.training import minimise
from hatact.claims.engine.runs import TARGET_SEEDS, Advance, Record, Row
from hatact.claims.targets import sines

WIDTH = 128
SIDE, BATCH = 64, 256
DEPTHS = {"noise": 3, "camera": 5}
"""Linear layers, by image."""
LOOKS = 16
BINS = 40
"""Of the densities of cosines."""
WINDOWS = 25


LOST: Record = {"regions": 0, "hamming": 0.0, "far": 0.0, "dead": None}
"""What is known of the patterns of a network that diverged."""


@dataclass(frozen=True)
class Wave:
    """A sum of sines on N points of [0, 1) and the network that learns it."""

    points: int
    frequencies: tuple[int, ...]
    width: int
    depth: int


WAVES = {
    "sines": Wave(2048, tuple(range(5, 71, 5)), WIDTH, 5),
    "map": Wave(sines.POINTS, sines.FREQUENCIES, sines.WIDTH, sines.DEPTH),
}
"""The paper's, and that of the map of scales, `targets.sines`."""


@dataclass(frozen=True)
class Coordinates(Row):
    """A row whose network reads coordinates in [low, 1]."""

    low: float = -1

    @property
    def name(self) -> str:
        """The row without its learning rate."""
        return f"{super().name} on [{self.low:g}, 1]"

    def of(self, unit: Tensor) -> Tensor:
        """The coordinates of points in [0, 1]."""
        return self.low + (1 - self.low) * unit


def _networks(row: Row, sizes: Sequence[int], seeds: Sequence[int], device: str) -> Networks:
    return Networks(sizes, seeds, row.module(), row.octaves, row.input).to(device)


def wave(
    row: Coordinates,
    target: str,
    steps: int,
    pairs: int,
    seeds: Sequence[int],
    device: str,
    advance: Advance,
) -> list[Record]:
    """Train on Σ_k sin(2πk·t + φ_k), a key of WAVES; the confusion before and after.

    Args:
        pairs: global ones, from the first 800 of 2048 points and from those numbered from 1200 on;
            and half as many local ones, from WINDOWS windows of 50 of them.

    A record holds the steps at which the frequencies came under 10 %, their "spread", the late and
    the final relative loss, and "start" and "end": by kind of pairs what :func:`confusion` gives.
    """
    of = WAVES[target]
    targets = [sines.sum_of_sines(seed, of.points, of.frequencies) for seed in seeds]
    x = row.of(targets[0][0]).to(device)
    u = torch.stack([u for _, u in targets]).to(device)
    model = _networks(row, [1, *[of.width] * (of.depth - 1), 1], seeds, device)
    each = range(len(seeds))
    drawn = [_wave_pairs(of.points, pairs, seed) for seed in seeds]
    start = [_confused(model, s, x, u[s], drawn[s]) for s in each]
    runs = sines.tracked(row, model, x, u, of.frequencies, steps, advance)
    kept = [learning(residuals, losses, power) for residuals, _, losses, power in runs]
    return [
        {
            **{key: kept[s][key] for key in ("steps_to_10_percent", "late_loss")},
            "relative_loss": kept[s]["relative_loss"][-1],
            "spread": arrival_spread(kept[s]["steps_to_10_percent"]),
            "start": start[s],
            "end": _confused(model, s, x, u[s], drawn[s]),
        }
        for s in each
    ]


def _wave_pairs(points: int, count: int, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(TARGET_SEEDS + seed)
    window = -(-points * 50 // 2048)
    starts = torch.randint(points - window, (WINDOWS, 1, 1), generator=generator)
    local = starts + _unequal(window, (WINDOWS, max(1, count // (2 * WINDOWS))), generator)
    first = torch.randint(0, points * 25 // 64, (count,), generator=generator)
    second = torch.randint(points * 75 // 128, points, (count,), generator=generator)
    return {"local": local.reshape(-1, 2), "global": torch.stack([first, second], 1)}


def _unequal(most: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Pairs of two different numbers below `most`, (*shape, 2)."""
    first = torch.randint(most, shape, generator=generator)
    second = torch.randint(most - 1, shape, generator=generator)
    return torch.stack([first, second + (second >= first)], -1)


def _confused(
    model: Networks, index: int, x: Tensor, y: Tensor, pairs: dict[str, Tensor]
) -> Record:
    """:func:`confusion` of one of the networks, by kind of pairs; both kinds in one pass."""
    cosines = gradient_confusion(model.alone(index), mse_loss, x, y, torch.cat([*pairs.values()]))
    parts = cosines.cpu().split([len(of) for of in pairs.values()])
    return {kind: confusion(part) for kind, part in zip(pairs, parts, strict=True)}


def confusion(cosines: Tensor) -> Record:
    """What is kept of cosines: "confusion", the mean of max(−cos, 0); "negative", the share of
    those below 0; "known", of those that are numbers; the "density" in BINS bins of [−1, 1]."""
    known = cosines[cosines.isfinite()].double()
    counts = torch.histc(known, BINS, -1, 1)
    if not len(known):
        return {"confusion": None, "negative": None, "known": 0.0, "density": [0.0] * BINS}
    return {
        "confusion": float((-known).clamp(min=0).mean()),
        "negative": float((known < 0).double().mean()),
        "known": len(known) / len(cosines),
        "density": [round(v, 4) for v in (counts / len(known) * BINS / 2).tolist()],
    }


def pixels(
    row: Coordinates,
    image: str,
    steps: int,
    pairs: int,
    seeds: Sequence[int],
    device: str,
    advance: Advance,
) -> list[Record]:
    """Train on all pixels, in batches of BATCH; patterns by step, and the confusion at the end.

    Args:
        image: a name of scikit-image, or "noise": three channels U[0, 1], by the seed.
        pairs: of either kind: local ones, within 3 × 3 pixels, and global ones, from opposite
            quarters.

    A record holds, at its "steps" each: "regions", the distinct patterns of the pixels; "hamming",
    the mean over neighbouring pixels, and "far", over the global pairs; "dead", the share of the
    units; "psnr" in dB. And "boundaries" on the diagonal, before and after (None of encoded
    coordinates), the "end" as of :func:`wave`, the late loss, and over the power of what is left
    of the image without its mean "relative_loss".
    """
    x = row.of(_centres()).to(device)
    y = torch.stack([_image(image, seed) for seed in seeds]).to(device)
    sizes = [2, *[WIDTH] * (DEPTHS[image] - 1), y.shape[-1]]
    model = _networks(row, sizes, seeds, device)
    each = range(len(seeds))
    drawn = [_pixel_pairs(pairs, seed) for seed in seeds]
    shown = spread_steps(steps, LOOKS)
    looks: list[list[Record]] = []

    def look() -> None:
        with torch.no_grad():
            made = model(x)
        looks.append(
            [{**_look(model, s, x, drawn[s]["global"]), "psnr": psnr(made[s], y[s])} for s in each]
        )

    def batches() -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(TARGET_SEEDS)
        waiting: list[Tensor] = []
        for step in range(steps):
            if step in shown:
                look()
            waiting = waiting or [*torch.randperm(len(x), generator=generator).split(BATCH)]
            chosen = waiting.pop()
            residual = model(x[chosen]) - y[:, chosen]
            yield residual.transpose(0, 1).flatten(1)
            advance(1 / steps)

    before = [_boundaries(row, model, s) for s in each]
    minimise(model, batches(), row.rate)
    look()
    return [
        {
            "steps": shown,
            **{key: [found[s][key] for found in looks] for key in looks[0][s]},
            "boundaries": [before[s], _boundaries(row, model, s)],
            "end": _confused(model, s, x, y[s], drawn[s]),
            "late_loss": (loss := float((model(x)[s] - y[s]).detach().square().mean())),
            "relative_loss": loss / float(y[s].var(0, correction=0).mean()),
        }
        for s in each
    ]


def _centres() -> Tensor:
    """Those of the pixels of [0, 1]², row-major; at its edges encoded coordinates would meet."""
    axis = (torch.arange(SIDE) + 0.5) / SIDE
    return torch.cartesian_prod(axis, axis)


def _image(name: str, seed: int) -> Tensor:
    if name != "noise":
        return picture(name, SIDE).reshape(-1, 1)
    generator = torch.Generator().manual_seed(TARGET_SEEDS + seed)
    return torch.rand(SIDE**2, 3, generator=generator)


def _pixel_pairs(count: int, seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(TARGET_SEEDS + seed)
    corner = torch.randint(SIDE - 2, (count, 2), generator=generator)
    near = _unequal(9, (count,), generator)
    local = [(corner[:, 0] + n // 3) * SIDE + corner[:, 1] + n % 3 for n in near.T]
    half = SIDE // 2
    inside = torch.randint(half, (count, 2, 2), generator=generator)
    inside[:, 1] += half
    return {"local": torch.stack(local, 1), "global": inside[..., 0] * SIDE + inside[..., 1]}


def _look(model: Networks, index: int, x: Tensor, far: Tensor) -> Record:
    network = model.alone(index)
    if not all(bool(p.isfinite().all()) for p in network.parameters()):
        return dict(LOST)
    patterns = activation_patterns(network, x)
    square = patterns.reshape(SIDE, SIDE, -1)
    apart = [hamming(square[1:], square[:-1]), hamming(square[:, 1:], square[:, :-1])]
    distant = hamming(patterns[far[:, 0]], patterns[far[:, 1]])
    return {
        "regions": region_count(patterns),
        "hamming": float(torch.cat([a.flatten() for a in apart]).double().mean()),
        "far": float(distant.double().mean()),
        "dead": float(dead_units(network, x).double().mean()),
    }


def _boundaries(row: Coordinates, model: Networks, index: int) -> int | None:
    network = model.alone(index)
    if row.octaves or not all(bool(p.isfinite().all()) for p in network.parameters()):
        return None
    low, high = (torch.full((2,), value) for value in (row.low, 1.0))
    return len(regions_on_line(network, low, high))
