"""Networks of sines whose frequency rises with the pre-activation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from hatact.baselines.networks import Networks
from hatact.baselines.siren import start_as_siren


class Finer(Networks):
    """y = W_L·h_{L−1} + b_L, h_l = σ(W_l·h_{l−1} + b_l), h_0 = x, with σ(z) = sin(ω·(|z| + 1)·z).

    The gradient is not the derivative of σ: as in the published code, the factor |z| + 1 is held
    constant in the backward pass. So it is ω·(|z| + 1)·cos(ω·(|z| + 1)·z), where the derivative has
    2·|z| + 1 before the cosine.

    A network a seed, which starts as that of :class:`~hatact.baselines.Siren`, but for the first
    biases, which are from U(±first_bias) if it is given; large ones reach the high frequencies of σ
    from the start. The caller's generator is left alone.

    Shapes: x (N, inputs), the same for all, or (S, N, inputs) → (S, N, outputs). dtypes: those of
    its parameters, float32 unless converted.

    Args:
        sizes: inputs, the widths of the hidden layers, outputs.
        seeds: S of them.
        omega: ω, of every hidden layer.
        first_bias: the bound of the first biases; None for the 1/√in of `torch.nn.Linear`.

    Raises:
        ValueError: for a first_bias that is negative or not finite; as
            :class:`~hatact.baselines.Siren`.

    Source: arXiv 2312.02434 (CVPR 2024) and its published code.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        seeds: Sequence[int],
        omega: float = 30.0,
        first_bias: float | None = None,
    ) -> None:
        super().__init__(sizes, seeds, partial(_rising_sine, omega=omega))
        start_as_siren(self, omega)
        if first_bias is None:
            return
        if not 0 <= first_bias < math.inf:
            raise ValueError(f"first_bias must be finite and at least 0; got {first_bias}")
        with torch.no_grad():
            self.biases[0].mul_(first_bias * math.sqrt(sizes[0]))


def _rising_sine(z: Tensor, omega: float) -> Tensor:
    return torch.sin(omega * (z.detach().abs() + 1) * z)
