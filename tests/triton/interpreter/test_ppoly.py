"""The text of the Triton kernels, run by Triton's interpreter on CPU tensors in its own process.

The interpreter fuses no multiply-add, so float32, float64 and float16 results must equal the
reference's bit for bit. It proves nothing about a GPU's arithmetic, and its bf16 is its own.
"""

import pytest

from hatact.activations import registry
from tests.support.children import interpreted, needs_triton

pytestmark = [pytest.mark.interpreter, needs_triton]


@pytest.fixture(scope="module")
def failures() -> dict[str, list[str]]:
    return interpreted("interpreted_ppoly")


@pytest.mark.parametrize("what", [*registry(), "layouts", "backend"])
def test_interpreter_agrees_with_reference(failures, what):
    assert failures[what] == []
