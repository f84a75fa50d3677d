"""The empirical neural tangent kernel of a network, as a matrix."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hatact.analysis._jacobians import jacobian, outputs, trainable

HELD, MOST = 2**25, 2048
"""Numbers of a chunk of the Jacobian, and points of one, at most, where no chunk is given."""


def empirical_ntk(
    model: nn.Module, x1: Tensor, x2: Tensor | None = None, chunk: int | None = None
) -> Tensor:
    """K_ij = Σ_o Σ_p ∂f_o(x1_i)/∂w_p · ∂f_o(x2_j)/∂w_p: J₁·J₂ᵀ, summed over the outputs o.

    It is not divided by the number of points, outputs or parameters. w are the parameters that
    require a gradient, as they are now. A step of gradient descent of rate η on the mean squared
    error over n points takes the residual r to (I − (2η/n)·K)·r to first order in η, if there is
    one output.

    Shapes: x1 (n1, …), x2 (n2, …) → (n1, n2); without x2 of x1 with itself, then exactly symmetric.
    dtypes: that of the parameters, float32 or float64. Any model that `torch.func` can follow and
    that sees each point on its own, those of `hatact.nn` among them.
    Cost: (n1·n2/chunk + n1) gradients of a point and 2·n1·n2·outputs·P operations; memory two
    chunks of the Jacobian, 2·chunk·outputs·P numbers, two blocks of chunk² and what one pass over a
    chunk takes, beside the result.
    Source: arXiv 1806.07572.

    Args:
        chunk: points whose Jacobians are held at a time; by default as many as fit 2²⁵ numbers
            (128 MB in float32), at most 2048.

    Raises:
        ValueError: for a chunk below 1, no points, a model without trainable parameters, with
            parameters of several dtypes or devices, with batch norm or dropout in training mode,
            with batch norm that keeps no statistics, or whose output has not a row for every point.
    """
    if chunk is not None and chunk < 1:
        raise ValueError(f"a chunk must hold at least 1 point; got {chunk}")
    parameters = trainable(model)
    others = x1 if x2 is None else x2
    if x1.dim() < 1 or others.dim() < 1 or not len(x1) or not len(others):
        shapes = f"{tuple(x1.shape)} and {tuple(others.shape)}"
        raise ValueError(f"the kernel needs at least one point on either side; got shapes {shapes}")
    with torch.no_grad():
        columns = outputs(model, x1[:2])(parameters).shape[1]
    count = columns * sum(p.numel() for p in parameters.values())
    size = chunk or min(MOST, max(1, HELD // count))
    first = next(iter(parameters.values()))
    kernel = torch.empty(len(x1), len(others), dtype=first.dtype, device=first.device)
    for i in range(0, len(x1), size):
        left = jacobian(model, parameters, x1[i : i + size])
        for j in range(i if x2 is None else 0, len(others), size):
            same = x2 is None and i == j
            right = left if same else jacobian(model, parameters, others[j : j + size])
            block = _product(left, right)
            if same:
                block = (block + block.T).div_(2)  # a product of matrices need not be symmetric
            kernel[i : i + size, j : j + size] = block
            if x2 is None:
                kernel[j : j + size, i : i + size] = block.T
            del right
    return kernel


def _product(left: list[Tensor], right: list[Tensor]) -> Tensor:
    """The sum over the parameters of J₁·J₂ᵀ."""
    block = left[0] @ right[0].T
    for a, b in zip(left[1:], right[1:], strict=True):
        block.addmm_(a, b.T)
    return block
