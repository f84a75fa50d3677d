"""The Triton kernels with a slope code, compiled ahead of time for three GPUs."""

from itertools import product

import pytest

from tests.support.children import compiled, needs_triton

ARCHITECTURES = ("sm_80", "sm_90", "gfx942")
ELEMENTWISE = [
    "/".join(case)
    for case in product(
        ("encode", "decode"), ("hat", "relu", "bw_relu"), ("fp64", "fp32", "bf16", "fp16")
    )
]
LINEAR = ("linear/hat/bf16/4096", "linear/hat/fp16/4096", "linear/hat/fp32/512")
MOST_REGISTERS = 64  # half of an SM's threads resident: BW-ReLU in half types has 56

pytestmark = [pytest.mark.aot, needs_triton]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> dict[str, dict]:
    cache = tmp_path_factory.mktemp("triton")
    return compiled("compiled_code", *ELEMENTWISE, *LINEAR, cache=cache)


@every_architecture
@pytest.mark.parametrize("case", ELEMENTWISE)
def test_codes_are_made_within_a_warp(figures, case, architecture):
    found = figures[f"{case} on {architecture}"]
    assert (found["shared memory"], found["barriers"]) == (0, 0)
    assert (found["wide loads"], found["wide stores"]) == (1, 1)  # 16 bytes a thread, unmasked
    assert found["spilled"] == 0
    assert found["registers"] <= MOST_REGISTERS
    assert found["float64"] == ("/fp64" in case)


@every_architecture
@pytest.mark.parametrize("case", LINEAR)
def test_linear_layer_uses_matrix_instructions_and_spills_nothing(figures, case, architecture):
    found = figures[f"{case} on {architecture}"]
    assert found["spilled"] == 0
    assert not found["float64"]
    # A float32 product as torch sets it by default is no matrix instruction of NVIDIA.
    assert (found["products"] > 0) == ("fp32" not in case or architecture == "gfx942")
    assert found["wide stores"] > 0 or architecture == "gfx942"  # there 8 bytes, as its tiles lie
