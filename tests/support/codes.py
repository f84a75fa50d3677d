"""Slope codes, as the sentence of hatact/_code.py has them, and the path that keeps x instead."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hatact import autograd


def unpacked(code: Tensor, bits: int) -> Tensor:
    """The code of each element of whole groups, as the sentence of _code.py has it."""
    b = code.tolist()
    return torch.tensor(
        [
            sum((b[i // 8 * bits + p] >> i % 8 & 1) << p for p in range(bits))
            for i in range(len(b) // bits * 8)
        ],
        dtype=torch.long,
    )


def slopes_of(code, n, slopes):
    """The slope of each of n elements: _code.py's sentence, in a loop."""
    b = code.tolist()
    bits = 1 if len(slopes) <= 2 else 2 if len(slopes) <= 4 else 3
    assert len(b) == math.ceil(n / 8) * bits
    found = []
    for i in range(n):
        group = b[i // 8 * bits : i // 8 * bits + bits]
        found.append(slopes[sum((byte >> i % 8 & 1) << p for p, byte in enumerate(group))])
    return found


def save_x(x, spec):
    """The path that keeps x."""
    return autograd.PPoly.apply(x, None, spec)
