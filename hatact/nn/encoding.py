"""Positional encoding: coordinates as cosines and sines of rising frequency."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hatact._checks import compute_dtype
from hatact.nn._arguments import check_flags, check_sizes

MOST_OCTAVES = 64
_CALL = "PositionalEncoding(in_features, octaves, include_input=True)"


class PositionalEncoding(nn.Module):
    """γ(x) = (x, cos(2^l·π·x), sin(2^l·π·x)) for l = 0 … octaves − 1: what NeRF feeds its network.

    The frequencies are 2^(l−1) cycles per unit length, so for coordinates in [−1, 1] the lowest has
    one period. A network with such inputs learns high frequencies from the start, whatever its
    activation. There is nothing to train.

    Shapes: (*, in_features) → (*, out_features), out_features = in_features·(2·octaves + 1), or
    in_features·2·octaves without the input. Order: x, then all cosines, then all sines; among
    either, octave by octave, each with all coordinates.
    dtypes: floating; float16 and bfloat16 are computed in float32 and rounded once. At
    ±inf and NaN cosines and sines are NaN. Source: arXiv 2003.08934, without the coordinates
    themselves.

    Args:
        in_features: how many coordinates there are, at least 1.
        octaves: how many frequencies each coordinate gets, at most 64: of higher ones float64 holds
            no digit of the phase.
        include_input: whether the coordinates themselves come first.

    Raises:
        ValueError: for in_features below 1, octaves outside 0 … 64, or an encoding of nothing (no
            octaves, no input); calling it, for an x of another last dimension.
        TypeError: for an include_input that is no bool; calling it, for an x that is not floating.
    """

    def __init__(self, in_features: int, octaves: int, include_input: bool = True) -> None:
        super().__init__()
        (in_features,) = check_sizes(_CALL, in_features=in_features)
        if type(octaves) is not int or not 0 <= octaves <= MOST_OCTAVES:
            raise ValueError(
                f"octaves must be an int from 0 to {MOST_OCTAVES}; got {octaves!r}: write {_CALL}"
            )
        check_flags(_CALL, include_input=include_input)
        if not (octaves or include_input):
            raise ValueError(
                f"an encoding must have octaves or include its input; got neither: write {_CALL}"
            )
        self.in_features, self.octaves, self.include_input = in_features, octaves, include_input

    @property
    def out_features(self) -> int:
        """The size of the last dimension of what it returns."""
        return self.in_features * (2 * self.octaves + self.include_input)

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_floating_point():
            raise TypeError(f"x must be a floating tensor; got {x.dtype}: write x.float()")
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(
                f"x must have {self.in_features} coordinates in its last dimension; "
                f"got shape {tuple(x.shape)}: write an x of shape (…, {self.in_features})"
            )
        if not self.octaves:
            return x
        wide = x.to(compute_dtype(x))
        angles = torch.cat([2.0**level * math.pi * wide for level in range(self.octaves)], -1)
        parts = [wide] if self.include_input else []
        return torch.cat([*parts, angles.cos(), angles.sin()], -1).to(x.dtype)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, octaves={self.octaves}, "
            f"include_input={self.include_input}"
        )
