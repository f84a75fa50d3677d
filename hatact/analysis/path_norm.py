"""The path norm of BW-ReLU networks, and the total variation of a shallow one's slope."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from hatact._checks import compute_dtype
from hatact.activations.bw_relu import BW_RELU
from hatact.nn import BWNetwork


def path_norm(network: BWNetwork) -> Tensor:
    """Σ over pairs (W, V) of consecutive matrices of |c|·Σ_k ‖W[k, :]‖₂·‖V[:, k]‖₂.

    With `linear_layers` the pairs are (W_l, V_l), where V_L is the last linear layer; without, each
    matrix and the next one, so that inner matrices serve twice. Under `weight_norm` the matrices
    are those that act. Biases and the skip do not count. For one hidden layer of one input it is
    a sixteenth of the total variation of f′ where no two kinks coincide: see
    :func:`slope_variation`.

    It is differentiable, in c too where c is learnt, and never below 0:
    `loss + λ·path_norm(network)` regularises. The published code adds it with `linear_layers`
    alone. Without them it logs another quantity: in the script for CT rows of the first matrix meet
    rows of the second, in the one for super-resolution columns, and layer 1, counted from 0, is
    skipped. Its figures are not those of this definition. Source: arXiv 2406.02529.

    Shapes: → (). dtype and device: those of the parameters; of float16 and bfloat16 it is computed
    in float32 and rounded once.

    Raises:
        ValueError: for a network of another kind.
    """
    weights = _weights(network)
    products = path_products([_wide(w) for w in weights], paired=network.linear_layers)
    return (_scale(network) * products).to(weights[0].dtype)


def path_products(weights: Sequence[Tensor], paired: bool) -> Tensor:
    """Σ over pairs (W, V) of Σ_k ‖W[k, :]‖₂·‖V[:, k]‖₂: of each matrix and the next one.

    Shapes: matrices (*, out, in), first to last → (*).

    Args:
        paired: whether every matrix stands in one pair alone: the first and second, the third and
            fourth …
    """
    norms = [
        (w.norm(dim=-1) * v.norm(dim=-2)).sum(-1)
        for w, v in list(pairwise(weights))[:: 2 if paired else 1]
    ]
    return torch.stack(norms).sum(0)


def slope_variation(network: BWNetwork) -> Tensor:
    """TV(f′) over the whole line: the sum over all kinks of f of the jump of f′, in norm ‖·‖₂.

    f(x) = Σ_k v_k·ψ(c(w_k·x + b_k)) + … has the kinks x = (j/(2c) − b_k)/w_k, j = 0 … 6, where f′
    jumps by |c·w_k|·a_j·v_k, a = (1, −8, 23, −32, 23, −8, 1)/6. Kinks that coincide, in the exact
    values of the parameters, are merged: their jumps add up before the norm is taken. Where none
    does it is 16·:func:`path_norm`. A neuron with w_k = 0 has no kinks, and the skip none either.

    It is differentiable in the jumps; which kinks coincide is taken as fixed. Cost: 7·hidden exact
    fractions. A hidden layer without a bias has b_k = 0.

    Shapes: → (). dtype and device: those of the parameters; of float16 and bfloat16 it is computed
    in float32 and rounded once.

    Raises:
        ValueError: for a network of another kind, of more than one input or hidden layer, or with
            a c, w_k, b_k or v_k that is not finite. The last layer's bias and the skip have no
            kinks, and may be anything.
    """
    weights = _weights(network)
    if network.in_features != 1 or network.hidden_layers != 1:
        raise ValueError(
            "the variation of the slope needs one input and one hidden layer; got "
            f"{network.in_features} and {network.hidden_layers}"
        )
    (w, v), c = map(_wide, weights), _scale(network)
    (w,) = w.T
    b = cast("Tensor | None", network.layers[0].bias)
    numbers = [w, torch.zeros_like(w) if b is None else b]
    rows = [t.detach().double().cpu().tolist() for t in numbers]
    scale = float(network.c.detach()) if isinstance(network.c, Tensor) else network.c
    if not (math.isfinite(scale) and all(torch.isfinite(t).all() for t in (*numbers, v))):
        raise ValueError(
            "c, the hidden layer's weight and bias and the last weight must be finite to have "
            "kinks; got numbers that are not"
        )
    groups: dict[Fraction, int] = {}
    neurons, jumps, kinks = [], [], []
    for k, (slope, bias) in enumerate(zip(*rows, strict=True)):
        if not slope or not scale:
            continue
        for knot, jump in zip(BW_RELU.knots, _jumps(), strict=True):
            kink = (Fraction(knot) / Fraction(scale) - Fraction(bias)) / Fraction(slope)
            kinks.append(groups.setdefault(kink, len(groups)))
            neurons.append(k)
            jumps.append(jump)
    chosen = torch.tensor(neurons, dtype=torch.int64, device=v.device)
    weight = (c * w.abs())[chosen] * torch.tensor(jumps, dtype=w.dtype, device=w.device)
    by_kink = v.new_zeros(len(groups), len(v)).index_add(
        0, torch.tensor(kinks, dtype=torch.int64, device=v.device), weight[:, None] * v.T[chosen]
    )
    total: Tensor = by_kink.norm(dim=1).sum()
    return total.to(weights[0].dtype)


def _jumps() -> list[float]:
    """The jumps of ψ′ at its knots."""
    slopes = [piece[-2] if len(piece) > 1 else 0 for piece in BW_RELU.pieces]
    return [float(b - a) for a, b in pairwise(slopes)]


def _weights(network: object) -> list[Tensor]:
    if not isinstance(network, BWNetwork):
        raise ValueError(f"the network must be a hatact.nn.BWNetwork; got {type(network).__name__}")
    return [cast(nn.Linear, layer).weight for layer in network.layers]


def _wide(t: Tensor) -> Tensor:
    return t.to(compute_dtype(t))


def _scale(network: BWNetwork) -> Tensor | float:
    """|c|, in the dtype that is computed in."""
    return _wide(network.c).abs() if isinstance(network.c, Tensor) else network.c
