"""Linear → activation → Linear in training: what an activation costs where it is used.

The second Linear keeps the activation's output whatever it is; what an activation keeps beside it
is what it adds to a network's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import hatact.nn
from bench import memory
from bench.cases import DTYPES
from bench.correctness import check_norms, forced
from bench.formulas import Function, sum_formula
from bench.runner import failed, timed
from bench.timing import pair
from hatact import reference
from hatact.activations import registry
from hatact.spec import PiecewisePolynomial

BATCHES = {"cpu": 2**14, "cuda": 2**16}
WIDTH = 256
FORMULA_SLACK = 4  # times the plain network's error: it rounds every term


@dataclass(frozen=True)
class Network:
    """Who makes the network. `activation` is what it computes; `slack` what check() allows."""

    name: str
    make: Callable[[Any], nn.Module]  # of a width, or of a case of mlps.py
    activation: str = "hat"
    backend: str | None = None
    slack: float = 2.0


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def _stack(activation: Callable[[], nn.Module]) -> Callable[[int], nn.Module]:
    return lambda width: nn.Sequential(
        nn.Linear(width, width), activation(), nn.Linear(width, width)
    )


def _plain(spec: PiecewisePolynomial) -> Callable[[int], nn.Module]:
    return _stack(lambda: Apply(lambda x: reference.ppoly(x, None, *spec.numbers)))


def _compiled(make: Callable[[int], nn.Module]) -> Callable[[int], nn.Module]:
    return lambda width: torch.compile(make(width), fullgraph=True, dynamic=False)


def _linear_act(width: int) -> nn.Module:
    act = hatact.nn.LinearAct(width, width, registry()["hat"])
    return nn.Sequential(act, nn.Linear(width, width))


def networks(device: str) -> Iterator[Network]:
    """Those that run on a device; the first is what the others are paired with."""
    relu, hat = _stack(nn.ReLU), _stack(hatact.nn.Hat)
    summed = sum_formula("hat")
    assert summed is not None
    formula = _stack(lambda: Apply(summed))
    yield Network("ReLU", relu, "relu")
    yield Network("torch.compile, ReLU", _compiled(relu), "relu")
    yield Network("Hat, eager formula", formula, slack=FORMULA_SLACK)
    yield Network("torch.compile, Hat formula", _compiled(formula), slack=FORMULA_SLACK)
    yield Network("torch.compile, hatact Hat", _compiled(hat))
    yield Network("hatact Hat", hat)
    yield Network("hatact Hat, in place", _stack(lambda: hatact.nn.Hat(inplace=True)))
    yield Network("hatact LinearAct", _linear_act)
    if device in hatact.available_backends()["triton"].devices:
        yield Network("hatact LinearAct, Triton", _linear_act, backend="triton")


@dataclass(frozen=True)
class Built:
    """A network with its weights. `call` runs a forward and backward: y, the weights' gradients."""

    network: Network
    module: nn.Module
    x: Tensor
    call: Callable[[], list[Tensor]]


@dataclass(frozen=True)
class Layers:
    """The layers' size, and what every network gets: one x, one gy, one set of weights."""

    batch: int
    width: int
    dtype: torch.dtype
    device: str

    def tensors(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, list[Tensor]]:
        generator = torch.Generator().manual_seed(0)

        def drawn(*shape: int, scale: float) -> Tensor:
            found = scale * torch.randn(shape, generator=generator)
            return found.to(self.device, self.dtype).to(dtype)

        x, gy = (drawn(self.batch, self.width, scale=1.0) for _ in range(2))
        scale = self.width**-0.5
        of_layer = ((self.width, self.width), (self.width,)) * 2
        return x, gy, [drawn(*shape, scale=scale) for shape in of_layer]

    def built(self, network: Network, dtype: torch.dtype | None = None) -> Built:
        x, gy, weights = self.tensors(dtype or self.dtype)
        module = network.make(self.width).to(self.device, dtype or self.dtype)
        parameters = list(module.parameters())
        with torch.no_grad():
            for p, w in zip(parameters, weights, strict=True):
                p.copy_(w)

        def call() -> list[Tensor]:
            y = module(x)
            return [y.detach(), *torch.autograd.grad(y, parameters, gy)]

        return Built(network, module, x, call)


def rounding(dtype: torch.dtype, batch: int) -> float:
    """What a relative error may be: one rounding, and float32 sums over the batch."""
    return torch.finfo(dtype).eps + batch**0.5 * torch.finfo(torch.float32).eps


def check(layers: Layers, built: Built) -> float:
    """The largest relative error (root mean square) of y and of the gradients against float64.

    Raises:
        WrongResult: if it is more than `slack` times that of the plain-torch network, or what
            the float32 sums over the batch explain, if that is more.
    """
    network = built.network
    plain = Network("plain", _plain(registry()[network.activation]))
    want = layers.built(plain, torch.float64).call()
    floor = rounding(layers.dtype, layers.batch)
    with forced(network.backend):
        got = built.call()
    return check_norms(
        f"{network.name}, {layers.dtype}",
        ("y", "gW₁", "gb₁", "gW₂", "gb₂"),
        got,
        layers.built(plain).call(),
        want,
        slack=network.slack,
        floor=floor,
    )


def used(layers: Layers, built: Built) -> dict[str, float]:
    """Bytes an activation: kept beside the input and the weights, and the peak."""
    weights = {p.untyped_storage().data_ptr() for p in built.module.parameters()}
    left_out = {built.x.untyped_storage().data_ptr(), *weights}
    count = layers.batch * layers.width
    with forced(built.network.backend):
        return {
            "kept_bytes": memory.kept(built.module, built.x, left_out).all / count,
            "peak_bytes": memory.peak(built.call, layers.device) / count,
        }


def rows(
    device: str,
    *,
    rounds: int,
    batch: int | None = None,
    dtypes: tuple[torch.dtype, ...] = DTYPES,
    wanted: Callable[[Network], bool] = lambda network: True,
) -> Iterator[dict[str, Any]]:
    """One row a dtype and network that is wanted, paired with the eager ReLU network."""
    for dtype in dtypes:
        layers = Layers(batch or BATCHES[device], WIDTH, dtype, device)
        for network in filter(wanted, networks(device)):
            head = {
                "network": network.name,
                "dtype": str(dtype).removeprefix("torch."),
                "batch": layers.batch,
                "width": layers.width,
            }
            try:
                yield {**head, **_row(layers, network, rounds)}
            except Exception as error:  # one network's failure is a row, not the end of the run
                yield {**head, **failed(error)}
            torch.compiler.reset()  # a module each: none may reach the recompile limit


def _row(layers: Layers, network: Network, rounds: int) -> dict[str, Any]:
    built = layers.built(network)
    error = check(layers, built)
    bytes_of = used(layers, built)
    relu = layers.built(next(networks(layers.device)))
    with forced(network.backend):
        timing = pair(built.call, relu.call, layers.device, rounds)
    return {**timed(timing), **bytes_of, "max_error": error}
