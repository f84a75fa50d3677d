"""What a tangent kernel needs of a model: trainable parameters, outputs, every point's Jacobian."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

Parameters = dict[str, Tensor]
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
_RANDOM = (
    nn.AlphaDropout,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.FeatureAlphaDropout,
    nn.RReLU,
)


def check_points_apart(model: nn.Module) -> None:
    """ValueError unless every output depends on its point alone: batch norm and dropout in eval
    mode, and batch norm with statistics."""
    for name, module in model.named_modules():
        if isinstance(module, _BATCH_NORMS) and module.running_mean is None:
            raise ValueError(
                "batch norm must keep running statistics, since without them an output does not "
                f"depend on its point alone; got {type(module).__name__} {name!r}"
            )
        if module.training and isinstance(module, _BATCH_NORMS + _RANDOM):
            raise ValueError(
                "batch norm and dropout must be in eval mode (model.eval()), since in training "
                "mode an output does not depend on its point alone; "
                f"got {type(module).__name__} {name!r} in training mode"
            )


def trainable(model: nn.Module) -> Parameters:
    """The parameters that require a gradient, detached, after the rules on the model.

    Raises:
        ValueError: without any; if they are not all of one dtype, float32 or float64, on one
            device; as :func:`check_points_apart`.
    """
    check_points_apart(model)
    parameters = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    if not parameters:
        raise ValueError("the model must have parameters that require a gradient; got none")
    kinds = {(p.dtype, p.device) for p in parameters.values()}
    if len(kinds) > 1 or next(iter(kinds))[0] not in (torch.float32, torch.float64):
        got = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
        raise ValueError(
            f"the parameters must be all float32 or all float64, on one device; got {got}"
        )
    return parameters


def outputs(model: nn.Module, x: Tensor) -> Callable[[Parameters], Tensor]:
    """w → f(x; w) as (N, outputs).

    Raises:
        ValueError: when called, if the model's output has not a row for every point.
    """

    def of(parameters: Parameters) -> Tensor:
        out: Tensor = functional_call(model, parameters, (x.detach(),))
        if out.dim() < 1 or len(out) != len(x):
            raise ValueError(
                f"the model must give a row for every point, {len(x)}; got shape {tuple(out.shape)}"
            )
        return out.reshape(len(x), -1)

    return of


def jacobian(model: nn.Module, parameters: Parameters, x: Tensor) -> list[Tensor]:
    """∂f_o(x_i)/∂w as (N, outputs · p), one of each parameter of p numbers, by `torch.func`."""

    def at_one(parameters: Parameters, point: Tensor) -> Tensor:
        return outputs(model, point[None])(parameters)[0]

    by_name = vmap(jacrev(at_one), (None, 0))(parameters, x)
    return [j.reshape(len(x), -1) for j in by_name.values()]
