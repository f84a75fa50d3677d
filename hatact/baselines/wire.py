"""Networks of complex Gabor wavelets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

Layer = tuple[Tensor, Tensor]


class Wire(nn.Module):
    """y = Re(W_L·h_{L−1} + b_L), h_l = σ(W_l·h_{l−1} + b_l), h_0 = x, σ(z) = exp(iωz − |s·z|²).

    The first layer is real, all others are complex. A complex weight is two numbers, so the hidden
    widths are divided by √2, as published: int(width/√2), at least 1, with about as many numbers as
    a real network of `sizes`. |σ(z)| reaches exp(ω²/4s²), so an ω far above s may overflow. Every
    network starts as `torch.nn.Linear` layers of these dtypes do after `torch.manual_seed(seed)`:
    real and imaginary parts from U(±1/√in). The caller's generator is left alone.

    Shapes: x (N, inputs), the same for all, or (S, N, inputs) → (S, N, outputs), real. dtypes:
    those of its parameters, float32 unless converted; float64 computes in complex128. Half types
    are not supported.

    Args:
        sizes: inputs, the widths of the hidden layers before the division, outputs.
        seeds: S of them.
        omega: ω, the frequency of the wavelets.
        sigma: s, so that 1/s is their width.

    Attributes:
        weights: (S, in, out) of the first layer, (S, in, out, 2) of the others, real and imaginary
            part last, as `torch.view_as_real` has them.
        biases: (S, 1, out) and (S, 1, out, 2).

    Raises:
        ValueError: for fewer than two sizes, a size below 1 or no seed, an ω or s that is not
            positive and finite.

    Source: arXiv 2301.05187 and its published code.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        seeds: Sequence[int],
        omega: float = 10.0,
        sigma: float = 10.0,
    ) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) < 1 or not seeds:
            raise ValueError(
                "networks need at least two sizes, each at least 1, and a seed; "
                f"got sizes {tuple(sizes)} and seeds {tuple(seeds)}"
            )
        if not (0 < omega < math.inf and 0 < sigma < math.inf):
            raise ValueError(
                f"omega and sigma must be positive and finite; got {omega} and {sigma}"
            )
        self.omega, self.sigma = omega, sigma
        hidden = [max(1, int(width / math.sqrt(2))) for width in sizes[1:-1]]
        narrowed = [sizes[0], *hidden, sizes[-1]]
        layers = list(zip(*(_drawn(narrowed, seed) for seed in seeds), strict=True))
        self.weights = nn.ParameterList(torch.stack([w for w, _ in layer]) for layer in layers)
        self.biases = nn.ParameterList(torch.stack([b for _, b in layer]) for layer in layers)

    def forward(self, x: Tensor) -> Tensor:
        (w, b), *others = zip(self.weights, self.biases, strict=True)
        h = torch.baddbmm(b, x.expand(len(w), -1, -1), w)
        for w, b in others:
            h = torch.baddbmm(torch.view_as_complex(b), self._wavelets(h), torch.view_as_complex(w))
        return torch.real(h)

    def _wavelets(self, z: Tensor) -> Tensor:
        # torch's complex exp takes twice as long as cos and sin.
        if not z.is_complex():
            size, angle = torch.exp(-((self.sigma * z) ** 2)), self.omega * z
        else:
            x, y = torch.view_as_real(z).unbind(-1)
            squares = self.sigma**2 * (x * x + y * y)
            size, angle = torch.exp(-self.omega * y - squares), self.omega * x
        return torch.complex(size * angle.cos(), size * angle.sin())


def _drawn(sizes: Sequence[int], seed: int) -> list[Layer]:
    """Weights (in, out) and biases (1, out), complex ones as pairs of real numbers.

    Module.double() would leave complex parameters as they are, and fused Adam refuses them.
    """
    real = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [
            nn.Linear(a, b, dtype=real.to_complex() if i else real)
            for i, (a, b) in enumerate(pairwise(sizes))
        ]
    parts = [(layer.weight.detach().T.contiguous(), layer.bias.detach()[None]) for layer in layers]
    return parts[:1] + [(torch.view_as_real(w), torch.view_as_real(b)) for w, b in parts[1:]]
