"""The Triton backend's fused linear layer, by Triton's interpreter in its own process."""

import pytest

from hatact.activations import registry
from tests.support.children import interpreted, needs_triton

CASES = [
    *(name for name, spec in registry().items() if spec.slopes is not None),
    *("layouts", "in two steps", "errors"),
]

pytestmark = [pytest.mark.interpreter, needs_triton]


@pytest.fixture(scope="module")
def failures() -> dict[str, list[str]]:
    return interpreted("interpreted_linear")


@pytest.mark.parametrize("what", CASES)
def test_linear_act_by_the_interpreter(failures, what):
    assert failures[what] == []
