"""The runs of milkert2023/regions: pieces of cascades as drawn, as trained, and after release."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from hatact.analysis import linear_regions
from hatact.claims.engine.runs import TARGETS, Advance, Record
from hatact.nn import TriangleCascade

WIDTH = 4
STEPS = 300
RATE = 1e-3
RELEASED = 8
"""The depth up to which cascades are released too: counting theirs takes ten times as long."""


def count(depth: int, seeds: Sequence[int], device: str, advance: Advance) -> list[Record]:
    """Regions on [0, 1], exactly: of a cascade drawn, its peaks trained on x³, and released.

    y = x − F(x), full batch of 500 points, STEPS updates a stage. "relu" is the count of a network
    of the same size, width 4 and depth + 1 hidden layers, with PyTorch's default initialisation.
    """
    peaks = torch.stack([0.2 + 0.6 * torch.rand(depth + 1, generator=_drawn(s)) for s in seeds])
    cascade = TriangleCascade(depth, len(seeds), peaks=peaks.tolist()).to(device)
    drawn = cascade.regions()
    advance(0.25)
    _train(cascade, device)
    trained = cascade.regions()
    advance(0.5)
    records: list[Record] = [
        {"drawn": a, "trained": b, "relu": linear_regions(_relu(depth, s))}
        for a, b, s in zip(drawn, trained, seeds, strict=True)
    ]
    if depth <= RELEASED:
        network = cascade.to_relu()
        _train(network, device)
        for i, record in enumerate(records):
            record["released"] = linear_regions(network.to_sequential(i))
    advance(0.25)
    return records


def _train(model: nn.Module, device: str) -> None:
    x: Tensor = torch.linspace(0, 1, 500, device=device)[:, None]
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    channels = int(model.channels)  # type: ignore[arg-type]
    for _ in range(STEPS):
        optimiser.zero_grad()
        (x - model(x.expand(-1, channels)) - x**3).square().mean(0).sum().backward()
        optimiser.step()


def _drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(TARGETS + seed)


def _relu(depth: int, seed: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Linear(a, b) for a, b in pairwise((1, *[WIDTH] * (depth + 1), 1))]
    *parts, _ = (m for layer in layers for m in (layer, nn.ReLU()))
    return nn.Sequential(*parts)
