"""Classifiers with one hidden layer, of which the activation may be learned."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from hatact.nn import TriangleCascade

_SQUASHES = {"relu": torch.relu, "sigmoid": torch.sigmoid, "cascade": torch.sigmoid}


class Classifiers(nn.Module):
    """logits = W₂·σ(W₁·x + b₁) + b₂, S classifiers at once, one a seed.

    σ is "relu", "sigmoid", or "cascade": σ(z)_k = F_k(sigmoid(z_k)), a triangle cascade for each of
    the K hidden units, which reads [0, 1]. Every classifier starts as `torch.nn.Linear` layers do
    after `torch.manual_seed(seed)`; the peaks, from U(0.2, 0.8), are drawn after them, so the
    controls have the same layers. The caller's generator is left alone.

    Shapes: (S, N, inputs) → (S, N, classes). dtypes: that of the parameters, float32 unless
    converted.

    Args:
        sizes: inputs, hidden units and classes.
        seeds: S of them.
        activation: one of the three words.
        depth: how many triangles a cascade composes.

    Attributes:
        w1, b1, w2, b2: (S, K, inputs), (S, K), (S, classes, K), (S, classes).
        cascade: with S·K channels, or None where the activation is another.

    Raises:
        ValueError: for another word, or no seed; as :class:`hatact.nn.TriangleCascade`.

    Source: arXiv 2311.18022, which replaces the classifier of image networks.
    """

    def __init__(
        self, sizes: tuple[int, int, int], seeds: Sequence[int], activation: str, depth: int = 4
    ) -> None:
        super().__init__()
        if activation not in _SQUASHES:
            words = ", ".join(_SQUASHES)
            raise ValueError(f"activation must be one of {words}; got {activation!r}")
        if not seeds:
            raise ValueError("classifiers need at least one seed; got none")
        drawn = zip(*(_drawn(sizes, depth, seed) for seed in seeds), strict=True)
        *layers, peaks = (torch.stack(by_seed).detach() for by_seed in drawn)
        self.w1, self.b1, self.w2, self.b2 = map(nn.Parameter, layers)
        self._squash = _SQUASHES[activation]
        self.cascade: TriangleCascade | None = None
        if activation == "cascade":
            channels = len(seeds) * sizes[1]
            self.cascade = TriangleCascade(depth, channels, peaks=peaks.flatten(0, 1))

    def forward(self, x: Tensor) -> Tensor:
        h = self._squash(torch.baddbmm(self.b1[:, None], x, self.w1.mT))
        if self.cascade is not None:
            y = self.cascade(h.transpose(0, 1).flatten(1))
            h = y.unflatten(1, self.b1.shape).transpose(0, 1)
        return torch.baddbmm(self.b2[:, None], h, self.w2.mT)

    def losses(self, x: Tensor, labels: Tensor) -> Tensor:
        """Every input's cross-entropy: (S, N, inputs) and int64 labels (S, N) → (S, N)."""
        logits = self(x)
        losses = cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        return losses.view(labels.shape)


def _drawn(sizes: tuple[int, int, int], depth: int, seed: int) -> list[Tensor]:
    """Weights and biases of both layers, and the peaks (K, depth + 1)."""
    inputs, hidden, classes = sizes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = nn.Linear(inputs, hidden), nn.Linear(hidden, classes)
        peaks = 0.2 + 0.6 * torch.rand(hidden, depth + 1)
    return [*(part for layer in layers for part in (layer.weight, layer.bias)), peaks]
