"""A network of linear layers and one activation, layer by layer in torch's operations. Internal.

What the fused kernels compute, and what serves a device that has none: the activation itself is
the `ppoly` given, of any backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from hatact._checks import DTYPES, check_parameters, not_floating

Activation = Callable[..., Tensor]  # ppoly(x, g, knots, coeffs, period)

FUSED_WIDTHS = range(16, 257)  # hidden units that the fused kernels take


class Shape(NamedTuple):
    """Sizes of in → hidden → … → hidden → out, of `depth` ≥ 2 linear layers."""

    inputs: int
    hidden: int
    outputs: int
    depth: int

    @property
    def first_kept(self) -> int:
        """The first hidden layer whose pre-activation a forward keeps, 0 or 1.

        That of a narrow input costs less to compute again than to store.
        """
        return 0 if 4 * self.inputs > self.hidden else 1

    @property
    def kept_layers(self) -> int:
        """Hidden layers whose pre-activations a forward keeps for its backward."""
        return self.depth - 1 - self.first_kept

    def of_layer(self, layer: int) -> tuple[int, int]:
        """The shape of a layer's weight."""
        return (
            self.outputs if layer == self.depth - 1 else self.hidden,
            self.hidden if layer else self.inputs,
        )


def check_mlp(
    x: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor], least: int = 2
) -> Shape:
    """The sizes. ValueError unless shapes, dtypes, devices match, for `least` weights or more."""
    if x.dtype not in DTYPES:
        raise ValueError(not_floating(x))
    if len(weights) < least:
        raise ValueError(
            f"an mlp needs at least {least} weights; got {len(weights)}: write a list of weights"
        )
    if biases and len(biases) != len(weights):
        raise ValueError(
            f"an mlp needs a bias for each of its {len(weights)} weights, or none; "
            f"got {len(biases)}: write None for none"
        )
    for w in weights:
        if w.dim() != 2:
            raise ValueError(
                f"a weight must have shape (out, in); got {tuple(w.shape)}: write a list of weights"
            )
    shape = Shape(weights[0].shape[1], weights[0].shape[0], weights[-1].shape[0], len(weights))
    if x.dim() < 1 or x.shape[-1] != shape.inputs:
        raise ValueError(
            f"the last dimension of x must be the {shape.inputs} inputs of the first weight; "
            f"got shape {tuple(x.shape)}: write an x of shape (…, {shape.inputs})"
        )
    between = shape.hidden, shape.hidden
    for layer, w in enumerate(weights):
        sizes = between if 0 < layer < shape.depth - 1 else shape.of_layer(layer)
        if w.shape != sizes:
            raise ValueError(
                f"weight {layer} must have shape {sizes}: all hidden layers have {shape.hidden} "
                f"units; got {tuple(w.shape)}"
            )
        if biases and biases[layer].shape != sizes[:1]:
            raise ValueError(
                f"bias {layer} must have shape {sizes[:1]}; got {tuple(biases[layer].shape)}"
            )
    dtype, device = x.dtype, x.device  # read once: each costs as much as a comparison
    for tensors in (weights, biases):
        for t in tensors:
            if t.dtype != dtype or t.device != device:
                names = [f"{of} {i}" for of in ("weight", "bias") for i in range(len(weights))]
                check_parameters(x, zip(names, (*weights, *biases), strict=False))
    return shape


def _check_alike(x: Tensor, name: str, t: Tensor) -> None:
    if t.dtype != x.dtype or t.device != x.device:
        raise ValueError(
            f"{name} must have the dtype and device of x, {x.dtype} on {x.device}; "
            f"got {t.dtype} on {t.device}"
        )


def check_backward(shape: Shape, g: Tensor, x: Tensor, kept: Tensor) -> None:
    """ValueError unless g and what a forward kept match x and the network."""
    rows = math.prod(x.shape[:-1])  # not numel(), which would fix a symbolic size
    _check_alike(x, "g", g)
    _check_alike(x, "kept", kept)
    if g.shape != (*x.shape[:-1], shape.outputs):
        raise ValueError(
            f"g must have the shape of the output, {shape.outputs} for the last dimension of x's "
            f"{tuple(x.shape)}; got {tuple(g.shape)}"
        )
    if tuple(kept.shape) not in [(n, rows, shape.hidden) for n in (shape.kept_layers, 0)]:
        raise ValueError(
            f"kept must have shape ({shape.kept_layers} or 0, {rows}, {shape.hidden}); "
            f"got {tuple(kept.shape)}"
        )


def mlp_forward(
    ppoly: Activation,
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    knots: Sequence[float],
    coeffs: Sequence[float],
    period: float = 0.0,
    keep: bool = True,
) -> tuple[Tensor, Tensor]:
    """The output, and the pre-activations z = h·Wᵀ + b that a backward needs, or none of them.

    Shapes: x: (*, in), weights: (hidden, in), (hidden, hidden) …, (out, hidden), biases: (hidden,)
    …, (out,) or none → (*, out), (kept_layers or 0, rows, hidden).
    """
    shape = check_mlp(x, weights, biases)
    h = x.reshape(math.prod(x.shape[:-1]), shape.inputs)
    kept = []
    for layer in range(shape.depth - 1):
        z = linear(h, weights[layer], biases[layer] if biases else None)
        if keep and layer >= shape.first_kept:
            kept.append(z)
        h = ppoly(z, None, knots, coeffs, period)
    y = linear(h, weights[-1], biases[-1] if biases else None)
    none = x.new_empty(0, h.shape[0], shape.hidden)
    out = y.reshape(*x.shape[:-1], shape.outputs).contiguous()
    return out, torch.stack(kept) if kept else none


def mlp_backward(
    ppoly: Activation,
    g: Tensor,
    x: Tensor,
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    kept: Tensor,
    knots: Sequence[float],
    coeffs: Sequence[float],
    derivative: Sequence[float],
    period: float,
    of_input: bool,
    of_parameters: bool,
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The gradients of Σ g·y for x, the weights and the biases; those not asked for are empty.

    derivative: the coefficients of f′, on the knots of f. kept: of the forward; without layers all
    is computed again.
    """
    shape = check_mlp(x, weights, biases)
    check_backward(shape, g, x, kept)
    rows = math.prod(x.shape[:-1])
    hs = [x.reshape(rows, shape.inputs)]
    zs = []
    for layer in range(shape.depth - 1):
        at = layer - shape.first_kept
        again = at < 0 or not len(kept)
        bias = biases[layer] if biases else None
        zs.append(linear(hs[-1], weights[layer], bias) if again else kept[at])
        hs.append(ppoly(zs[-1], None, knots, coeffs, period))
    gweights: list[Tensor] = []
    gbiases: list[Tensor] = []
    gz = g.reshape(rows, shape.outputs)
    for layer in reversed(range(shape.depth)):
        if of_parameters:
            gweights.insert(0, gz.T @ hs[layer])
            if biases:
                gbiases.insert(0, gz.sum(0))
        if layer:
            gz = ppoly(zs[layer - 1], gz @ weights[layer], knots, derivative, period)
    gx = (gz @ weights[0]).reshape(x.shape) if of_input else x.new_empty(0)
    return gx.contiguous(), gweights, gbiases
