"""The Triton kernels of a whole network, compiled ahead of time for three GPUs."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from tests.support.children import compiled, needs_triton

ARCHITECTURES = ("sm_80", "sm_90", "gfx942")
SHARED = {"sm_80": 166912, "sm_90": 232448, "gfx942": 65536}  # bytes that a program may have
KERNELS = ("inference", "forward", "backward", "parameters")
WIDTHS = (16, 32, 64, 128, 256)
HALVES = [
    *(f"{kernel}/{width}/4/bf16" for kernel, width in product(KERNELS, WIDTHS)),
    *(f"{kernel}/64/4/fp16" for kernel in KERNELS),
    "backward/64/2/bf16",  # no hidden matrix
    "backward/256/2/bf16",
]
FLOAT32 = [f"{kernel}/{width}/4/fp32" for kernel, width in product(KERNELS, (64, 128))]
DEPTHS = [f"{kernel}/64/{depth}/bf16" for kernel, depth in product(KERNELS, (3, 5, 6, 7, 8))]

pytestmark = [pytest.mark.aot, needs_triton]
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> dict[str, dict]:
    """Two processes, each with its share: the wider, the longer."""
    wide = [case for case in (*HALVES, *FLOAT32) if "/256/" in case or case in FLOAT32]
    rest = [case for case in HALVES if case not in wide]
    caches = [tmp_path_factory.mktemp("triton") for _ in range(2)]

    def run(cases, cache):
        return compiled("compiled_mlp", *cases, cache=cache)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(run, (wide, [*rest, *DEPTHS]), caches))
    return found[0] | found[1]


@every_architecture
@pytest.mark.parametrize("case", [*HALVES, *FLOAT32])
def test_nothing_spills_and_all_fits(figures, case, architecture):
    found = figures[f"{case} on {architecture}"]
    assert found["spilled"] == 0
    assert found["registers"] <= (512 if architecture == "gfx942" else 255)
    assert found["shared bytes"] <= SHARED[architecture]
    assert not found["float64"]
    assert found["products"] > 0  # matrix instructions


@pytest.mark.parametrize("case", [*HALVES, *FLOAT32])
def test_hopper_multiplies_by_warp_groups(figures, case):
    found = figures[f"{case} on sm_90"]
    # A product over the rows of fewer than 64 hidden units is smaller than a warp group's.
    small = case.startswith(("parameters/16/", "parameters/32/"))
    assert (found["HGMMA"] > 0) == (not small)


@every_architecture
@pytest.mark.parametrize("case", DEPTHS)
def test_one_binary_serves_every_depth(figures, case, architecture):
    kernel, width, _, dtype = case.split("/")
    of_four = figures[f"{kernel}/{width}/4/{dtype} on {architecture}"]
    assert figures[f"{case} on {architecture}"]["hash"] == of_four["hash"]
