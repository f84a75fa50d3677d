"""The subject of the checks that torch runs on its own operators and modules."""

import pytest
import torch

from tests.support.torch_templates import Subject

# (test, name) -> why torch's own function fails it.
HARDTANH_BACKWARD = "hardtanh_backward's first operand is the cotangent: its strides come out"
TORCH_FAILS = {
    ("test_module_gradient_keeps_the_format", "hardtanh"): HARDTANH_BACKWARD,
    ("test_module_gradient_keeps_the_format", "relu6"): HARDTANH_BACKWARD,
}


@pytest.fixture
def subject(request, place, who, name):
    """It holds what is under test; torch's own failures are expected, and no others."""
    why = TORCH_FAILS.get((request.node.originalname, name)) if who == "torch" else None
    if why:
        request.applymarker(pytest.mark.xfail(reason=why, strict=True))
    if place.interpreted and name != "relu":
        pytest.skip("too many calls for Triton's interpreter")
    torch.manual_seed(0)
    return Subject(place, who, name)
