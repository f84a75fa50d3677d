"""csrc/*_cuda* as plain C++ on CPU tensors: the conformance tests in a process of its own.

Launches become calls (emulated_cuda.h), the launcher registers for CPU in place of CUDA. It says
nothing about a GPU's arithmetic or speed; test_nvcc.py reads what nvcc makes of the same text.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils import cpp_extension

from tests.support.repository import ROOT, Pytest, copied, environment

HEADERS = ("cuda_runtime.h", "cuda_bf16.h", "cuda_fp16.h")
EDITS = (  # pattern, replacement, how often
    (r"(\w+(?:<[\w, ]+>)?)<<<(.*?), kThreads, 0, stream>>>\((.*)\);",
     r"emulated::launch(\2, kThreads, [&] { \1(\3); });", 8),
    (r"const torch::stable::accelerator::DeviceGuard guard\(.*\);", "", 4),
    (r"TORCH_ERROR_CODE_CHECK\(aoti_torch_get_current_cuda_stream\(.*\)\);", "", 1),
    (r"STD_CUDA_KERNEL_LAUNCH_CHECK\(\);", "", 3),
    (r"IMPL\(hatact, CUDA, m\)", "IMPL(hatact, CPU, m)", 3),
    (r"kMaxBlocks = \w+", "kMaxBlocks = 3", 1),  # so that a block takes tile after tile
)  # fmt: skip
ELEMENTWISE = ("ops/ppoly/test_conformance.py", "ops/ppoly/test_values.py")
CODED = (
    *(f"ops/slope_code/test_{name}.py" for name in ("conformance", "values", "random", "tables")),
    *("ops/test_every_path.py", "ops/test_every_op.py"),
)
# A library for the CPU says which instruction set it runs on, and brings the other ops too.
CAPABILITY = """extern "C" __attribute__((visibility("default")))
const char* hatact_cpu_capability() { return "emulated CUDA"; }
"""
ASK = "from hatact.backends import extension as e; print(e.cpu_capability())"
# Every kernel: degrees 0 to 5 and beyond, few and many knots, periods, tails of each kind.
VALUES = "test_half_types test_many test_knots test_zero test_infin test_exact test_periodic"
SPECS = "hat bw_relu bspline1 bspline2 bspline3 bspline4 bspline5 cubic_tails linear_tails long"
SPECS += " relu ragged sawtooth triangle_wave inexact_knots"
INDEXING = "test_layouts test_expanded test_sizes"
FEW_SPECS = "sawtooth bspline3 long"


pytestmark = [
    pytest.mark.emulated,
    pytest.mark.skipif(
        shutil.which("c++") is None or sys.platform != "linux", reason="needs c++ on Linux"
    ),
]


def _emulate(csrc: Path) -> list[Path]:
    """Edits the CUDA files in a copy of csrc/; the sources among them, as C++."""
    found = sorted(csrc.glob("*_cuda*"))
    counts = [0] * len(EDITS)
    for path in found:
        text = path.read_text()
        for i, (pattern, replacement, _) in enumerate(EDITS):
            text, count = re.subn(pattern, replacement, text)
            counts[i] += count
        path.write_text(text)
    assert counts == [n for _, _, n in EDITS], "the CUDA files have changed: so must the edits"
    return [p.rename(p.with_suffix(".cpp")) for p in found if p.suffix == ".cu"]


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A copy of the package whose CPU library is the emulated CUDA one."""
    folder = tmp_path_factory.mktemp("emulated")
    copied(folder, "*.so")
    for header in HEADERS:
        (folder / header).write_text('#include "tests/support/emulated_cuda.h"\n')
    shutil.copytree(ROOT / "csrc", folder / "csrc")
    sources = [*map(str, _emulate(folder / "csrc")), str(folder / "capability.cpp")]
    (folder / "capability.cpp").write_text(CAPABILITY)
    loading = folder / "hatact" / "backends" / "extension.py"
    text = loading.read_text()
    edited, count = re.subn(r'"cpu": \(.*?\n    \),', '"cpu": _POINTWISE,', text, flags=re.DOTALL)
    assert count == 1, "how it is loaded has changed: so must the edit"
    loading.write_text(edited)
    lib = Path(torch.__file__).parent / "lib"
    include = [folder, folder / "csrc", *cpp_extension.include_paths()]
    subprocess.run(
        ["c++", "-shared", "-fPIC", "-O1", "-std=c++17", "-fvisibility=hidden"]
        + ["-Wall", "-Wno-unknown-pragmas", "-Werror", "-DTORCH_TARGET_VERSION=0x020a000000000000"]
        + ["-fsanitize=alignment", "-fsanitize-undefined-trap-on-error"]
        + [f"-I{path}" for path in include]
        + [*sources, f"-L{lib}", "-ltorch_cpu", "-ltorch", "-lc10"]
        + ["-o", str(folder / "hatact" / "_cpu.so")],
        check=True,
    )
    return folder


def test_it_is_what_runs(package):
    run = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=package,
        env=environment(package),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout == "emulated CUDA\n", run.stderr


def test_conforms(package, say):
    def any_of(words: str) -> str:
        return "(" + " or ".join(words.split()) + ")"

    values = f"{any_of(VALUES)} and {any_of(SPECS)} and not _d2"
    indexing = f"{any_of(INDEXING)} and {any_of(FEW_SPECS)} and not _d1 and not _d2"
    paths = " or (test_path and not MLP)"
    ops = " or (test_every_op and (ppoly or packed) and not opcheck)"
    chosen = f"extension and (({values}) or ({indexing}) or slope_code{paths}{ops}) or test_random"
    runs = [  # side by side
        Pytest(package, package / f"said-{i}", "--specs", "30", "-k", chosen, *files)
        for i, files in enumerate(
            ([f"tests/{n}" for n in ELEMENTWISE], [f"tests/{n}" for n in CODED])
        )
    ]
    for run in runs:
        say(run.passed())
