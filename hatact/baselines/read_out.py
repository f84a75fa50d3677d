"""A line plus or minus the function of one variable that a network learns."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ReadOut(nn.Module):
    """y = α + βx + sign·F(x), for S functions at once; α and β train and start at 0 and 1.

    A triangle cascade F is concave in kind, so a convex target takes the sign −1; a ReLU network
    with the same line is what it is fairly compared with.

    Shapes: (N, S) → (N, S), a column a function. dtypes: that of `signs`, if `inner` keeps it.

    Args:
        inner: F, (N, S) → (N, S).
        signs: (S), floating.

    Attributes:
        line: α and β, (2, S).

    Raises:
        ValueError: for signs of another shape or of no floating dtype.
    """

    signs: Tensor

    def __init__(self, inner: nn.Module, signs: Tensor) -> None:
        super().__init__()
        if signs.dim() != 1 or not signs.is_floating_point():
            raise ValueError(
                f"signs must be floating, of shape (S,); got {signs.dtype}, {tuple(signs.shape)}"
            )
        self.inner = inner
        self.register_buffer("signs", signs)
        self.line = nn.Parameter(torch.stack([torch.zeros_like(signs), torch.ones_like(signs)]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.line[0] + self.line[1] * x, self.signs, self.inner(x))
