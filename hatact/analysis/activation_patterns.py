"""Activation patterns: on which piece of its activation every unit of a network is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from hatact.activations.relu import RELU
from hatact.analysis._jacobians import check_points_apart
from hatact.analysis._layers import specs_of
from hatact.analysis._pieces import piece_index, silent
from hatact.nn import MLP, BWNetwork, LinearAct, Piecewise, TriangleCascade
from hatact.spec import PiecewisePolynomial

_NARROW = 127
Specs = tuple[PiecewisePolynomial, ...]
Take = Callable[[Specs, Tensor], None]
"""Told of f, one or one a unit, and of what it is given, (points, *, units)."""


def activation_patterns(model: nn.Module, x: Tensor) -> Tensor:
    """The piece of its activation on which every unit of the model is, at every point.

    Pieces are numbered as in :class:`hatact.PiecewisePolynomial`: i means that i knots lie below
    the pre-activation, a knot belonging to the piece on its left. Those of a periodic activation
    are numbered on from period to period, below 0 too, without wrapping. The pattern of a ReLU
    network is 0 and 1, as in arXiv 2301.05816.

    A unit is an entry of what a hatact.nn activation, MLP, LinearAct, BWNetwork, TriangleCascade or
    a torch.nn.ReLU is given, in the order of the forward pass; a module that is called twice counts
    twice. Other activations, and those that are called as functions, are not seen.

    Shapes: x (n, …) → (n, units). dtype: int8 if no activation is periodic or has more than 128
    pieces, else int64. Pre-activations are those of the model in its own dtype. Cost: a forward
    pass, layer by layer.

    Raises:
        ValueError: for a model in which no such module is called, no points, points that are not
            finite, pre-activations that are NaN or too many periods away, batch norm or dropout in
            training mode, a compiled or scripted module, or one that is not given a row for every
            point.
    """
    found: list[Tensor] = []

    def take(specs: Specs, z: Tensor) -> None:
        index = _by_unit(specs, z, piece_index)
        narrow = all(f.period is None and len(f.knots) <= _NARROW for f in specs)
        found.append(index.to(torch.int8) if narrow else index)

    _visit(model, x, take)
    return torch.cat(found, 1)


def dead_units(model: nn.Module, x: Tensor) -> Tensor:
    """Which units are dead: at every point on a piece where the activation is 0 throughout.

    They give nothing and get no gradient: a ReLU below its knot, a Hat outside its support. Units,
    order and errors are those of :func:`activation_patterns`. A bump that is dead on the points of
    a grid may still act between them. Shapes: x (n, …) → (units) bool.
    """
    found: list[Tensor] = []

    def take(specs: Specs, z: Tensor) -> None:
        zero = _by_unit(specs, z, lambda z, spec: silent(piece_index(z, spec), spec))
        found.append(zero.all(0))

    _visit(model, x, take)
    return torch.cat(found)


def hamming(p: Tensor, q: Tensor) -> Tensor:
    """How many units' pieces differ between two patterns: the Hamming distance.

    For pieces 0 and 1 it is Σ|p − q|. Shapes: p and q (…, units), the others broadcast → (…) int64.

    Raises:
        ValueError: for patterns of unlike or no units, of numbers that are not integers, or of
            shapes that do not broadcast.
    """
    _check_patterns(p, q)
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(
            f"patterns must be of the same units; got {p.shape[-1]} and {q.shape[-1]} of them"
        )
    if any(a != b and 1 not in (a, b) for a, b in zip(p.shape[::-1], q.shape[::-1], strict=False)):
        raise ValueError(
            f"patterns must broadcast; got shapes {tuple(p.shape)} and {tuple(q.shape)}"
        )
    return (p != q).sum(-1)


def region_count(patterns: Tensor) -> int:
    """How many distinct patterns there are: the regions that the points meet.

    It counts no region between the points, so at most as many as there are points; see
    :func:`regions_on_line` for all of them on a segment. Shapes: (n, units).

    Raises:
        ValueError: for another number of dimensions, no units, or numbers that are not integers.
    """
    _check_patterns(patterns)
    if patterns.dim() != 2:
        raise ValueError(f"patterns must be (n, units); got shape {tuple(patterns.shape)}")
    return len(torch.unique(patterns, dim=0))


def _check_patterns(*patterns: Tensor) -> None:
    for p in patterns:
        if p.dim() < 1 or not p.shape[-1] or p.is_floating_point() or p.is_complex():
            raise ValueError(
                "patterns must be integers, of a unit an entry of the last dimension; got "
                f"{p.dtype} of shape {tuple(p.shape)}"
            )


def _by_unit(
    specs: Specs, z: Tensor, of: Callable[[Tensor, PiecewisePolynomial], Tensor]
) -> Tensor:
    """`of` every unit's number and f; (n, …, units) → (n, all units)."""
    if bool(z.isnan().any()):
        raise ValueError("pre-activations must be numbers; got NaN")
    if len(specs) == 1:
        return of(z, specs[0]).flatten(1)
    return torch.stack([of(z[..., i], spec) for i, spec in enumerate(specs)], -1).flatten(1)


