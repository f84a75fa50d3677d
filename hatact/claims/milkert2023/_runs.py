"""The networks of milkert2023, S at once, and the runs of its claims.

y = α + βx ± F(x), with F a network of width 4 and five hidden layers, "4×5". A cascade of depth 5
fits in them: on [0, 1] its last sum is not negative and needs no ReLU of its own. It has 32 pieces.
A cascade of depth 4 has 16, and the best 16 pieces leave about (∫|f″|^(2/5))⁵/(720·16⁴) = 1.4e-7 on
x³, more than the paper's lowest error.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from hatact.analysis.regions import linear_regions
from hatact.baselines.lessons import Lessons
from hatact.baselines.projected import Projected
from hatact.baselines.read_out import ReadOut
from hatact.baselines.relu_nets import ReLUNets
from hatact.baselines.training import mean_squares, minimise
from hatact.claims.engine.runs import TARGET_SEEDS, Advance, Record
from hatact.claims.targets.functions import BATCH, FUNCTIONS, UPDATES, box, points, records
from hatact.nn import CascadeNetwork, TriangleCascade

WIDTH, DEPTH = 4, 5
RATE = 1e-3
COUNT_STEPS = 300
COUNT_RELEASED = 8
"""The depth up to which cascades are released too: counting theirs takes ten times as long."""
SHAPE = 129
"""Equally spaced points of [0, 1] at which the first seed's networks are kept, to be drawn."""
SIGNS = {"x³": -1, "x¹¹": -1, "sin x": 1, "tanh 3x": 1}
"""The sign of F in y = α + βx ± F by target: minus where it is convex on [0, 1]."""
WEIGHTS = {"x³ − x": (1, -1), "r³": (-1,) * 8}
"""Of functions beyond the table: what the weights of their cascades start from."""
PROJECTED_BATCH = 50
AT_ONCE = "skip pre-train"
CASCADES = {AT_ONCE: "theorem", "pre-train, free s": "free", "Theorem 3.1": "theorem"}
"""Rows that start as a cascade, and its scales; AT_ONCE is released before any training."""
READ_OUT = "Kaiming, α + βx"
"""The row of Kaiming's networks that have the cascades' affine read-out too."""
STARTS = {"Kaiming": "kaiming", "PyTorch's default": "pytorch", READ_OUT: "kaiming", "RAAI": "raai"}
"""The other rows, and how their ReLU networks are drawn."""


def cascades(
    seeds: Sequence[int], scales: str, depth: int = DEPTH, dtype: torch.dtype = torch.float64
) -> TriangleCascade:
    """One channel a seed, peaks drawn from U(0.2, 0.8) by the seed and computed in `dtype`."""
    generators = [torch.Generator().manual_seed(TARGET_SEEDS + seed) for seed in seeds]
    drawn = [torch.rand(depth + 1, generator=g).to(dtype) for g in generators]
    return TriangleCascade(depth, len(seeds), scales, peaks=0.2 + 0.6 * torch.stack(drawn))


def relu_nets(seeds: Sequence[int], start: str) -> ReLUNets:
    """One network 4×5 a seed; `start` is a word of :meth:`ReLUNets.drawn`."""
    return ReLUNets.drawn((1, *[WIDTH] * DEPTH, 1), [TARGET_SEEDS + seed for seed in seeds], start)


def released(cascade: TriangleCascade) -> ReLUNets:
    """The equal ReLU networks (on [0, 1]) of depth hidden layers, all of whose weights train."""
    network = cascade.to_relu()
    *layers, (w, b), _ = zip(network.weights, network.biases, strict=True)
    return ReLUNets([*layers, (w[:, :1], b[:, :1])])


