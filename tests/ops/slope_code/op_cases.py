"""hatact::ppoly_encode, ppoly_encode_, ppoly_decode, and the two that autograd alone calls."""

import torch

from hatact import BW_RELU, HAT, _code
from hatact.ops import packed
from tests.support.op_cases import OpCase
from tests.support.specs import CODED

_WAVE = CODED["triangle_wave"]


def _code_of(x: torch.Tensor, slopes) -> torch.Tensor:
    """Some code of x's elements: bytes that name slopes alone."""
    bits = _code.bits_of(len(slopes))
    generator = torch.Generator().manual_seed(4)
    groups = torch.randint(2, (-(-x.numel() // 8), bits, 8), generator=generator)
    high = groups.sum(1, keepdim=True) == bits  # the last slope of 2^bits need not exist
    groups = torch.where(high, torch.zeros_like(groups), groups)
    return (groups << torch.arange(8)).sum(-1).to(x.device, torch.uint8).flatten()


def _encoded(spec):
    return lambda x: (x, *spec.numbers)


OPS = [
    OpCase("ppoly_encode", _encoded(HAT), ("values", "code"), "hat"),
    OpCase("ppoly_encode", _encoded(BW_RELU), ("values", "code"), "bw_relu"),
    OpCase("ppoly_encode_", _encoded(HAT), ("values", "code"), writes=True, differentiable=False),
    OpCase(
        "ppoly_decode",
        lambda g: (g, _code_of(g, HAT.slopes), list(HAT.slopes)),
        strides="dense",
        what="hat",
    ),
    OpCase(
        "ppoly_decode",
        lambda g: (g, _code_of(g, _WAVE.slopes), list(_WAVE.slopes)),
        strides="dense",
        what="wave",
    ),
    OpCase(
        "_packed_encode",
        lambda x: (x, packed(*HAT.numbers)),
        ("values", "code", "code"),
        fake=False,
    ),
    OpCase(
        "_packed_decode",
        lambda g: (g, _code_of(g, HAT.slopes), packed((), HAT.slopes)),
        strides="dense",
        fake=False,
    ),
]
FUNCTIONS = []
