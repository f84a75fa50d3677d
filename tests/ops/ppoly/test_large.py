"""More than 2³¹ elements: HATACT_LARGE=1, with 10 GB of memory free (GPU: too), half a minute."""

import os

import pytest
import torch

from hatact import BW_RELU, HAT

raw = torch.ops.hatact
N = 2**31 + 13

pytestmark = pytest.mark.skipif(
    os.environ.get("HATACT_LARGE") != "1", reason="takes 10 GB: set HATACT_LARGE=1"
)


@pytest.mark.parametrize("spec", [HAT, BW_RELU], ids=["hat", "bw_relu"])
def test_the_end_of_a_large_tensor(spec):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tail = torch.linspace(-1, 4, 4096, device=device).bfloat16()
    x = torch.zeros(N, dtype=torch.bfloat16, device=device)
    x[-4096:] = tail
    code = raw.ppoly_encode_(x, *spec.numbers)
    y, code_of_tail = raw.ppoly_encode(tail, *spec.numbers)
    assert torch.equal(x[-4096:], y)
    assert not x[:-4096].any()
    x.fill_(1)
    gx = raw.ppoly_decode(x[:1].expand(N), code, list(spec.slopes))
    assert torch.equal(
        gx[-4096:], raw.ppoly_decode(torch.ones_like(tail), code_of_tail, list(spec.slopes))
    )
