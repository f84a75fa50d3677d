"""A model as affine maps and piecewise-polynomial activations in turn, in float64."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from hatact import cascade
from hatact.activations.relu import RELU
from hatact.nn import MLP, BWNetwork, LinearAct, Piecewise, PositionalEncoding, TriangleCascade
from hatact.spec import PiecewisePolynomial

Specs = tuple[PiecewisePolynomial, ...]
_KNOWN = (
    nn.Sequential,
    nn.Linear,
    nn.ReLU,
    nn.Identity,
    nn.Dropout,
    Piecewise,
    LinearAct,
    MLP,
    BWNetwork,
    TriangleCascade,
    PositionalEncoding,
)


@dataclass(frozen=True)
class Affine:
    """h → W·h + b."""

    weight: Tensor
    bias: Tensor

    def __call__(self, h: Tensor) -> Tensor:
        """(*, in) → (*, out)."""
        if h.shape[-1] != self.weight.shape[1]:
            raise ValueError(
                "points and outputs of a layer must be as many numbers as the next layer takes, "
                f"{self.weight.shape[1]}; got {h.shape[-1]}"
            )
        return nn.functional.linear(h, self.weight, self.bias)

    def then(self, other: Affine) -> Affine:
        """Both as one."""
        return Affine(other.weight @ self.weight, other(self.bias))


Part = Affine | Specs | PositionalEncoding


@dataclass(frozen=True)
class Layer:
    """h → f(W·h + b), unit by unit: one f, or one a unit; without W and b, h → f(h)."""

    affine: Affine | None
    specs: Specs

    def before(self, h: Tensor) -> Tensor:
        """What f is given; (*, in) → (*, units).

        Raises:
            ValueError: beyond float64's range.
        """
        z = h if self.affine is None else self.affine(h)
        if not bool((2 * z).isfinite().all()):
            raise ValueError("pre-activations must be within float64's range; got some beyond it")
        return z

    def size(self, h: Tensor) -> Tensor:
        """|W|·|h| + |b|, of which the rounding of W·h + b is a share; (*, in) → (*, units)."""
        if self.affine is None:
            return h.abs()
        return nn.functional.linear(h.abs(), self.affine.weight.abs(), self.affine.bias.abs())

    def by_spec(self, units: int) -> list[tuple[PiecewisePolynomial, slice]]:
        """Each f with the units that have it.

        Raises:
            ValueError: for no units, or a cascade of another number of channels.
        """
        if units < 1:
            raise ValueError("every activation must have at least one unit; got one of none")
        if len(self.specs) not in (1, units):
            raise ValueError(
                f"a TriangleCascade must have a channel a unit, {units}; got {len(self.specs)}"
            )
        if len(self.specs) == 1:
            return [(self.specs[0], slice(None))]
        return [(spec, slice(i, i + 1)) for i, spec in enumerate(self.specs)]


@dataclass(frozen=True)
class Layers:
    """What a model does to its points up to its last activation.

    Args:
        encoding: what comes first, if it is a positional encoding.
        hidden: at least one layer.
    """

    encoding: PositionalEncoding | None
    hidden: list[Layer]


def layers_of(model: nn.Module) -> Layers:
    """The layers of a model made of linear layers, our activations and torch.nn.ReLU.

    Raises:
        ValueError: for a model with another module, one that has hooks or a `forward` of its own,
            dropout in training mode, an encoding that is not first, a BWNetwork with a skip that is
            not last, no activation, or parameters that are not finite.
    """
    encoding: PositionalEncoding | None = None
    hidden: list[Layer] = []
    affine: Affine | None = None
    for part in _parts(model, type(model).__name__, True):
        if isinstance(part, PositionalEncoding):
            if hidden or affine or encoding:
                raise ValueError(
                    "a PositionalEncoding must be the first module; got one after another"
                )
            encoding = part
        elif isinstance(part, Affine):
            affine = part if affine is None else affine.then(part)
        else:
            hidden.append(Layer(affine, part))
            affine = None
    if not hidden:
        raise ValueError(
            "the model must have an activation of hatact.nn or a torch.nn.ReLU, as a module; got "
            f"none in {type(model).__name__}"
        )
    return Layers(encoding, hidden)


def _parts(module: nn.Module, name: str, last: bool) -> Iterator[Part]:
    """The module's parts in the order in which they act; `last`: whether nothing follows it."""
    if not any(isinstance(module, k) and type(module).forward is k.forward for k in _KNOWN):
        raise ValueError(
            "the model must be made of torch.nn.Sequential, Linear, ReLU, Identity, Dropout and of "
            "hatact.nn's activations, LinearAct, MLP, BWNetwork, TriangleCascade and, first, "
            f"PositionalEncoding; got {type(module).__name__}, {name}"
        )
    if module._forward_hooks or module._forward_pre_hooks or "forward" in module.__dict__:
        raise ValueError(
            "modules must have no hooks and no forward of their own, which may do anything; "
            f"got some on {type(module).__name__}, {name}"
        )
    if isinstance(module, nn.Dropout) and module.training:
        raise ValueError(f"dropout must be in eval mode (model.eval()); got {name} in training")
    if isinstance(module, nn.Sequential):
        # Not named_children(), which leaves out a module that comes a second time.
        for i, (key, child) in enumerate(zip(module._modules, module, strict=True)):
            yield from _parts(child, f"{name}.{key}", last and i == len(module) - 1)
    elif isinstance(module, nn.Linear | LinearAct):
        yield _affine(module, name)
        if isinstance(module, LinearAct):
            yield (module.activation,)
    elif isinstance(module, nn.ReLU):
        yield (RELU,)
    elif isinstance(module, Piecewise):
        yield (module.spec,)
    elif isinstance(module, MLP):
        for i, layer in enumerate(module.layers):
            yield from _parts(layer, f"{name}.layers[{i}]", False)
            if i < module.depth - 1:
                yield (module.activation,)
    elif isinstance(module, BWNetwork):
        yield from _of_wavelets(module, name, last)
    elif isinstance(module, TriangleCascade):
        yield specs_of(module)
    elif isinstance(module, PositionalEncoding):
        yield module


def _of_wavelets(network: BWNetwork, name: str, last: bool) -> Iterator[Part]:
    if network.skip is not None and not last:
        raise ValueError(
            "a BWNetwork with a skip must be the last module, as what follows reads the sum; got "
            f"more after {name}"
        )
    c = network.c.detach().double() if isinstance(network.c, Tensor) else 1.0
    last_one = len(network.layers) - 1
    for i, layer in enumerate(network.layers):
        (affine,) = cast("Iterator[Affine]", _parts(layer, f"{name}.layers[{i}]", False))
        if i == last_one or (network.linear_layers and i % 2):
            yield affine
        else:
            yield Affine(c * affine.weight, c * affine.bias)
            yield (network.activation,)


def _affine(layer: nn.Linear | LinearAct, name: str) -> Affine:
    if layer.weight.is_complex():
        raise ValueError(f"parameters must be real; those of {name} are {layer.weight.dtype}")
    weight = layer.weight.detach().double()
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach().double()
    if not bool(weight.isfinite().all() and bias.isfinite().all()):
        raise ValueError(f"parameters must be finite; those of {name} are not")
    return Affine(weight, bias)


def specs_of(module: TriangleCascade) -> Specs:
    """The spec of every channel."""
    peaks, scales = (t.detach().double().tolist() for t in (module.peaks, module.scales))
    return tuple(cascade.spec(a, s) for a, s in zip(peaks, scales, strict=True))
