"""Models whose gradients are asked for, tangent kernels the slow way, and of known spectrum."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from hatact import PiecewisePolynomial
from hatact.nn import Piecewise


def between(activation: nn.Module, outputs: int = 1) -> nn.Sequential:
    """Two inputs, hidden layers of 7 and of 5, and one activation that is used twice."""
    return nn.Sequential(
        nn.Linear(2, 7), activation, nn.Linear(7, 5), activation, nn.Linear(5, outputs)
    )


class Flat(nn.Sequential):
    """Outputs of shape (N,)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, 0]


def frozen(model: nn.Module, *names: str) -> nn.Module:
    """The model, whose named parameters require no gradient."""
    for name, p in model.named_parameters():
        p.requires_grad_(name not in names)
    return model


def jacobian(model: nn.Module, x: Tensor) -> Tensor:
    """∂f_o(x_i)/∂w_p as (N, outputs, P), row by row by `torch.autograd.grad`."""
    weights = [p for p in model.parameters() if p.requires_grad]
    out = model(x).reshape(len(x), -1)
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(y, weights, retain_graph=True)])
        for y in out.flatten()
    ]
    return torch.stack(rows).reshape(*out.shape, -1)


def tangent_kernel(model: nn.Module, x1: Tensor, x2: Tensor | None = None) -> Tensor:
    """Σ_o Σ_p ∂f_o(x1_i)/∂w_p · ∂f_o(x2_j)/∂w_p from :func:`jacobian`."""
    left = jacobian(model, x1).flatten(1)
    return left @ (left if x2 is None else jacobian(model, x2).flatten(1)).T


class Drawn:
    """A network inputs → width → … → 1 with an activation, in float32, as PyTorch draws layers.

    With `normal` the first layer is normal, of the same variances: uniform weights of few inputs
    have sums that are not, however wide the layer.
    """

    def __init__(
        self, depth: int, width: int, seed: int, inputs: int = 2, normal: bool = True
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        sizes = [inputs, *[width] * (depth - 1), 1]
        self.weights = [torch.empty(after, before) for before, after in pairwise(sizes)]
        self.biases = [torch.empty(after) for after in sizes[1:]]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = weight.shape[1] ** -0.5
            for held in (weight, bias):
                if normal and weight is self.weights[0]:
                    held.normal_(0, bound / 3**0.5, generator=generator)
                else:
                    held.uniform_(-bound, bound, generator=generator)

    def passed(self, f: PiecewisePolynomial, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """What each layer is given, and f′ of what each but the last gives."""
        value, slope = Piecewise(f), Piecewise(f.derivative())
        given, slopes = [x], []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            z = nn.functional.linear(given[-1], weight, bias)
            given.append(value(z))
            slopes.append(slope(z))
        return given, slopes

    @torch.no_grad()
    def covariance(self, f: PiecewisePolynomial, x: Tensor) -> Tensor:
        """Of the output, over draws of the last layer alone."""
        h = self.passed(f, x)[0][-1].double()
        return (h @ h.T + 1) / (3 * h.shape[1])

    @torch.no_grad()
    def tangent_kernel(self, f: PiecewisePolynomial, x: Tensor) -> Tensor:
        """Of x with itself, a layer at a time: Σ_l (h_l·h_lᵀ + 1)∘(δ_l·δ_lᵀ), h_l what layer l is
        given and δ_l the derivatives of the output by what it gives. Memory: the weights."""
        given, slopes = self.passed(f, x)
        kernel, delta = torch.zeros(len(x), len(x), dtype=torch.float64), x.new_ones(len(x), 1)
        for weight, h in zip(reversed(self.weights), reversed(given), strict=True):
            kernel += (h @ h.T + 1).double() * (delta @ delta.T).double()
            if slopes:
                delta = (delta @ weight) * slopes.pop()
        return kernel

    def module(self, f: PiecewisePolynomial) -> nn.Sequential:
        """The same network."""
        layers: list[nn.Module] = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            layers += [nn.Linear(weight.shape[1], weight.shape[0]), Piecewise(f)]
            with torch.no_grad():
                layers[-2].weight.copy_(weight)
                layers[-2].bias.copy_(bias)
        return nn.Sequential(*layers[:-1])


def known_kernel(values: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """V·diag(values)·Vᵀ, exactly symmetric, and a random orthogonal V, in float64."""
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn(len(values), len(values), dtype=torch.float64, generator=generator)
    vectors = torch.linalg.qr(square).Q
    kernel = (vectors * values) @ vectors.T
    return (kernel + kernel.T) / 2, vectors


def circle(n: int) -> Tensor:
    """n points of the unit circle, uniform, in float64."""
    angles = torch.arange(n, dtype=torch.float64) * (2 * math.pi / n)
    return torch.stack([angles.cos(), angles.sin()], 1)
