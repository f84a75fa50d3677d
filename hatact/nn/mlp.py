"""A whole network of linear layers and one activation as one module, fused where kernels allow."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hatact import functional
from hatact._named import Activation
from hatact._named import activation as of_name
from hatact.nn._arguments import check_flags, check_sizes
from hatact.nn._hooks import acts_itself
from hatact.nn._shown import shown
from hatact.nn._state import KeepsItsActivation
from hatact.nn.activations import Piecewise
from hatact.spec import Number, PiecewisePolynomial

_CALL = "MLP(in_features, hidden_features, out_features, depth, activation, bias=True, scale=1)"


_Network = TypeVar("_Network", bound="MLP")


class MLP(KeepsItsActivation):
    """y = W_d·f(… f(W_1·x + b_1) …) + b_d: `depth` linear layers, f between them.

    `MLP(2, 64, 1, 4, "hat", scale=8)` is 2 → 64 → 64 → 64 → 1. For `hidden_features` from 16 to 256
    a tile of rows goes through all layers at once: on a CPU with the compiled extension while the
    caches hold it, on CUDA (Triton) in registers, for float16, bfloat16 and, to width 128, float32
    where `torch.set_float32_matmul_precision` is not "highest". Elsewhere the layers run one by one
    (:class:`LinearAct`), with the same results but for rounding; the logger "hatact" says once why
    at debug level. Any f: it is the pre-activations that are kept.

    Training keeps, beside x and the parameters,

        hidden·(depth − 1 − r)·itemsize bytes a row,  r = 1 where 4·in ≤ hidden, else 0

    (the first layer of a narrow input is computed again), and nothing with `checkpoint=True`, at a
    forward more. Where layers run one by one: what `LinearAct` keeps. Under autocast the parameters
    are kept as cast.

    Derivatives of any order, `torch.func`, forward mode: as those of the layers, exact. The fused
    backward serves first derivatives; with `create_graph=True` and under transforms the layers
    run one by one. A PINN's u_xx needs `bspline(degree >= 2)`: see
    :func:`hatact.functional.piecewise`. The fused gradients of parameters are summed in a fixed
    order: the same bits on every run and for any number of threads. Under `torch.compile` the
    fused ops stay whole (`hatact::mlp_forward`, `mlp_backward`), for first derivatives. So does
    `mlp_forward` in a program of `torch.export`, which needs hatact where it is loaded and is
    differentiable there; a network that runs layer by layer is exported as torch's own ops, and
    keeps what those keep, `checkpoint` or not. On CUDA the
    first call for a width, an f, a dtype and a device compiles, and times a few launches; what was
    chosen is kept in $HATACT_CACHE_DIR (default: hatact in the user's cache folder). HATACT_TUNE=0
    leaves the timing out. Warm up before a CUDA graph is captured, as ever.

    Shapes: (*, in_features) → (*, out_features). dtypes: float32, float64; float16 and bfloat16,
    computed in float32, with pre-activations rounded as the layers round them. float32 products
    follow `torch.set_float32_matmul_precision`, but on the CPU the fused ones, which are of float32
    whatever it allows. Autocast as with :class:`torch.nn.Linear`.

    `state_dict` is that of `nn.Sequential(nn.Linear(…), activation, nn.Linear(…), …)`, both ways;
    its metadata says f, and loading one of an MLP of another f warns (docs/saving.md). Parameters
    are initialised as :class:`torch.nn.Linear`'s. Where a layer has hooks, a `forward` of its own,
    other sizes, or alone no bias, the network runs layer by layer and calls each (hooks on all
    modules, `register_module_forward_hook`, see the fused network alone). For the scale of a Hat
    see :class:`Hat`.

    Args:
        in_features, hidden_features, out_features: sizes of x, of every hidden layer, and of y.
        depth: how many linear layers, at least 1 (then x → y, with no activation).
        activation: f, as a spec, such as `hatact.HAT.scaled(8)`, by a registered name ("hat": see
            :func:`hatact.activation`) or as an activation module. It is kept as the spec.
        bias: whether layers have one.
        checkpoint: compute hidden layers again in the backward instead of keeping them.
        device, dtype: of the parameters.
        scale: s > 0, fixed: f(s·x) in the place of f. It multiplies the scale that f has.

    Raises:
        ValueError: for sizes or a depth below 1, an `activation` that is none, or a scale that is
            no positive real number; calling it, for an x of another last dimension, dtype or
            device.
        TypeError: if bias or checkpoint is not True or False.
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        out_features: int,
        depth: int,
        activation: Activation,
        bias: bool = True,
        checkpoint: bool = False,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        *,
        scale: Number = 1,
    ) -> None:
        super().__init__()
        in_features, hidden_features, out_features, depth = check_sizes(
            _CALL,
            in_features=in_features,
            hidden_features=hidden_features,
            out_features=out_features,
            depth=depth,
        )
        check_flags(_CALL, bias=bias, checkpoint=checkpoint)
        self.activation = of_name(activation, scale)
        self.in_features, self.out_features = in_features, out_features
        self.hidden_features, self.depth = hidden_features, depth
        self.checkpoint = checkpoint
        widths = [in_features, *[hidden_features] * (depth - 1), out_features]
        self._sizes = [(n, m) for m, n in pairwise(widths)]  # of the weights
        for layer, (n, m) in enumerate(self._sizes):
            linear = nn.Linear(m, n, bias, device, dtype)
            self.add_module(str(2 * layer), linear)  # the names that nn.Sequential gives
        self._names = tuple(str(2 * layer) for layer in range(depth))

    @property
    def layers(self) -> list[nn.Linear]:
        """The linear layers, first to last."""
        return [cast(nn.Linear, self._modules[name]) for name in self._names]

    def reset_parameters(self) -> None:
        """As :meth:`torch.nn.Linear.reset_parameters`, for every layer."""
        for layer in self.layers:
            layer.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        layers = self.layers
        weights = [layer.weight for layer in layers]
        biases = [b for b in [layer.bias for layer in layers] if b is not None]
        plain = not any(map(acts_itself, layers)) and len(biases) in (0, self.depth)
        if plain and [tuple(w.shape) for w in weights] == self._sizes:
            return functional.mlp(x, weights, biases, self.activation, self.checkpoint)
        if self.checkpoint and torch.is_grad_enabled():
            return cast(Tensor, checkpoint(self._one_by_one, x, use_reentrant=False))
        return self._one_by_one(x)

    def _one_by_one(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = functional.piecewise(layer(x), self.activation)
        return cast(Tensor, last(x))

    def to_sequential(self) -> nn.Sequential:
        """The same network, of the same layers, as torch's modules and :class:`Piecewise`."""
        parts: list[nn.Module] = []
        for layer in self.layers:
            parts += [layer, Piecewise(self.activation)]
        return nn.Sequential(*parts[:-1])

    @classmethod
    def from_sequential(cls: type[_Network], net: nn.Sequential) -> _Network:
        """The MLP of a `Sequential(Linear, activation, Linear, …, Linear)`, of the same layers.

        The linear layers are not copied, so both networks train the same parameters. The inverse
        of :meth:`to_sequential`, for depths from 2.

        Args:
            net: linear layers, all hidden ones of one width, with one activation between: any of
                `hatact.nn`, or a `torch.nn.ReLU`, `LeakyReLU`, `Hardtanh` or `ReLU6`. What these of
                torch do in place is not done.

        Raises:
            ValueError: for a network of another form, with the first module that differs.
        """
        from hatact.nn._sequential import taken_apart  # importing hatact needs it not

        layers, spec = taken_apart(net)
        widths = layers[0].in_features, layers[0].out_features, layers[-1].out_features
        network = cls(*widths, len(layers), spec, device="meta")
        for name, layer in zip(network._names, layers, strict=True):
            network.add_module(name, layer)
        network.training = net.training  # not train(), which would change the layers
        return network

    def _stated_activation(self) -> PiecewisePolynomial | None:
        return self.activation if self.depth > 1 else None

    def extra_repr(self) -> str:
        activation = f"activation=({shown(self.activation)})"
        return f"{activation}, checkpoint=True" if self.checkpoint else activation
