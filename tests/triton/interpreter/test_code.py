"""Slope codes and in-place ops of the Triton backend, by Triton's interpreter."""

import pytest
import torch

from hatact.activations import registry
from hatact.backends._triton_numbers import finite_slopes, piece_codes
from tests.support.children import interpreted, needs_triton

SPECS = [name for name, spec in registry().items() if spec.slopes is not None]
CHECKS = ["sizes", "layouts", "layouts in place", "random bytes", "errors", "long specs"]


@pytest.fixture(scope="module")
def failures() -> dict[str, list[str]]:
    return interpreted("interpreted_code")


@pytest.mark.interpreter
@needs_triton
@pytest.mark.parametrize("what", [*SPECS, *CHECKS])
def test_codes_by_the_interpreter(failures, what):
    assert failures[what] == []


def test_codes_are_spread_over_bytes():
    # Eight slopes, in order: 0 … 7, whose three bits lie eight apart.
    coeffs = tuple(float(c) for i in range(8) for c in (i, 0))
    codes, bits = piece_codes(coeffs, 8, 0.0)
    assert bits == 3
    assert codes == (0, 1, 256, 257, 65536, 65537, 65792, 65793)
    # Periodic: piece 0 is piece 1, and the slope right of all is a NaN.
    assert piece_codes((5.0, 0.0, 1.0, 0.0, -1.0, 0.0), 3, 2.0) == ((0, 0, 1, 256), 2)


def test_slopes_are_rounded_and_a_nan_dropped():
    third = torch.tensor(1 / 3).item()
    assert finite_slopes((1 / 3, float("nan")), torch.float32) == (third,)
    assert finite_slopes((1 / 3, 2.0), torch.float64) == (1 / 3, 2.0)
