"""The Triton backend's whole network, by Triton's interpreter in its own process."""

import pytest

from tests.support.children import interpreted, needs_triton
from tests.support.children.interpreted_mlp import CHECKS, WIDTHS

pytestmark = [pytest.mark.interpreter, needs_triton]


@pytest.fixture(scope="module")
def failures() -> dict[str, list[str]]:
    return interpreted("interpreted_mlp")


@pytest.mark.parametrize("what", [*(f"width {n}" for n in WIDTHS), *CHECKS])
def test_by_the_interpreter(failures, what):
    assert failures[what] == []
