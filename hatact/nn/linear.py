"""A linear layer and its activation as one module: the pre-activation is never kept."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hatact import functional
from hatact._named import Activation
from hatact._named import activation as of_name
from hatact.nn._arguments import check_flags, check_sizes
from hatact.nn._shown import shown
from hatact.nn._state import KeepsItsActivation
from hatact.spec import Number, PiecewisePolynomial

_CALL = "LinearAct(in_features, out_features, activation, bias=True, scale=1)"


class LinearAct(KeepsItsActivation):
    """y = f(x·Wᵀ + b) for a piecewise polynomial f.

    The layer's output is overwritten by the activation. Training keeps x, W and, for a degree of at
    most 1 and at most eight slopes, one to three bits an element of y (`activation.slopes`); for
    other specs the backward computes x·Wᵀ + b again, a third matrix product more. Under
    `torch.compile` the op stays whole (`hatact::linear_act`) in training a spec that has a code,
    and so does what it keeps; elsewhere there Inductor gets the plain layer and activation. A
    program of `torch.export` holds torch's own ops alone, at any batch, and is differentiable
    wherever it is loaded.

    Shapes: (*, in_features) → (*, out_features). Parameters, their initialisation and `state_dict`
    are those of :class:`torch.nn.Linear`; so are dtypes and autocast. The metadata of the
    `state_dict` says f, and loading one of another f warns (docs/saving.md). The values of f at
    knots, ±inf and NaN and its derivatives: :func:`hatact.functional.piecewise`. On a GPU where the
    Triton backend is forced, f is applied before x·Wᵀ + b is rounded.

    Args:
        in_features, out_features: sizes of a sample of x and of y.
        activation: f, as a spec, such as `hatact.HAT.scaled(8)`, by a registered name ("hat": see
            :func:`hatact.activation`) or as an activation module. It is kept as the spec.
        bias: whether there is a b.
        device, dtype: of the parameters.
        scale: s > 0, fixed: f(s·(x·Wᵀ + b)). It multiplies the scale that the activation has.

    Raises:
        ValueError: if `activation` is none, the scale no positive real number, or a size no int of
            at least 0; calling it, for an x of another last dimension, dtype or device.
        TypeError: if bias is not True or False.
    """

    weight: Tensor
    bias: Tensor | None
    activation: PiecewisePolynomial

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: Activation,
        bias: bool = True,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
        *,
        scale: Number = 1,
    ) -> None:
        super().__init__()
        in_features, out_features = check_sizes(
            _CALL, 0, in_features=in_features, out_features=out_features
        )
        check_flags(_CALL, bias=bias)
        self.activation = of_name(activation, scale)
        self.in_features, self.out_features = in_features, out_features
        linear = nn.Linear(in_features, out_features, bias, device, dtype)
        self.weight, self.bias = linear.weight, linear.bias

    def reset_parameters(self) -> None:
        """As :meth:`torch.nn.Linear.reset_parameters`."""
        nn.Linear.reset_parameters(self)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear_act(x, self.weight, self.bias, self.activation)

    def _stated_activation(self) -> PiecewisePolynomial:
        return self.activation

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}, activation=({shown(self.activation)})"