def _visit(model: nn.Module, x: Tensor, take: Take) -> None:
    """Run the model on x, telling `take` of what every activation is given."""
    if x.dim() < 1 or not len(x):
        raise ValueError(f"there must be at least one point; got shape {tuple(x.shape)}")
    if x.is_floating_point() and not bool(x.isfinite().all()):
        raise ValueError("points must be finite; got some that are not")
    check_points_apart(model)
    _check_eager(model)
    seen = 0

    def told(specs: Specs, z: Tensor) -> None:
        nonlocal seen
        seen += 1
        if z.dim() < 2 or len(z) != len(x):
            raise ValueError(
                f"every activation must be given a row for each of the {len(x)} points; got shape "
                f"{tuple(z.shape)}"
            )
        take(specs, z.detach())

    handles = []
    try:
        for module in model.modules():
            handles += _watched(module, told)
        with torch.no_grad():
            model(x)
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise ValueError(
            "the model must call an activation of hatact.nn or a torch.nn.ReLU, as a module; got "
            f"none in {type(model).__name__}"
        )


def _check_eager(model: nn.Module) -> None:
    for name, module in model.named_modules():
        compiled = type(module).__name__ == "OptimizedModule" or module._compiled_call_impl
        if compiled or isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                "modules must be neither compiled nor scripted, since what their activations are "
                f"given is not seen; got {type(module).__name__} {name!r}"
            )


def _watched(module: nn.Module, told: Take) -> list[Any]:
    """Hooks on a module; those on the layers of a network make it run layer by layer."""

    def given(specs: Specs, module: nn.Module, inputs: Any, named: dict[str, Any]) -> None:
        told(specs, _first(inputs, named))

    def gave(
        spec: PiecewisePolynomial, network: Any, module: nn.Module, inputs: Any, z: Tensor
    ) -> None:
        told((spec,), z if network is None else network.c * z)

    def of_linear_act(module: nn.Module, inputs: Any, named: dict[str, Any]) -> None:
        layer = cast(LinearAct, module)
        z = nn.functional.linear(_first(inputs, named), layer.weight, layer.bias)
        told((layer.activation,), z)

    def before(hook: Callable[..., None]) -> list[Any]:
        return [module.register_forward_pre_hook(hook, with_kwargs=True)]

    if isinstance(module, nn.ReLU):
        return before(partial(given, (RELU,)))
    if isinstance(module, Piecewise):
        return before(partial(given, (module.spec,)))
    if isinstance(module, TriangleCascade):
        return before(partial(given, specs_of(module)))
    if isinstance(module, LinearAct):
        return before(of_linear_act)
    if isinstance(module, MLP):
        hook = partial(gave, module.activation, None)
        return [layer.register_forward_hook(hook) for layer in dict.fromkeys(module.layers[:-1])]
    if isinstance(module, BWNetwork):
        learnt = module if isinstance(module.c, Tensor) else None
        hook = partial(gave, module.activation, learnt)
        acting = [*module.layers][: -1 : 2 if module.linear_layers else 1]
        return [layer.register_forward_hook(hook) for layer in dict.fromkeys(acting)]
    return []


def _first(inputs: tuple[Any, ...], named: dict[str, Any]) -> Tensor:
    """What a module of one argument is given, by its place or by its name."""
    given: Tensor = next(iter((*inputs, *named.values())))
    return given
