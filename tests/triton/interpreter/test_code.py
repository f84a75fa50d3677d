"""Slope codes and in-place ops of the Triton backend, by Triton's interpreter."""

import pytest

from hatact.activations import registry
from tests.support.children import interpreted, needs_triton

SPECS = [name for name, spec in registry().items() if spec.slopes is not None]
CHECKS = ["sizes", "layouts", "layouts in place", "random bytes", "errors", "long specs"]

pytestmark = [pytest.mark.interpreter, needs_triton]


@pytest.fixture(scope="module")
def failures() -> dict[str, list[str]]:
    return interpreted("interpreted_code")


@pytest.mark.parametrize("what", [*SPECS, *CHECKS])
def test_codes_by_the_interpreter(failures, what):
    assert failures[what] == []
