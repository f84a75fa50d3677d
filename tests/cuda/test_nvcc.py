"""csrc/*.cu compiled by nvcc as torch builds them: needs no GPU, and says nothing about speed."""

import re
import shutil
import subprocess
from typing import NamedTuple

import pytest
from torch.utils import cpp_extension

from tests.support.building import imported
from tests.support.repository import ROOT

SOURCES = sorted((ROOT / "csrc").glob("*.cu"))
# What is asked for beside the flags of setup.py and of torch's builder.
REPORTS = ("-Werror", "all-warnings", "-Xptxas", "-v", "--keep")
DTYPES = ("f", "d", "6__half", "13__nv_bfloat16")
# At most 48 a thread leave 5 of the 8 blocks that a multiprocessor can hold, 40 leave 6.
MOST_REGISTERS = {
    "ppoly": dict.fromkeys(DTYPES, 40) | {"d": 48},
    "encode": dict.fromkeys(DTYPES, 40) | {"d": 48},
    "decode": dict.fromkeys(DTYPES, 40),
}


class Kernel(NamedTuple):
    """A compiled kernel: name, two template arguments, dtype."""

    name: str
    first: int
    second: int
    dtype: str

    @property
    def accesses(self) -> int:
        """16-byte accesses to x or y that a thread has in flight: whole groups of the code."""
        return 4 if self.name != "ppoly" and self.dtype == "d" else 2

    @property
    def loads(self) -> int:
        """16-byte loads of x, or of g, for a tile."""
        tensors = {"ppoly": 1 + self.second, "encode": 1, "decode": self.second}[self.name]
        return tensors * self.accesses

    @property
    def groups(self) -> int:
        """Groups of the code that a thread has in flight."""
        return 1 if self.dtype in ("f", "d") else 2


PPOLY = [Kernel("ppoly", d, g, t) for d in (0, 1, 2, 3, 5) for g in (0, 1) for t in DTYPES]
ENCODE = [Kernel("encode", b, d, t) for b, d in ((1, 0), (1, 1), (2, 1), (3, 1)) for t in DTYPES]
DECODE = [Kernel("decode", b, g, t) for b in (1, 2, 3) for g in (0, 1) for t in DTYPES]
KERNELS = {*PPOLY, *ENCODE, *DECODE}
ARCHITECTURES = ("80", "90", "100")

NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
pytestmark = [
    pytest.mark.aot,
    pytest.mark.skipif(
        NVCC is None or shutil.which("gcc") is None, reason="nvcc or gcc is not installed"
    ),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> tuple[str, str]:
    """ptxas's report, and the PTX for sm_90, of all sources."""
    folder = tmp_path_factory.mktemp("nvcc")
    setup, toolkit = imported("setup.py"), imported("csrc/cuda_toolkit.py")
    with pytest.MonkeyPatch.context() as variables:
        variables.delenv("TORCH_CUDA_ARCH_LIST", raising=False)
        architectures = toolkit.architecture_flags(toolkit.find(), 0)
    flags = [*cpp_extension.COMMON_NVCC_FLAGS, "--compiler-options", "-fPIC"]
    flags += [*setup.NVCC_FLAGS, *architectures, *REPORTS]
    flags += [f"-I{path}" for path in cpp_extension.include_paths()]
    running = []
    for source in SOURCES:
        out = folder / source.stem
        out.mkdir()
        command = [NVCC, *flags, "--keep-dir", out, "-c", source, "-o", out / "out.o"]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * len(SOURCES), "".join(said)
    ptx = [folder / source.stem / f"{source.stem}.compute_90.ptx" for source in SOURCES]
    return "".join(said), "".join(path.read_text() for path in ptx)


def _kernel(mangled: str) -> Kernel | None:
    found = re.search(rf"(\w+?)_kernelIL\w(\d)EL\w(\d)E({'|'.join(DTYPES)})", mangled)
    if not found:
        return None
    return Kernel(re.sub(r".*\d", "", found[1]), int(found[2]), int(found[3]), found[4])


@pytest.fixture(scope="module")
def figures(report) -> dict[tuple[str, str], dict[str, int]]:
    """Of each kernel by its architecture and its mangled name."""
    pattern = re.compile(
        r"entry function '(\w+)' for 'sm_(\d+)'.*?(\d+) bytes stack frame, "
        r"(\d+) bytes spill stores, (\d+) bytes spill loads.*?Used (\d+) registers",
        re.DOTALL,
    )
    return {
        (architecture, name): {"local": int(stack) + int(st) + int(ld), "registers": int(used)}
        for name, architecture, stack, st, ld, used in pattern.findall(report[0])
    }


@pytest.fixture(scope="module")
def bodies(report) -> dict[Kernel, str]:
    """The PTX for sm_90 of each kernel that is not for specs beyond the compiled sizes."""
    entries = re.split(r"\.entry ", report[1])[1:]
    named = ((_kernel(entry.split("(")[0]), entry) for entry in entries)
    return {key: entry for key, entry in named if key}


def test_every_kernel_is_compiled(figures, bodies):
    assert {of for of, _ in figures} == set(ARCHITECTURES)
    for architecture in ARCHITECTURES:
        names = [name for of, name in figures if of == architecture]
        assert {_kernel(name) for name in names} - {None} == KERNELS
        for any_size in ("ppoly_any", "encode_any"):
            assert sum(any_size in name for name in names) == len(DTYPES)
    assert set(bodies) == KERNELS


def test_nothing_spills(figures):
    for key, f in figures.items():
        assert f["local"] == 0, key


def test_registers(figures):
    """On sm_90 few enough for the blocks that hide the memory's latency; elsewhere for four."""
    for (architecture, name), f in figures.items():
        key = _kernel(name)
        if architecture == "90" and key is not None:
            assert f["registers"] <= MOST_REGISTERS[key.name][key.dtype], key
        assert f["registers"] <= 64, (architecture, name)


def _count(pattern: str, body: str) -> int:
    return len(re.findall(pattern, body))


def test_accesses_are_16_bytes_wide(bodies):
    for key, body in bodies.items():
        tiles = 2  # the first and, in the loop, the next
        assert _count(r"ld\.global\.v4\.\w32", body) == tiles * key.loads, key
        assert _count(r"st\.global\.v4\.\w32", body) == key.accesses, key


def test_loads_are_under_way_before_the_barrier(bodies):
    """While the table is filled; nvcc and ptxas move no load past a barrier."""
    for key, body in bodies.items():
        before, *after = re.split(r"bar\.sync", body)
        assert len(after) == 1, key
        assert _count(r"ld\.global\.v4\.\w32", before) == key.loads, key
        if key.name == "decode":
            bits = {1: 8, 2: 16, 3: 32}[key.first]
            assert _count(rf"ld\.global\.u{bits}\b", before) >= key.groups, key


def test_the_table_is_filled_by_one_load_a_thread(bodies):
    """Not from constant memory, and in no loop."""
    for key in (*PPOLY, *ENCODE):
        before = bodies[key].partition("bar.sync")[0]
        assert _count(r"\bld\.v4\.\w32", before) == 1, key
        assert _count(r"st\.shared\.v4\.\w32", before) == _count(r"st\.shared", before) == 1, key


def test_a_lane_accesses_the_code_of_a_group_at_once(bodies):
    """2 bytes, or 3 of the 4 that it has together with its neighbours; the tail goes by bytes."""
    for key, body in bodies.items():
        if key.name == "ppoly" or key.first == 1:
            continue
        one_bit = bodies[key._replace(first=1)]
        access = "st" if key.name == "encode" else "ld"
        found = {
            bits: _count(rf"{access}\.global\.u{bits}\b", body)
            - _count(rf"{access}\.global\.u{bits}\b", one_bit)
            for bits in (16, 32)
        }
        groups = key.groups * {"encode": 1, "decode": 2}[key.name]  # those of the next tile too
        assert found == {16: groups * (key.first == 2), 32: groups * (key.first == 3)}, key


def test_float64_is_used_where_it_is_asked_for(bodies):
    for key, body in bodies.items():
        assert (".f64" in body) == (key.dtype == "d"), key


def test_encode_computes_as_ppoly_does(bodies):
    """The same instructions for each element, fused or not: the values are bit-identical."""
    for key in ENCODE:
        pattern = r"\b(?:fma|mul|add|sub|div)\.(?:\w+\.)*f\d\d"
        plain = re.findall(pattern, bodies[Kernel("ppoly", key.second, 0, key.dtype)])
        found = re.findall(pattern, bodies[key])
        assert {i: found.count(i) / len(found) for i in found} == {
            i: plain.count(i) / len(plain) for i in plain
        }, key
