"""csrc/ppoly_cuda.cu compiled by nvcc for sm_90: needs no GPU, and says nothing about speed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from torch.utils import cpp_extension

SOURCE = Path(__file__).parent.parent / "csrc" / "ppoly_cuda.cu"
FLAGS = (
    *("-std=c++17", "-O3", "-arch=sm_90", "-DTORCH_TARGET_VERSION=0x020a000000000000"),
    *("-DUSE_CUDA", "-Werror", "all-warnings", "-Xptxas", "-v", "-cubin", "--keep"),
)
MOST_REGISTERS = {"f": 40, "d": 64, "6__half": 48, "13__nv_bfloat16": 48}  # by dtype
KERNELS = [(d, g, t) for d in "01235" for g in "01" for t in MOST_REGISTERS]  # degree, has g

NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
pytestmark = pytest.mark.skipif(NVCC is None, reason="nvcc is not installed")


def _compiled(folder: Path) -> tuple[str, str]:
    """ptxas's report and the PTX."""
    include = [f"-I{path}" for path in cpp_extension.include_paths()]
    command = [NVCC, *FLAGS, "--keep-dir", folder, *include, "-o", folder / "out.cubin", SOURCE]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    return found.stderr, (folder / "ppoly_cuda.ptx").read_text()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> tuple[str, str]:
    return _compiled(tmp_path_factory.mktemp("nvcc"))


def _key(mangled: str) -> tuple[str, ...] | None:
    found = re.search(rf"ppoly_kernelILi(\d)ELb(\d)E({'|'.join(MOST_REGISTERS)})", mangled)
    return found and found.groups()


@pytest.fixture(scope="module")
def figures(report) -> dict[str, dict[str, int]]:
    """Of each kernel by its mangled name."""
    pattern = re.compile(
        r"entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
        r"(\d+) bytes spill loads.*?Used (\d+) registers",
        re.DOTALL,
    )
    return {
        name: {"stack": int(stack), "spilled": int(st) + int(ld), "registers": int(registers)}
        for name, stack, st, ld, registers in pattern.findall(report[0])
    }


@pytest.fixture(scope="module")
def bodies(report) -> dict[tuple[str, ...], str]:
    """The PTX of each ppoly_kernel."""
    entries = re.split(r"\.entry ", report[1])[1:]
    named = ((_key(entry.split("(")[0]), entry) for entry in entries)
    return {key: entry for key, entry in named if key}


def test_every_kernel_is_compiled(figures, bodies):
    assert {_key(name) for name in figures} - {None} == set(KERNELS)
    assert set(bodies) == set(KERNELS)
    assert sum("ppoly_any" in name for name in figures) == len(MOST_REGISTERS)


def test_nothing_spills(figures):
    assert {name for name, f in figures.items() if f["spilled"] or f["stack"]} == set()


def test_registers(figures):
    """At most 48 a thread leave 5 of the 8 blocks that a multiprocessor can hold, 40 leave 6."""
    used = {_key(name): f["registers"] for name, f in figures.items()}
    for key in KERNELS:
        assert used[key] <= MOST_REGISTERS[key[2]], key


@pytest.mark.parametrize("dtype", MOST_REGISTERS)
def test_accesses_are_16_bytes_wide(bodies, dtype):
    for degree, has_g, other in KERNELS:
        if other == dtype:
            body = bodies[degree, has_g, dtype]
            wide_loads = len(re.findall(r"ld\.global\.v4\.\w32", body))
            assert wide_loads == (4 if has_g == "1" else 2), (degree, has_g)
            assert len(re.findall(r"st\.global\.v4\.\w32", body)) == 2, (degree, has_g)


def test_float64_is_used_where_it_is_asked_for(bodies):
    for key, body in bodies.items():
        assert (".f64" in body) == (key[2] == "d"), key
