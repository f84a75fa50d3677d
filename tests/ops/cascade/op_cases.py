"""hatact::triangle_cascade and its backward."""

import torch

from hatact import functional
from hatact._checks import compute_dtype
from hatact.reference_cascade import triangle_cascade as composed
from tests.support.cascades import numbers
from tests.support.op_cases import FunctionCase, OpCase, drawn_like

_SPREAD = (0.5, 0.35)  # most of it in [0, 1]


def _numbers_for(x):
    return numbers(x.shape[-1], 4, compute_dtype(x), x.device)


def _tensors(device):
    x = torch.rand(3, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return x.to(device), *numbers(2, 3, torch.float64, device)


OPS = [
    OpCase(
        "triangle_cascade",
        lambda x: (x, *_numbers_for(x)),
        least=1,
        channels=True,
        spread=_SPREAD,
    ),
    OpCase(
        "triangle_cascade_backward",
        lambda x: (drawn_like(x, 1), x, *_numbers_for(x)),
        ("kinked", "sums"),
        main=1,
        differentiable=False,
        least=1,
        channels=True,
        spread=_SPREAD,
    ),
]
FUNCTIONS = [
    FunctionCase(
        *("triangle_cascade", "triangle_cascade", ""),
        functional.triangle_cascade,
        composed,
        _tensors,
    )
]
