"""Plain ReLU networks of one input and one output, many at once, and three ways to start them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

Layer = tuple[Tensor, Tensor]
"""Weights (out, in) and biases (out); of S networks (S, out, in) and (S, out)."""


class ReLUNets(nn.Module):
    """y = W_n·relu(… relu(W_1·x + b_1) …) + b_n, S networks of one input and one output at once.

    All parameters lie in one tensor and points in the last dimension of a product. At width 4 and
    five hidden layers Adam takes 20 µs where it takes 310 on the fourteen tensors of a
    :class:`~hatact.nn.CascadeNetwork`, and a product takes half the time.

    Shapes: (N, S) → (N, S), the s-th column through the s-th network. dtypes: x has that of the
    parameters, and products are computed in it. NaN and ±inf go through as torch takes them.

    Args:
        layers: for every linear layer the weights (S, out, in) and the biases (S, out); copied.

    Attributes:
        flat: the parameter that holds all of them, by layer weights and then biases.

    Raises:
        ValueError: for no layer, no network, shapes that do not follow each other, more than one
            input or output, dtypes that differ or are no floating ones; calling it, for an x of
            another shape.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        _check(layers)
        parts = [part.detach() for layer in layers for part in layer]
        self._shapes = [part.shape for part in parts]
        self.flat = nn.Parameter(torch.cat([part.flatten() for part in parts]))

    @classmethod
    def drawn(cls, sizes: Sequence[int], seeds: Sequence[int], start: str) -> ReLUNets:
        """One network a seed, float32 on the CPU; a seed's network does not depend on the others.

        Args:
            sizes: features before and after every linear layer, 1 at both ends.
            seeds: each of a generator of its own, from which the layers are drawn in their order.
            start: "kaiming": weights from N(0, 2/in), biases 0 (arXiv 1502.01852). "pytorch": both
                from U(−1/√in, 1/√in), the numbers that `torch.nn.Linear` draws from that seed.
                "raai": of a neuron's in + 1 weights and bias all from N(0, 0.6007²/in) but one, at
                a random place, which is from Beta(2, 1) (arXiv 1903.06733).

        Raises:
            ValueError: for fewer than two sizes, one that is no int of at least 1, other ends, no
                seed, or another word for start.
        """
        sizes = tuple(sizes)
        if any(type(n) is not int or n < 1 for n in sizes):
            raise ValueError(f"sizes must be ints of at least 1; got {sizes}")
        if len(sizes) < 2 or sizes[0] != 1 or sizes[-1] != 1:
            raise ValueError(f"sizes must be two or more, 1 at both ends; got {sizes}")
        if len(seeds) < 1:
            raise ValueError("at least one seed is needed; got none")
        if start not in _STARTS:
            raise ValueError(f"start must be one of {', '.join(_STARTS)}; got {start!r}")
        networks = []
        for seed in seeds:
            generator = torch.Generator().manual_seed(seed)
            networks.append([_STARTS[start](n, m, generator) for n, m in pairwise(sizes)])
        return cls([_stacked(layers) for layers in zip(*networks, strict=True)])

    @property
    def channels(self) -> int:
        """How many networks."""
        return self._shapes[0][0]

    def layers(self) -> list[Layer]:
        """Weights (S, out, in) and biases (S, out) of every linear layer, views of `flat`."""
        flat = self.flat.split([shape.numel() for shape in self._shapes])
        parts = [part.view(shape) for part, shape in zip(flat, self._shapes, strict=True)]
        return list(zip(parts[::2], parts[1::2], strict=True))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2 or x.shape[1] != self.channels:
            raise ValueError(f"x must have shape (N, {self.channels}); got {tuple(x.shape)}")
        h = x.T[:, None]  # (S, features, N)
        layers = self.layers()
        for i, (w, b) in enumerate(layers):
            h = torch.bmm(w, h) + b[:, :, None]
            if i < len(layers) - 1:
                h = torch.relu(h)
        return h[:, 0].T

    def to_sequential(self, channel: int = 0) -> nn.Sequential:
        """One network as `torch.nn.Linear` and `torch.nn.ReLU`, with copies of its weights.

        Shapes of what it returns: (*, 1) → (*, 1).

        Raises:
            ValueError: for a channel that there is not.
        """
        if not 0 <= channel < self.channels:
            raise ValueError(f"the channel must lie in 0 … {self.channels - 1}; got {channel}")
        modules: list[nn.Module] = []
        for w, b in self.layers():
            layer = nn.Linear(w.shape[2], w.shape[1], device=w.device, dtype=w.dtype)
            with torch.no_grad():
                layer.weight.copy_(w[channel])
                layer.bias.copy_(b[channel])
            modules += [layer, nn.ReLU()]
        return nn.Sequential(*modules[:-1])


def _check(layers: Sequence[Layer]) -> None:
    if not layers:
        raise ValueError("at least one layer is needed; got none")
    networks, width = len(layers[0][0]), 1
    for i, (w, b) in enumerate(layers):
        wanted = (networks, width)
        if w.dim() != 3 or (w.shape[0], w.shape[2]) != wanted or b.shape != w.shape[:2]:
            raise ValueError(
                f"layer {i} must have weights ({networks}, out, {width}) and biases "
                f"({networks}, out); got {tuple(w.shape)} and {tuple(b.shape)}"
            )
        width = w.shape[1]
    if networks < 1:
        raise ValueError("at least one network is needed; got none")
    if width != 1:
        raise ValueError(f"the networks must have one output; got {width}")
    dtypes = {part.dtype for layer in layers for part in layer}
    if len(dtypes) > 1 or not next(iter(dtypes)).is_floating_point:
        names = ", ".join(sorted(map(str, dtypes)))
        raise ValueError(f"weights and biases must have one floating dtype; got {names}")


def _stacked(layers: Sequence[Layer]) -> Layer:
    weights, biases = zip(*layers, strict=True)
    return torch.stack(weights), torch.stack(biases)


def _kaiming(inputs: int, outputs: int, generator: torch.Generator) -> Layer:
    w = torch.randn(outputs, inputs, generator=generator) * math.sqrt(2 / inputs)
    return w, torch.zeros(outputs)


def _pytorch(inputs: int, outputs: int, generator: torch.Generator) -> Layer:
    bound = 1 / math.sqrt(inputs)
    w = torch.empty(outputs, inputs).uniform_(-bound, bound, generator=generator)
    return w, torch.empty(outputs).uniform_(-bound, bound, generator=generator)


def _raai(inputs: int, outputs: int, generator: torch.Generator) -> Layer:
    rows = torch.randn(outputs, inputs + 1, generator=generator) * 0.6007 / math.sqrt(inputs)
    places = torch.randint(inputs + 1, (outputs, 1), generator=generator)
    beta = torch.rand(outputs, 1, generator=generator).sqrt()  # Beta(2, 1): P(v < t) = t²
    rows.scatter_(1, places, beta)
    return rows[:, :-1].contiguous(), rows[:, -1].contiguous()


_STARTS: dict[str, Callable[[int, int, torch.Generator], Layer]] = {
    "kaiming": _kaiming,
    "pytorch": _pytorch,
    "raai": _raai,
}
