"""What `torch.load(weights_only=True)` must be allowed, for modules that were saved whole."""

from __future__ import annotations

from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Any

import torch
from torch import nn

from hatact.nn import activations, bw_network, cascade, encoding, linear, mlp
from hatact.spec import PiecewisePolynomial

_ROOMS = (activations, bw_network, cascade, encoding, linear, mlp)
_OF_TORCH = (nn.Linear, nn.Sequential, nn.ModuleList, nn.ParameterList)


def safe_globals() -> AbstractContextManager[None]:
    """A context in which `torch.load(file, weights_only=True)` takes modules of `hatact.nn`.

        with hatact.nn.safe_globals():
            network = torch.load("network.pt")

    Allowed are this package's modules and specs, `fractions.Fraction`, and of torch Linear,
    Sequential, ModuleList and ParameterList, in this context alone
    (`torch.serialization.safe_globals`): no code of the file's own runs. Other classes
    that the file needs are yours to add. A `state_dict` needs none of it.
    """
    ours = [
        found
        for room in _ROOMS
        for found in vars(room).values()
        if isinstance(found, type) and found.__module__ == room.__name__
    ]
    allowed: list[Any] = [*ours, PiecewisePolynomial, Fraction, *_OF_TORCH]
    context: Any = torch.serialization.safe_globals(allowed)
    return context  # type: ignore[no-any-return]
