"""hatact::ppoly_encode, ppoly_encode_, ppoly_decode, and the two that autograd alone calls."""

import torch

from hatact import BW_RELU, HAT, _code
from hatact.ops import packed
from tests.support.op_cases import OpCase
from tests.support.specs import CODED

_WAVE = CODED["triangle_wave"]


def _code_of(x: torch.Tensor, slopes) -> torch.Tensor:
    """Some code of x's elements, whose slopes are all numbers."""
    bits, count = _code.bits_of(len(slopes)), sum(s == s for s in slopes)
    generator = torch.Generator().manual_seed(4)
    index = torch.randint(count, (-(-x.numel() // 8), 1, 8), generator=generator)
    planes = index >> torch.arange(bits).view(bits, 1) & 1
    return (planes << torch.arange(8)).sum(-1).to(x.device, torch.uint8).flatten()


def _encoded(spec):
    return lambda x: (x, *spec.numbers)


OPS = [
    OpCase("ppoly_encode", _encoded(HAT), ("values", "code"), "hat"),
    OpCase("ppoly_encode", _encoded(BW_RELU), ("values", "code"), "bw_relu"),
    OpCase("ppoly_encode", _encoded(_WAVE), ("values", "code"), "wave", largest=8.0),
    *(
        OpCase(
            "ppoly_encode_",
            _encoded(f),
            ("values", "code"),
            what,
            writes=True,
            differentiable=False,
            largest=largest,
        )
        for what, f, largest in (("hat", HAT, None), ("wave", _WAVE, 8.0))
    ),
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
