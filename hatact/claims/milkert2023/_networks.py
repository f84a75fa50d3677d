"""What is trained in milkert2023: S cascades, or S ReLU networks of the same size, at once.

y = α + βx ± F(x), with F a network of width 4 and five hidden layers, "4×5". A cascade of depth 5
fits in them: on [0, 1] its last sum is not negative and needs no ReLU of its own. It has 32 pieces.
A cascade of depth 4 has 16, and the best 16 pieces leave about (∫|f″|^(2/5))⁵/(720·16⁴) = 1.4e-7 on
x³, more than the paper's lowest error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from hatact.claims.engine.runs import TARGETS, Advance
from hatact.nn import TriangleCascade

WIDTH, DEPTH = 4, 5
SIZES = (1, *[WIDTH] * DEPTH, 1)
RATE = 1e-3
CASCADES = {"skip pre-train": "theorem", "pre-train, free s": "free", "Theorem 3.1": "theorem"}
"""Rows that start as a cascade, and its scales."""
Layer = tuple[Tensor, Tensor]


class ReLUNets(nn.Module):
    """S ReLU networks at once, x (N, S) → (N, S); all parameters in one tensor.

    Adam on one tensor takes 20 µs where it takes 310 on the fourteen of a
    :class:`~hatact.nn.CascadeNetwork`, and points in the last dimension halve a product's time.

    Args:
        layers: for every linear layer the weight (S, out, in) and the bias (S, out).
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        parts = [part for w, b in layers for part in (w, b[:, :, None])]
        self.shapes = [part.shape for part in parts]
        self.flat = nn.Parameter(torch.cat([part.detach().flatten() for part in parts]))

    def layers(self) -> list[Layer]:
        """Weights (S, out, in) and biases (S, out, 1)."""
        flat = self.flat.split([shape.numel() for shape in self.shapes])
        parts = [part.view(shape) for part, shape in zip(flat, self.shapes, strict=True)]
        return list(zip(parts[::2], parts[1::2], strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """Every column through the network of its own."""
        h = x.T[:, None]
        layers = self.layers()
        for i, (w, b) in enumerate(layers):
            h = torch.bmm(w, h) + b
            if i < len(layers) - 1:
                h = torch.relu(h)
        return h[:, 0].T

    def sequential(self, index: int) -> nn.Sequential:
        """One of them as `Linear` and `ReLU`, in float64."""
        parts: list[nn.Module] = []
        for w, b in self.layers():
            layer = nn.Linear(w.shape[2], w.shape[1], dtype=torch.float64)
            with torch.no_grad():
                layer.weight.copy_(w[index])
                layer.bias.copy_(b[index, :, 0])
            parts += [layer, nn.ReLU()]
        return nn.Sequential(*parts[:-1])


class ReadOut(nn.Module):
    """y = α + βx + sign·F(x), (N, S) → (N, S); `line` holds α and β, (2, S), by default 0 and 1."""

    signs: Tensor

    def __init__(self, inner: nn.Module, signs: Tensor, line: Tensor | None = None) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("signs", signs)
        if line is None:
            line = torch.stack([torch.zeros_like(signs), torch.ones_like(signs)])
        self.line = nn.Parameter(line.detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """The affine part, plus or minus the rest."""
        return torch.addcmul(self.line[0] + self.line[1] * x, self.signs, self.inner(x))


def released(cascade: TriangleCascade) -> ReLUNets:
    """The equal ReLU networks (on [0, 1]) of depth hidden layers, all of whose weights train."""
    network = cascade.to_relu()
    layers = list(zip(network.weights, network.biases, strict=True))[:-1]
    w, b = layers.pop()
    return ReLUNets([*layers, (w[:, :1], b[:, :1])])


def cascades(seeds: Sequence[int], scales: str) -> TriangleCascade:
    """One channel a seed, peaks drawn from U(0.2, 0.8) by the seed."""
    drawn = [0.2 + 0.6 * torch.rand(DEPTH + 1, generator=_generator(s)).double() for s in seeds]
    return TriangleCascade(DEPTH, len(seeds), scales, peaks=torch.stack(drawn))


def relu_nets(seeds: Sequence[int], start: str) -> ReLUNets:
    """Networks of :data:`SIZES` drawn by the seeds; `start` is a name of :data:`DRAWN`."""
    nets = []
    for seed in seeds:
        generator = _generator(seed)
        nets.append([DRAWN[start](a, b, generator) for a, b in pairwise(SIZES)])
    stacked = [tuple(map(torch.stack, zip(*of, strict=True))) for of in zip(*nets, strict=True)]
    return ReLUNets([(w, b) for w, b in stacked])


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(TARGETS + seed)


def _default(inputs: int, outputs: int, generator: torch.Generator) -> Layer:
    bound = 1 / math.sqrt(inputs)
    w = torch.empty(outputs, inputs).uniform_(-bound, bound, generator=generator)
    return w, torch.empty(outputs).uniform_(-bound, bound, generator=generator)


def _kaiming(inputs: int, outputs: int, generator: torch.Generator) -> Layer:
    w = torch.randn(outputs, inputs, generator=generator) * math.sqrt(2 / inputs)
    return w, torch.zeros(outputs)


def _raai(inputs: int, outputs: int, generator: torch.Generator) -> Layer:
    rows = torch.randn(outputs, inputs + 1, generator=generator) * 0.6007 / math.sqrt(inputs)
    places = torch.randint(inputs + 1, (outputs, 1), generator=generator)
    beta = torch.rand(outputs, 1, generator=generator).sqrt()  # Beta(2, 1): P(v < t) = t²
    rows.scatter_(1, places, beta)
    return rows[:, :-1].contiguous(), rows[:, -1].contiguous()


DRAWN: dict[str, Callable[[int, int, torch.Generator], Layer]] = {
    "Kaiming": _kaiming,
    "PyTorch's default": _default,
    "RAAI": _raai,
}
"""Kaiming normal with zero biases; Kaiming uniform for a leaky slope of √5, with its biases; and of
Lu, Shin, Su, Karniadakis (arXiv 1903.06733)."""


def fit(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    epochs: int,
    batch: int,
    shuffled: Callable[[], Tensor],
    advance: Advance,
    after: Callable[[], None],
) -> None:
    """Adam on the mean squared error, from a fresh state; `after()` ends every epoch.

    Args:
        x, y: (N, S), a column a network.
        batch: points an update.
        shuffled: the points of an epoch in order, for each column: (a multiple of batch, S).
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    for _ in range(epochs):
        for part in shuffled().split(batch):
            optimiser.zero_grad()
            out = model(x.gather(0, part))
            (out - y.gather(0, part)).square().mean(0).sum().backward()
            optimiser.step()
        after()
        advance(1 / epochs)


@torch.no_grad()
def error(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The mean squared error of every network, float64."""
    found: Tensor = (model(x) - y).double().square().mean(0).cpu()
    return found
