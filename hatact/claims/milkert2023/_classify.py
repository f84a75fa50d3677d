"""The runs of milkert2023/digits: classifiers of scikit-learn's digits by their activation.

64 pixels → WIDTH linear projections z → activation → 10 logits. "cascade" is F_k(sigmoid(z_k)),
a learned cascade a projection, which reads [0, 1]; "relu" and "sigmoid" are the controls.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hatact.claims.engine.runs import TARGETS, Advance, Record
from hatact.nn import TriangleCascade

WIDTH, DEPTH = 32, 4
BATCH = 64
HELD_OUT = 0.2
CLASSES = 10


class Classifiers(nn.Module):
    """S classifiers at once: (S, N, 64) → (S, N, 10), linear layers as PyTorch draws them."""

    def __init__(self, activation: str, seeds: Sequence[int]) -> None:
        super().__init__()
        self.activation = activation
        first, second, peaks = zip(*(_drawn(seed) for seed in seeds), strict=True)
        self.weights = nn.ParameterList(_stacked(of, "weight") for of in (first, second))
        self.biases = nn.ParameterList(_stacked(of, "bias") for of in (first, second))
        if activation == "cascade":
            start = torch.cat(peaks).tolist()
            self.cascade = TriangleCascade(DEPTH, WIDTH * len(seeds), peaks=start)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        z = torch.baddbmm(self.biases[0][:, None], x, self.weights[0].mT)
        h = torch.relu(z) if self.activation == "relu" else torch.sigmoid(z)
        if self.activation == "cascade":
            h = self.cascade(h.transpose(0, 1).flatten(1)).unflatten(1, (-1, WIDTH)).transpose(0, 1)
        return torch.baddbmm(self.biases[1][:, None], h, self.weights[1].mT)


def _drawn(seed: int) -> tuple[nn.Linear, nn.Linear, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.Linear(64, WIDTH), nn.Linear(WIDTH, CLASSES)
        return *layers, 0.2 + 0.6 * torch.rand(WIDTH, DEPTH + 1)


def _stacked(layers: Sequence[nn.Linear], part: str) -> nn.Parameter:
    return nn.Parameter(torch.stack([getattr(layer, part).detach() for layer in layers]))


def images(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels in [0, 1] and labels to train on, and a fifth of the 1797 drawn by the seed to test.

    float32 (N, 64) and int64 (N,), twice.
    """
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    x, y = torch.from_numpy(pixels).float() / 16, torch.from_numpy(digits)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(TARGETS + seed))
    held, kept = order.split([round(HELD_OUT * len(x)), len(x) - round(HELD_OUT * len(x))])
    return x[kept], y[kept], x[held], y[held]


def train(
    activation: str, lr: float, epochs: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Adam on the cross-entropy, batches of 64; the accuracy on test images after every epoch."""
    splits = [images(seed) for seed in seeds]
    x, y, held_x, held_y = (torch.stack(of).to(device) for of in zip(*splits, strict=True))
    model = Classifiers(activation, seeds).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    of = torch.arange(len(seeds), device=device)[:, None]
    accuracy, losses = [], []
    for _ in range(epochs):
        orders = [torch.randperm(x.shape[1], generator=g) for g in generators]
        for part in torch.stack(orders).to(device).split(BATCH, 1):
            optimiser.zero_grad()
            logits = model(x[of, part])
            loss = cross_entropy(logits.flatten(0, 1), y[of, part].flatten(), reduction="none")
            loss.unflatten(0, part.shape).mean(1).sum().backward()
            optimiser.step()
        with torch.no_grad():
            accuracy.append((model(held_x).argmax(-1) == held_y).double().mean(1).cpu())
            losses.append(
                cross_entropy(model(x).flatten(0, 1), y.flatten(), reduction="none")
                .view(y.shape)
                .double()
                .mean(1)
                .cpu()
            )
        advance(1 / epochs)
    return [
        {"accuracy": a.tolist(), "loss": b.tolist()}
        for a, b in zip(torch.stack(accuracy, 1), torch.stack(losses, 1), strict=True)
    ]
