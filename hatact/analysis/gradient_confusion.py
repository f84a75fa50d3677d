"""Gradient confusion: the cosines between gradients of single samples."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from hatact.analysis._jacobians import Parameters, trainable

HELD = 2**27
"""Numbers of the gradients that are held at a time, where no chunk is given."""
PAIRS = 2**22
"""Numbers of a block of pairs of gradients."""

Loss = Callable[[Tensor, Tensor], Tensor]


def gradient_confusion(
    model: nn.Module,
    loss: Loss,
    x: Tensor,
    y: Tensor,
    pairs: Tensor,
    chunk: int | None = None,
) -> Tensor:
    """cos(g_i, g_j) for every pair (i, j), g_i the gradient of loss(f(x_i), y_i) by all parameters.

    Cosines far below 0 are confusion: a step for one sample undoes what it does for the other. NaN
    where a gradient is 0, or not finite. For one output and the squared error it is the tangent
    kernel, sign(r_i)·sign(r_j)·K_ij/√(K_ii·K_jj), r being the residuals. Sources: arXiv 1904.06963
    and 2301.05816.

    Shapes: x (n, …), y (n, …), pairs (k, 2) integers in 0 … n − 1 → (k), of the parameters' dtype,
    float32 or float64. Any model that `torch.func` can follow. Parameters that require no gradient
    have no part in it.
    Cost: the gradient of every sample that a pair names, some more than once where they do not all
    fit, and k·P products; memory the gradients of a chunk, and what one pass over it takes.

    Args:
        loss: (prediction, target), f(x_i) and y_i without the dimension of the batch → a scalar.
        chunk: samples whose gradients are held at a time; by default as many as fit 2²⁷ numbers
            (512 MB in float32).

    Raises:
        ValueError: for x, y or pairs of other shapes, no samples, pairs that are not integers or
            out of range, x or y that are not finite, a loss that is no scalar, a chunk below 2, a
            model without trainable parameters, with parameters of several dtypes or devices, with
            batch norm or dropout in training mode, or with batch norm that keeps no statistics.
    """
    parameters = trainable(model)
    _check(x, y, pairs, chunk)
    pairs = pairs.to(x.device).long()
    size = chunk or max(2, HELD // sum(p.numel() for p in parameters.values()))

    def of_one(parameters: Parameters, point: Tensor, target: Tensor) -> Tensor:
        prediction: Tensor = functional_call(model, parameters, (point[None],))
        if prediction.dim() < 1 or len(prediction) != 1:
            shape = tuple(prediction.shape)
            raise ValueError(f"the model must give a row for every point; got {shape} for one")
        value = loss(prediction[0], target)
        if not isinstance(value, Tensor) or value.dim():
            got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise ValueError(f"the loss of a sample must be a scalar tensor; got {got}")
        return value

    by_sample = vmap(grad(of_one), (None, 0, 0), randomness="error")
    order = torch.argsort(pairs[:, 1], stable=True)
    order = order[torch.argsort(pairs[order, 0], stable=True)]
    first = next(iter(parameters.values()))
    cosines = torch.empty(len(pairs), dtype=first.dtype, device=x.device)
    for block in _blocks(pairs[order], size):
        chosen = order[block]
        samples, index = torch.unique(pairs[chosen], return_inverse=True)
        gradients = by_sample(parameters, x[samples].detach(), y[samples].detach())
        rows = [g.detach().reshape(len(samples), -1) for g in gradients.values()]
        del gradients
        cosines[chosen] = _cosines(rows, index)
    return cosines


def _blocks(pairs: Tensor, size: int) -> list[slice]:
    """Slices of the pairs with at most `size` samples each."""
    blocks, start, held = [], 0, set[int]()
    for k, pair in enumerate(pairs.tolist()):
        held |= {*pair}
        if len(held) > size:
            blocks.append(slice(start, k))
            start, held = k, {*pair}
    return [*blocks, slice(start, len(pairs))] if len(pairs) else []


def _cosines(rows: list[Tensor], index: Tensor) -> Tensor:
    """cos of pairs of rows, which lie in several matrices; each row is scaled, so none vanishes."""
    largest = torch.stack([g.abs().amax(1) for g in rows if g.shape[1]]).amax(0)
    for k in range(len(rows)):  # not in place: torch may give two parameters the same memory
        rows[k] = rows[k] / largest[:, None]
    norms = sum(g.square().sum(1) for g in rows).sqrt()  # type: ignore[union-attr]
    products = []
    step = max(1, PAIRS // sum(g.shape[1] for g in rows))
    for start in range(0, len(index), step):
        i, j = index[start : start + step].T
        dot = torch.stack([(g[i] * g[j]).sum(1) for g in rows]).sum(0)
        products.append(dot / (norms[i] * norms[j]))
    return torch.cat(products).clamp(-1, 1)


def _check(x: Tensor, y: Tensor, pairs: Tensor, chunk: int | None) -> None:
    if chunk is not None and (type(chunk) is not int or chunk < 2):
        raise ValueError(f"a chunk must be an int of at least 2 samples; got {chunk!r}")
    if x.dim() < 1 or y.dim() < 1 or len(x) != len(y) or not len(x):
        raise ValueError(
            "there must be as many targets as points, at least one; got shapes "
            f"{tuple(x.shape)} and {tuple(y.shape)}"
        )
    counted = not (pairs.is_floating_point() or pairs.is_complex() or pairs.dtype == torch.bool)
    if pairs.dim() != 2 or pairs.shape[1] != 2 or not counted:
        raise ValueError(
            f"pairs must be integers, (k, 2); got {pairs.dtype} of shape {tuple(pairs.shape)}"
        )
    if len(pairs) and not 0 <= int(pairs.min()) <= int(pairs.max()) < len(x):
        raise ValueError(
            f"pairs must be of samples 0 … {len(x) - 1}; got {int(pairs.min())} … "
            f"{int(pairs.max())}"
        )
    for name, t in (("points", x), ("targets", y)):
        if t.is_floating_point() and not bool(t.isfinite().all()):
            raise ValueError(f"{name} must be finite; got some that are not")
