"""The Triton kernel compiled ahead of time for three GPUs, in a process of its own.

Proves that it compiles, moves 16 bytes an access and spills nothing; says nothing about speed.
"""

import struct

import pytest

from hatact.activations import registry
from tests.support.children import compiled, needs_triton

ARCHITECTURES = ("sm_80", "sm_90", "gfx942")
CASES = (  # activation/order of derivative/dtype/g or none
    "hat/0/fp32/-",
    "hat/1/bf16/g",
    "bw_relu/0/bf16/-",
    "bw_relu/1/fp64/-",
    "bspline3/0/bf16/g",
    "bspline3/0/fp32/-",
    "bspline3/0/fp64/-",
    "triangle_wave/0/fp16/-",
    "triangle_wave/0/fp64/g",
    "triangle_wave/1/fp32/g",
)
ELEMENTS = 8  # of each thread
BYTES = {"fp64": 8, "fp32": 4, "bf16": 2, "fp16": 2}
MOST_REGISTERS = 72  # a gfx942 float64 cubic has 70; 64 on NVIDIA, half of its threads resident

pytestmark = [pytest.mark.aot, needs_triton]
every_case = pytest.mark.parametrize("case", CASES)
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> dict[str, dict]:
    return compiled("compiled_ppoly", *CASES, cache=tmp_path_factory.mktemp("triton"))


@every_architecture
@every_case
def test_accesses_are_16_bytes_wide(figures, case, architecture):
    found = figures[f"{case} on {architecture}"]
    _, _, dtype, with_g = case.split("/")
    accesses = ELEMENTS * BYTES[dtype] // 16
    assert found["wide stores"] == accesses
    assert found["wide loads"] == accesses * (2 if with_g == "g" else 1)


@every_architecture
@every_case
def test_nothing_spills(figures, case, architecture):
    found = figures[f"{case} on {architecture}"]
    assert found["spilled"] == 0
    assert found["registers"] <= MOST_REGISTERS


@every_architecture
@every_case
def test_float64_is_used_where_it_is_asked_for(figures, case, architecture):
    assert figures[f"{case} on {architecture}"]["float64"] == ("/fp64/" in case)


@every_architecture
def test_multiplications_and_additions_are_fused(figures, architecture):
    assert figures[f"bspline3/0/fp32/- on {architecture}"]["fused"] > 0


def _hexadecimal(value: float) -> str:
    return struct.pack(">d", value).hex().upper()


@pytest.mark.parametrize("case", [c for c in CASES if "/fp64/" in c])
def test_float64_knots_are_not_rounded_to_float32(figures, case):
    knots, _, period = registry()[case.split("/")[0]].numbers
    exact = {_hexadecimal(t) for t in knots[1 if period else 0 :]}
    compared = set(figures[f"{case} on sm_90"]["compared with"])
    assert exact <= compared
    # A periodic spec is compared with both ends of the period, too.
    assert compared <= exact | {_hexadecimal(knots[0]), _hexadecimal(knots[0] + period)}
