"""The triangle cascade's Triton kernels, compiled ahead of time for three GPUs."""

import pytest

from tests.support.children import compiled, needs_triton

ARCHITECTURES = ("sm_80", "sm_90", "gfx942")
FORWARD = ("forward/8/1/fp32", "forward/8/64/bf16", "forward/16/1/bf16", "forward/16/64/fp32")
BACKWARD = ("backward/8/1/bf16", "backward/8/64/fp32", "backward/16/1/fp32", "backward/16/64/bf16")
# Of Triton 3.7.1: 68 and 126, gfx942's for one channel, in the forward; 96 and 168 in the backward.
MOST_REGISTERS = {"forward/8": 72, "forward/16": 132, "backward/8": 104, "backward/16": 176}

pytestmark = [pytest.mark.aot, needs_triton]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> dict[str, dict]:
    cache = tmp_path_factory.mktemp("triton")
    return compiled("compiled_cascade", *FORWARD, *BACKWARD, cache=cache)


@every_architecture
@pytest.mark.parametrize("case", [*FORWARD, *BACKWARD])
def test_nothing_spills_and_float32_stays_float32(figures, case, architecture):
    found = figures[f"{case} on {architecture}"]
    assert found["spilled"] == 0
    assert found["registers"] <= MOST_REGISTERS[case.rsplit("/", 2)[0]]
    assert not found["float64"]
    assert found["fused"] > 0


@every_architecture
@pytest.mark.parametrize("case", FORWARD)
def test_a_thread_stays_in_its_channel(figures, case, architecture):
    found = figures[f"{case} on {architecture}"]
    assert (found["shared memory"], found["barriers"]) == (0, 0)
    # One channel's rows lie side by side: four of float32 are one store, unmasked.
    assert found["wide stores"] == ("/1/fp32" in case)
