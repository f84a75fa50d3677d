"""Networks of sines, which start as SIRENs do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from hatact.baselines.networks import Networks


class Siren(Networks):
    """y = W_L·h_{L−1} + b_L, h_l = sin(ω·(W_l·h_{l−1} + b_l)), h_0 = x: a network a seed.

    The first weights start from U(±1/in), all others, the last ones too, from U(±√(6/in)/ω), and
    biases as those of `torch.nn.Linear`, from U(±1/√in). The draws are those of
    :class:`~hatact.baselines.Networks` from the same seeds, scaled; the caller's generator is left
    alone.

    Shapes: x (N, inputs), the same for all, or (S, N, inputs) → (S, N, outputs). dtypes: those of
    its parameters, float32 unless converted.

    Args:
        sizes: inputs, the widths of the hidden layers, outputs.
        seeds: S of them.
        omega: ω, of every hidden layer.

    Raises:
        ValueError: for an ω that is not positive and finite; as
            :class:`~hatact.baselines.Networks`.

    Source: arXiv 2006.09661, section 3.2 and its supplement.
    """

    def __init__(self, sizes: Sequence[int], seeds: Sequence[int], omega: float = 30.0) -> None:
        super().__init__(sizes, seeds, partial(_sine, omega=omega))
        start_as_siren(self, omega)


def _sine(z: Tensor, omega: float) -> Tensor:
    return torch.sin(omega * z)


@torch.no_grad()
def start_as_siren(networks: Networks, omega: float) -> None:
    """Weights from U(±1/√in), as `networks` has them, become those of a SIREN.

    Raises:
        ValueError: for an omega that is not positive and finite.
    """
    if not 0 < omega < math.inf:
        raise ValueError(f"omega must be positive and finite; got {omega}")
    first, *others = networks.weights
    first.mul_(1 / math.sqrt(first.shape[1]))
    for w in others:
        w.mul_(math.sqrt(6) / omega)
