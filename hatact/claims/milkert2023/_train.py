"""The runs of milkert2023/approximation and /sparse: one row of the table, several targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hatact.analysis import linear_regions
from hatact.claims.engine.runs import Advance, Record
from hatact.claims.milkert2023._networks import (
    CASCADES,
    ReadOut,
    ReLUNets,
    cascades,
    error,
    fit,
    released,
    relu_nets,
)

POINTS, BATCH, UPDATES = 500, 50, 10
FEW = 10
SHOWN = 60
SHAPE = 129
"""Equally spaced points of [0, 1] at which the first seed's networks are kept, to be drawn."""
Function = Callable[[Tensor], Tensor]
TARGETS: dict[str, tuple[Function, int]] = {
    "x³": (lambda x: x**3, -1),
    "x¹¹": (lambda x: x**11, -1),
    "sin x": (torch.sin, 1),
    "tanh 3x": (lambda x: torch.tanh(3 * x), 1),
}
"""The function on [0, 1], and the sign of F in y = α + βx ± F: minus where it is convex."""
READ_OUT = "Kaiming, α + βx"
"""The row of Kaiming's networks that have the cascades' affine read-out too."""


def dense() -> tuple[Tensor, Tensor]:
    """500 equally spaced points of [0, 1]; all are trained on and measured at."""
    x = torch.linspace(0, 1, POINTS)
    return x, x


def sparse() -> tuple[Tensor, Tensor]:
    """20 equally spaced points of [0, 1], the even ones to train on, the odd ones to test at."""
    x = torch.linspace(0, 1, 2 * FEW)
    return x[::2], x[1::2]


def train(
    row: str,
    data: str,
    targets: Sequence[str],
    epochs: int,
    seeds: Sequence[int],
    device: str,
    advance: Advance,
) -> list[Record]:
    """Train one row on all targets, `epochs` before the release and as many after it.

    An epoch is ten updates: of 50 points each, or of all ten. A row without a pre-training has both
    halves at a stretch, with one optimiser. What is kept of a run is the network of the epoch with
    the lowest error on the points trained on ("lowest"; of sparse data "test" is its error on the
    others, "between" on those but the last); "last" is the error after the last epoch. A record
    holds these by target, the error over epochs, and the exact number of regions at every stage;
    the first seed's also "shape", y at SHAPE points at every stage.
    """
    x, held = dense() if data == "dense" else sparse()
    n = len(targets) * len(seeds)
    repeated = [seed for _ in targets for seed in seeds]
    x, held = (t[:, None].expand(-1, n).contiguous().to(device) for t in (x, held))
    y, held_y = (_values(targets, of, len(seeds)) for of in (x, held))
    signs = torch.tensor([float(TARGETS[t][1]) for t in targets], device=device)
    signs = signs.repeat_interleave(len(seeds))
    shuffled = _orders(len(x), seeds, len(targets), device)
    batch = min(BATCH, len(x))
    history: list[Tensor] = []
    tests: list[Tensor] = []
    between: list[Tensor] = []

    def stage(model: nn.Module, count: int) -> None:
        def half(share: float) -> None:
            advance(share * count / (2 * epochs))

        def after() -> None:
            history.append(error(model, x, y))
            if data == "sparse":
                tests.append(error(model, held, held_y))
                between.append(error(model, held[:-1], held_y[:-1]))

        fit(model, x, y, count, batch, shuffled, half, after)

    counts: dict[str, list[int]] = {}
    shapes: dict[str, list[list[float]]] = {}
    if row in CASCADES:
        cascade = cascades(repeated, CASCADES[row]).to(device)
        drawn = ReadOut(cascade, signs)
        counts["drawn"] = cascade.regions()
        shapes["drawn"] = shape(drawn, n, device)
        first = 0 if row == "skip pre-train" else epochs
        if first:
            stage(drawn, first)
            counts["pre-trained"] = cascade.regions()
            shapes["pre-trained"] = shape(drawn, n, device)
        nets = released(cascade)
        model: nn.Module = ReadOut(nets, signs, drawn.line)
        stage(model, 2 * epochs - first)
    else:
        nets = relu_nets(repeated, "Kaiming" if row == READ_OUT else row).to(device)
        model = ReadOut(nets, signs) if row == READ_OUT else nets
        shapes["drawn"] = shape(model, n, device)
        stage(model, 2 * epochs)
    counts["trained"] = regions(nets)
    shapes["trained"] = shape(model, n, device)
    errors = torch.stack(history, 1)
    others = {
        name: torch.stack(of, 1) for name, of in (("test", tests), ("between", between)) if of
    }
    return [
        {
            target: {
                **_record(errors[i], {name: of[i] for name, of in others.items()}),
                "regions": {stage: of[i] for stage, of in counts.items()},
                **({"shape": {stage: of[i] for stage, of in shapes.items()}} if s == 0 else {}),
            }
            for t, target in enumerate(targets)
            for i in (t * len(seeds) + s,)
        }
        for s in range(len(seeds))
    ]


@torch.no_grad()
def shape(model: nn.Module, networks: int, device: str) -> list[list[float]]:
    """Every network's y at :data:`SHAPE` points, to the ends of [0, 1]."""
    x = torch.linspace(0, 1, SHAPE, device=device)[:, None]
    y: list[list[float]] = model(x.expand(-1, networks).contiguous()).T.tolist()
    return y


def regions(nets: ReLUNets) -> list[int]:
    """The exact number of linear regions of every network on [0, 1]."""
    count = nets.layers()[0][0].shape[0]
    return [linear_regions(nets.sequential(i)) for i in range(count)]


def _values(targets: Sequence[str], x: Tensor, seeds: int) -> Tensor:
    parts = x.split(seeds, 1)
    return torch.cat([TARGETS[t][0](p) for t, p in zip(targets, parts, strict=True)], 1)


def _orders(points: int, seeds: Sequence[int], copies: int, device: str) -> Callable[[], Tensor]:
    """An epoch's points for every column; all of them ten times if they fit into one batch."""
    if points <= BATCH:
        every = torch.arange(points, device=device).repeat(UPDATES)
        whole = every[:, None].expand(-1, len(seeds) * copies).contiguous()
        return lambda: whole
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def draw() -> Tensor:
        orders = [torch.randperm(points, generator=g) for g in generators]
        return torch.stack(orders, 1).repeat(1, copies).to(device)

    return draw


def _record(errors: Tensor, others: dict[str, Tensor]) -> Record:
    best = int(errors.nan_to_num(math.inf).argmin())
    shown = sorted({round(i * (len(errors) - 1) / SHOWN) for i in range(SHOWN + 1)})
    return {
        "lowest": float(errors[best]),
        "last": float(errors[-1]),
        **{name: float(of[best]) for name, of in others.items()},
        "epochs": shown,
        "errors": errors[shown].tolist(),
    }
