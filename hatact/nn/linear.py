"""A linear layer and its activation as one module: the pre-activation is never kept."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hatact import functional
from hatact.spec import PiecewisePolynomial


class LinearAct(nn.Module):
    """y = f(x·Wᵀ + b) for a piecewise polynomial f.

    The layer's output is overwritten by the activation. Training keeps x, W and, for a degree of at
    most 1 and at most eight slopes, one to three bits an element of y (`activation.slopes`); for
    other specs the backward computes x·Wᵀ + b again, a third matrix product more. Under
    `torch.compile` the op stays whole (`hatact::linear_act`) in training a spec that has a code,
    and so does what it keeps; elsewhere there Inductor gets the plain layer and activation. A
    program of `torch.export` holds torch's own ops alone, at any batch, and is differentiable
    wherever it is loaded.

    Shapes: (*, in_features) → (*, out_features). Parameters, their initialisation and `state_dict`
    are those of :class:`torch.nn.Linear`; so are dtypes and autocast. The values of f at knots,
    ±inf and NaN and its derivatives: :func:`hatact.functional.piecewise`. On a GPU where the
    Triton backend is forced, f is applied before x·Wᵀ + b is rounded.

    Args:
        in_features, out_features: sizes of a sample of x and of y.
        activation: the spec of f, such as `hatact.HAT.scaled(8)`.
        bias: whether there is a b.
        device, dtype: of the parameters.

    Raises:
        ValueError: if `activation` is not a :class:`hatact.PiecewisePolynomial`.
    """

    weight: Tensor
    bias: Tensor | None
    activation: PiecewisePolynomial

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: PiecewisePolynomial,
        bias: bool = True,
        device: torch.device | str | int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if not isinstance(activation, PiecewisePolynomial):
            raise ValueError(
                "the activation must be a hatact.PiecewisePolynomial, such as hatact.HAT; "
                f"got {type(activation).__name__}"
            )
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        linear = nn.Linear(in_features, out_features, bias, device, dtype)
        self.weight, self.bias = linear.weight, linear.bias
        self.activation = activation

    def reset_parameters(self) -> None:
        """As :meth:`torch.nn.Linear.reset_parameters`."""
        nn.Linear.reset_parameters(self)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear_act(x, self.weight, self.bias, self.activation)

    def extra_repr(self) -> str:
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        f = self.activation
        has = f"bias={self.bias is not None}"
        return f"{sizes}, {has}, knots={len(f.knots)}, degree={f.degree}"