def regions(networks: CascadeNetwork | ReLUNets) -> list[int]:
    """The exact number of linear regions of every network on [0, 1]."""
    return [linear_regions(networks.to_sequential(i)) for i in range(networks.channels)]


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

    A row without a pre-training has both halves at a stretch, with one optimiser. A record holds by
    target what :func:`records` gives, of the network in the epoch with the lowest error on the
    points trained on, and the exact number of "regions" at every stage; the first seed's also
    "shape", y at SHAPE points at every stage.
    """
    networks = [seed for _ in targets for seed in seeds]
    signs = torch.tensor([float(SIGNS[target]) for target in targets for _ in seeds])
    on_device = {name: x.to(device) for name, x in points(data).items()}
    functions = [FUNCTIONS[target] for target in targets]
    lessons = Lessons(functions, on_device, seeds, BATCH, UPDATES)
    drawn_at = lessons.columns(torch.linspace(0, 1, SHAPE, device=device))
    counts: dict[str, list[int]] = {}
    shapes: dict[str, list[list[float]]] = {}

    @torch.no_grad()
    def shape() -> list[list[float]]:
        y: list[list[float]] = model(drawn_at).T.tolist()
        return y

    def learn(length: int) -> None:
        lessons.learn(model, length, RATE, lambda epoch: advance(epoch / (2 * epochs)))

    if row in CASCADES:
        cascade = cascades(networks, CASCADES[row])
        model: nn.Module = ReadOut(cascade, signs).to(device)
        counts["drawn"], shapes["drawn"] = cascade.regions(), shape()
        if row != AT_ONCE:
            learn(epochs)
            counts["pre-trained"] = cascade.regions()
            shapes["pre-trained"] = shape()
        nets = model.inner = released(cascade)
    else:
        nets = relu_nets(networks, STARTS[row])
        model = (ReadOut(nets, signs) if row == READ_OUT else nets).to(device)
        shapes["drawn"] = shape()
    learn(2 * epochs - len(lessons.history["lowest"]))
    counts["trained"], shapes["trained"] = regions(nets), shape()

    of_networks = records(lessons)
    for i, record in enumerate(of_networks):
        record["regions"] = {stage: numbers[i] for stage, numbers in counts.items()}
        if i % len(seeds) == 0:
            record["shape"] = {stage: values[i] for stage, values in shapes.items()}
    by_seed = (of_networks[s :: len(seeds)] for s in range(len(seeds)))
    return [dict(zip(targets, of_seed, strict=True)) for of_seed in by_seed]


def count(depth: int, seeds: Sequence[int], device: str, advance: Advance) -> list[Record]:
    """Regions on [0, 1], exactly: of a cascade drawn, its peaks trained on x³, and released.

    y = x − F(x), full batch of 500 points, COUNT_STEPS updates a stage. "relu" is the count of a
    network of the same size, width 4 and depth + 1 hidden layers, as PyTorch starts it.
    """
    cascade = cascades(seeds, "theorem", depth, torch.float32).to(device)
    counts = {"drawn": cascade.regions()}
    advance(0.25)
    _fit_cube(cascade, device)
    counts["trained"] = cascade.regions()
    advance(0.5)
    counts["relu"] = regions(ReLUNets.drawn((1, *[WIDTH] * (depth + 1), 1), seeds, "pytorch"))
    if depth <= COUNT_RELEASED:
        network = cascade.to_relu()
        _fit_cube(network, device)
        counts["released"] = regions(network)
    advance(0.25)
    return [{stage: numbers[i] for stage, numbers in counts.items()} for i in range(len(seeds))]


def _fit_cube(model: TriangleCascade | CascadeNetwork, device: str) -> None:
    x = torch.linspace(0, 1, 500, device=device)[:, None]
    inputs = x.expand(-1, model.channels)
    minimise(model, (x - model(inputs) - x**3 for _ in range(COUNT_STEPS)), RATE)


def project(
    problem: str, cascade: bool, steps: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """`steps` updates of the peaks and as many of all weights; without cascades, of ReLU networks.

    Those have the same size, start as Kaiming's and have the same projections and read-out. The
    record holds the mean squared error on all points at the end of either half.
    """
    signs = WEIGHTS[problem]
    x, y = (t.to(device) for t in box(problem))
    drawn = [1000 * seed + k for seed in seeds for k in range(len(signs))]
    directions = torch.stack([_directions(x.shape[1], len(signs), seed) for seed in seeds])
    inner = cascades(drawn, "theorem") if cascade else relu_nets(drawn, "kaiming")
    model = Projected(inner, directions, signs).to(device)

    def residuals() -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(0)
        for _ in range(steps):
            part = torch.randint(len(x), (PROJECTED_BATCH,), generator=generator).to(device)
            yield model(x[part]) - y[part]
            advance(0.5 / steps)

    minimise(model, residuals(), RATE)
    errors = {"pre-trained": mean_squares(model, x, y)}
    if cascade:
        model.inner = released(model.inner)  # type: ignore[arg-type]
    minimise(model, residuals(), RATE)
    errors["trained"] = mean_squares(model, x, y)
    return [{stage: float(e[i]) for stage, e in errors.items()} for i in range(len(seeds))]


def _directions(inputs: int, count: int, seed: int) -> Tensor:
    if inputs == 1:
        return torch.ones(count, 1)
    angles = torch.rand(count, generator=torch.Generator().manual_seed(seed)) * math.pi
    return torch.stack([angles.cos(), angles.sin()], 1)
