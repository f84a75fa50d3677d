"""All ten of scikit-learn's digits, and the training of classifiers of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hatact.analysis.digits import digits
from hatact.baselines.classifiers import Classifiers
from hatact.claims.engine.runs import TARGET_SEEDS, Advance, Record

SIZES, DEPTH = (64, 32, 10), 4
BATCH = 64
HELD_OUT = 0.2


def images(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels in [0, 1] and labels to train on, and a fifth of the 1797 drawn by the seed to test.

    float32 (N, 64) and int64 (N,), twice.
    """
    x, y = digits()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(TARGET_SEEDS + seed))
    held, kept = order.tensor_split([round(HELD_OUT * len(x))])
    return x[kept], y[kept], x[held], y[held]


def train(
    activation: str, lr: float, epochs: int, seeds: Sequence[int], device: str, advance: Advance
) -> list[Record]:
    """Adam on the cross-entropy, batches of 64.

    A record holds, after every epoch, the accuracy on test images and the loss on the others.
    """
    splits = [images(seed) for seed in seeds]
    x, y, held_x, held_y = (torch.stack(t).to(device) for t in zip(*splits, strict=True))
    model = Classifiers(SIZES, seeds, activation, DEPTH).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    networks = torch.arange(len(seeds), device=device)[:, None]
    history = []
    for _ in range(epochs):
        orders = [torch.randperm(x.shape[1], generator=g) for g in generators]
        for part in torch.stack(orders).to(device).split(BATCH, 1):
            optimiser.zero_grad()
            model.losses(x[networks, part], y[networks, part]).mean(1).sum().backward()
            optimiser.step()
        with torch.no_grad():
            accuracy = (model(held_x).argmax(-1) == held_y).double().mean(1)
            loss = model.losses(x, y).double().mean(1)
        history.append(torch.stack([accuracy, loss], 1).cpu())
        advance(1 / epochs)
    by_seed = torch.stack(history, 2).tolist()
    return [{"accuracy": accuracy, "loss": loss} for accuracy, loss in by_seed]
