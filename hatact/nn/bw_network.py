"""The published network of BW-ReLU wavelets, with its options, on the fused path."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from numbers import Real
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from hatact import functional
from hatact._named import check_flag
from hatact.activations.bw_relu import BW_RELU
from hatact.nn._arguments import check_sizes
from hatact.nn._hooks import acts_itself
from hatact.nn._state import KeepsItsActivation
from hatact.spec import PiecewisePolynomial

_CALL = "BWNetwork(in_features, hidden_features, hidden_layers, out_features, c=1.0)"


class BWNetwork(KeepsItsActivation):
    """y = W_{L+1}·h_L + b_{L+1},  h_l = ψ(c·(W_l·h_{l−1} + b_l)),  h_0 = x: a network of BW-ReLUs.

    ψ is :data:`hatact.BW_RELU`, seven ReLUs with fixed knots and weights; c is one number for all
    layers, and the larger it is, the higher the frequencies that are learnt at once: the paper
    takes 1 to 9. A fixed c is folded into the numbers of ψ, in `activation`, and costs nothing;
    neither can be assigned, so that they never disagree. All options run on the fused path of
    :class:`MLP`, where that serves the width:

    - `weight_norm`: the rows of every hidden W are g_k·v_k/‖v_k‖₂, for a pass over the weights;
    - `learn_c`: c is a parameter, and multiplies weights and biases, another pass over them; weight
      decay shrinks it like any parameter, unless the optimiser has it in a group of its own;
    - `linear_layers`: h_l = V_l·ψ(…) + d_l for l < L. Nothing lies between V_l and W_{l+1}, so for
      at least `hidden_features` rows of x their product, of hidden³ multiplications, takes the
      place of both; for fewer rows the layers run one by one. Under `torch.compile`
      and `torch.export`, where the rows may be any number, the product is always made;
    - `skip`: A·x + a is added to y.

    Where layers have hooks, a `forward` of their own or no bias they run one by one too.

    Parameters stand in the published order, so that copying them one by one carries a network over:
    [c, 0-d, if it is learnt], W_1, b_1, [V_1, d_1], W_2, b_2, …, W_{L+1}, b_{L+1}, [A, a]; with
    `weight_norm` a hidden W, b is b, g, v. `layers` holds the linear layers in this order, without
    the skip. One hidden layer has no use for `linear_layers`, which is ignored there.

    Shapes: (*, in_features) → (*, out_features). dtypes, autocast, derivatives, memory and
    `torch.compile`: those of :class:`MLP`; a c that is learnt, and V_l·W_{l+1}, round the weights
    once more. With `weight_norm`, `copy.deepcopy` copies a network and its `state_dict` keeps it;
    torch does not pickle such modules. Source: arXiv 2406.02529 and its published code.

    Args:
        in_features, hidden_features, hidden_layers, out_features: the sizes; L is `hidden_layers`.
        c: the scale inside ψ, > 0, any real number, taken as a float; with `learn_c` what it starts
            from.
        weight_norm, linear_layers, learn_c, skip: see above.
        init_scale: any real number > 0. It multiplies the initial W_l and V_l of hidden layers, not
            biases and not the last layer, with `weight_norm` too, where in the published code W
            ignores it.
        device, dtype: of the parameters.

    Raises:
        ValueError: for sizes below 1, or a c or an `init_scale` that is not positive and finite;
            calling it, as :class:`MLP`.
        TypeError: for an option that is not True or False.
        AttributeError: for a fixed c or an `activation` that is assigned.
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        hidden_layers: int,
        out_features: int,
        c: float = 1.0,
        *,
        weight_norm: bool = False,
        linear_layers: bool = False,
        learn_c: bool = False,
        skip: bool = False,
        init_scale: float = 1.0,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        in_features, hidden_features, hidden_layers, out_features = check_sizes(
            _CALL,
            in_features=in_features,
            hidden_features=hidden_features,
            hidden_layers=hidden_layers,
            out_features=out_features,
        )
        self.options = {
            "weight_norm": weight_norm,
            "linear_layers": linear_layers,
            "learn_c": learn_c,
            "skip": skip,
        }
        for name, value in self.options.items():
            check_flag(name, value, f"BWNetwork(…, {name}=True)")
        self._start_of_c = _positive("c", c)
        self.init_scale = _positive("init_scale", init_scale)
        self.in_features, self.out_features = in_features, out_features
        self.hidden_features, self.hidden_layers = hidden_features, hidden_layers
        self.linear_layers = linear_layers and hidden_layers > 1
        self.c: float | nn.Parameter = self._start_of_c
        self.activation = BW_RELU if learn_c else BW_RELU.scaled(self.c)
        if learn_c:
            self.c = nn.Parameter(torch.tensor(self._start_of_c, device=device, dtype=dtype))
        self._fixed = ("activation",) if learn_c else ("activation", "c")
        layers: list[nn.Linear] = []
        width = in_features
        for layer in range(hidden_layers):
            layers.append(nn.Linear(width, hidden_features, device=device, dtype=dtype))
            width = hidden_features
            if self.linear_layers and layer < hidden_layers - 1:
                layers.append(nn.Linear(width, width, device=device, dtype=dtype))
        layers.append(nn.Linear(width, out_features, device=device, dtype=dtype))
        with torch.no_grad():
            for linear in layers[:-1]:
                linear.weight.mul_(self.init_scale)
        if weight_norm:
            for linear in layers[: -1 : 2 if self.linear_layers else 1]:
                parametrizations.weight_norm(linear)
        self.layers = nn.ModuleList(layers)
        self.skip: nn.Linear | None = None
        if skip:
            self.skip = nn.Linear(in_features, out_features, device=device, dtype=dtype)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.__dict__.get("_fixed", ()):
            raise AttributeError(
                "the activation, and a c that is fixed, cannot be assigned, as the one is folded "
                "into the other: make another network, or one with learn_c=True; "
                f"got {name} = {value!r}"
            )
        super().__setattr__(name, value)

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as at first, and c is what it started from."""
        linears = [*self._linears(), *([] if self.skip is None else [self.skip])]
        hidden = len(self.layers) - 1
        with torch.no_grad():
            if isinstance(self.c, Tensor):
                self.c.fill_(self._start_of_c)
            for i, linear in enumerate(linears):
                sizes, like = (linear.in_features, linear.out_features), linear.weight
                drawn = nn.Linear(*sizes, device=like.device, dtype=like.dtype)
                if linear.bias is not None:
                    linear.bias.copy_(drawn.bias)
                weight = drawn.weight * (self.init_scale if i < hidden else 1)
                if parametrize.is_parametrized(linear, "weight"):
                    linear.weight = weight  # type: ignore[assignment]  # torch takes it apart
                else:
                    linear.weight.copy_(weight)

    def forward(self, x: Tensor) -> Tensor:
        y = self._network(x)
        return y if self.skip is None else y + self.skip(x)

    def _linears(self) -> list[nn.Linear]:
        return [cast(nn.Linear, layer) for layer in self.layers]

    def _network(self, x: Tensor) -> Tensor:
        linears = self._linears()
        if any(map(acts_itself, linears)) or any(p.bias is None for p in linears):
            return self._one_by_one(x, lambda layer, x: layer(x))
        # A traced graph may serve any number of rows: a question about them would bind it.
        asks = self.linear_layers and not torch.compiler.is_compiling()
        few = self.hidden_features * self.in_features
        if asks and isinstance(x, Tensor) and x.numel() < few:
            return self._one_by_one(x, self._checked)
        weights: list[Tensor] = [p.weight for p in linears]
        biases: list[Tensor] = [p.bias for p in linears]
        if self.linear_layers:
            weights, biases = _folded(weights, biases)
        if isinstance(self.c, Tensor):
            weights = [*(self.c * w for w in weights[:-1]), weights[-1]]
            biases = [*(self.c * b for b in biases[:-1]), biases[-1]]
        return functional.mlp(x, weights, biases, self.activation)

    def _checked(self, layer: nn.Linear, x: Tensor) -> Tensor:
        """The linear layer, with a ValueError for what no network takes."""
        return functional.mlp(x, [layer.weight], [layer.bias], self.activation)

    def _one_by_one(self, x: Tensor, call: Callable[[nn.Linear, Tensor], Tensor]) -> Tensor:
        *hidden, last = self._linears()
        for i, layer in enumerate(hidden):
            x = call(layer, x)
            if not (self.linear_layers and i % 2):
                inner = self.c * x if isinstance(self.c, Tensor) else x
                x = functional.piecewise(inner, self.activation)
        return call(last, x)

    def _stated_activation(self) -> PiecewisePolynomial:
        return self.activation

    def extra_repr(self) -> str:
        c = float(self.c.detach()) if isinstance(self.c, Tensor) else self.c
        used = {**self.options, "linear_layers": self.linear_layers}
        shown = [f"c={c:g}", *(f"{name}=True" for name, on in used.items() if on)]
        shown += [f"init_scale={self.init_scale:g}"] * (self.init_scale != 1)
        return ", ".join(shown)


def _positive(name: str, value: object) -> float:
    number = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        with suppress(OverflowError):  # of an int or a Fraction that is beyond a float
            number = float(value)
    if not 0 < number < math.inf:
        raise ValueError(
            f"{name} must be a positive, finite number; got {value!r}: write {name}=1.0"
        )
    return number


def _folded(weights: list[Tensor], biases: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """W_1, V_1, W_2, …, W_L, W_{L+1} as W_1, W_2·V_1, …, W_L·V_{L−1}, W_{L+1}, and their biases."""
    w, b = [weights[0]], [biases[0]]
    for i in range(1, len(weights) - 2, 2):
        following = weights[i + 1]
        w.append(following @ weights[i])
        b.append(following @ biases[i] + biases[i + 1])
    return [*w, weights[-1]], [*b, biases[-1]]
