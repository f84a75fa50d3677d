"""The Triton backend's triangle cascade, by Triton's interpreter in its own process."""

import pytest

from hatact._checks import DTYPES
from tests.support.children import interpreted, needs_triton

CHECKS = [*map(str, DTYPES), "sizes", "edges", "layouts", "deep", "errors"]

pytestmark = [pytest.mark.interpreter, needs_triton]


@pytest.fixture(scope="module")
def failures() -> dict[str, list[str]]:
    return interpreted("interpreted_cascade")


@pytest.mark.parametrize("what", CHECKS)
def test_cascade_by_the_interpreter(failures, what):
    assert failures[what] == []
