"""csrc/ppoly_cuda.cu as plain C++ on CPU tensors: the conformance tests in a process of its own.

Launches become calls (emulated_cuda.h), the launcher registers for CPU in place of CUDA. It says
nothing about a GPU's arithmetic or speed; test_nvcc.py reads what nvcc makes of the same text.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils import cpp_extension

ROOT = Path(__file__).parent.parent
HEADERS = ("cuda_runtime.h", "cuda_bf16.h", "cuda_fp16.h")
EDITS = (  # pattern, replacement
    (r"(\w+(?:<[\w, ]+>)?)<<<(.*?), kThreads, 0, stream>>>\((.*)\);",
     r"emulated::launch(\2, kThreads, [&] { \1(\3); });"),
    (r"const torch::stable::accelerator::DeviceGuard guard\(.*\);", ""),
    (r"TORCH_ERROR_CODE_CHECK\(aoti_torch_get_current_cuda_stream\(.*\)\);", ""),
    (r"STD_CUDA_KERNEL_LAUNCH_CHECK\(\);", ""),
    (r"IMPL\(hatact, CUDA, m\)", "IMPL(hatact, CPU, m)"),
)  # fmt: skip
LAUNCHES = 4
# Every kernel: degrees 0 to 5 and beyond, few and many knots, periods, tails of each kind.
VALUES = "test_half_types test_many test_knots test_zero test_infin test_exact test_periodic"
SPECS = "hat bw_relu bspline1 bspline2 bspline3 bspline4 bspline5 cubic_tails linear_tails long"
SPECS += " relu ragged sawtooth triangle_wave inexact_knots"
INDEXING = "test_layouts test_expanded test_sizes"
FEW_SPECS = "sawtooth bspline3 long"


pytestmark = pytest.mark.skipif(
    shutil.which("c++") is None or sys.platform != "linux", reason="needs c++ on Linux"
)


def _emulated(text: str) -> str:
    counts = []
    for pattern, replacement in EDITS:
        text, count = re.subn(pattern, replacement, text)
        counts.append(count)
    assert counts == [LAUNCHES, 1, 1, 1, 1], "the .cu has changed: so must the edits"
    return text


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A copy of the package whose CPU library is the emulated CUDA one."""
    folder = tmp_path_factory.mktemp("emulated")
    shutil.copytree(ROOT / "hatact", folder / "hatact", ignore=shutil.ignore_patterns("*.so"))
    shutil.copytree(ROOT / "tests", folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for header in HEADERS:
        (folder / header).write_text('#include "tests/emulated_cuda.h"\n')
    source = folder / "ppoly_cuda.cpp"
    source.write_text(_emulated((ROOT / "csrc" / "ppoly_cuda.cu").read_text()))
    lib = Path(torch.__file__).parent / "lib"
    include = [folder, ROOT / "csrc", *cpp_extension.include_paths()]
    subprocess.run(
        ["c++", "-shared", "-fPIC", "-O1", "-std=c++17", "-fvisibility=hidden"]
        + ["-Wall", "-Wno-unknown-pragmas", "-Werror", "-DTORCH_TARGET_VERSION=0x020a000000000000"]
        + [f"-I{path}" for path in include]
        + [str(source), f"-L{lib}", "-ltorch_cpu", "-ltorch", "-lc10"]
        + ["-o", str(folder / "hatact" / "_cpu.abi3.so")],
        check=True,
    )
    return folder


def test_conforms(package):
    def any_of(words: str) -> str:
        return "(" + " or ".join(words.split()) + ")"

    values = f"{any_of(VALUES)} and {any_of(SPECS)} and not _d2"
    indexing = f"{any_of(INDEXING)} and {any_of(FEW_SPECS)} and not _d1 and not _d2"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        + ["-k", f"extension and (({values}) or ({indexing}))"]
        + [f"tests/{name}.py" for name in ("test_conformance", "test_conformance_values")],
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
