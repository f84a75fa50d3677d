"""A library that is not whole, or not ours, is refused before it can do harm, and says why."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import cpp_extension

from hatact.backends import extension
from tests.support.repository import copied, environment

LIBRARY = extension._find("cpu")
ASK = """
import torch, hatact
why = hatact.available_backends()["extension"].reasons.get("cpu")
y = hatact.functional.hat(torch.tensor([0.25, 1.5], requires_grad=True), scale=0.5)
y.sum().backward()
print(y.tolist(), why)
"""

pytestmark = pytest.mark.skipif(
    LIBRARY is None or sys.platform != "linux", reason="the CPU extension is not built, or no ELF"
)


@pytest.fixture
def package(tmp_path):
    """A copy of the package without libraries, and where the one for the CPU would be."""
    copied(tmp_path, "*.so")
    return tmp_path / "hatact" / LIBRARY.name


def _said(library: Path) -> str:
    """What a new process says of the library; its values are right whatever serves."""
    run = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=library.parent.parent,
        env=environment(library.parent.parent),
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, (run.returncode, run.stderr)
    values, _, why = run.stdout.strip().partition("] ")
    assert values == "[0.125, 0.75"
    return why


def test_the_length_that_headers_name(tmp_path):
    """A library has it; what is left of one has not, or is no ELF file to begin with."""
    content, cut = LIBRARY.read_bytes(), tmp_path / "cut.so"
    assert 0 < extension.named_length(LIBRARY) <= len(content)
    for share in (1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99999):
        size = int(share * len(content))
        cut.write_bytes(content[:size])
        assert size < extension.named_length(cut), share
    for start in (b"", b"\x7fELF", b"\x7fELF\x01\x01" + 99 * b"\0", b"!<arch>\n"):
        cut.write_bytes(start)
        assert extension.named_length(cut) == 0
    cut.write_bytes(content[:6] + 58 * b"\xff")  # sizes that no file has
    assert extension.named_length(cut) > 2**63


@pytest.mark.skipif(shutil.which("strip") is None, reason="needs strip")
def test_stripped(package):
    """What tools for wheels do to a library leaves it one of ours."""
    shutil.copy(LIBRARY, package)
    subprocess.run(["strip", str(package)], check=True)
    assert _said(package) == "None"


def test_truncated(package):
    content = LIBRARY.read_bytes()
    package.write_bytes(content[: int(0.97 * len(content))])
    assert _said(package).startswith(f"{package.name} is truncated: its headers name ")


def test_not_a_library(package):
    package.mkdir()
    assert _said(package).startswith(f"{package.name} does not load: ")


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs c++")
def test_foreign(package):
    """It loads, and brings nothing."""
    source = package.parent / "foreign.cpp"
    source.write_text('extern "C" int answer() { return 42; }\n')
    subprocess.run(["c++", "-shared", "-fPIC", str(source), "-o", str(package)], check=True)
    why = _said(package)
    assert why.startswith(f"{package.name} is not the library of this hatact: it must bring ")
    assert "hatact_cpu_capability, hatact::ppoly, " in why


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs c++")
def test_of_another_version(package):
    """What it does bring, here a ppoly that gives zeros, is not used either."""
    source = package.parent / "older.cpp"
    source.write_text("""
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <optional>
#include <vector>
using torch::stable::Tensor;
Tensor ppoly(Tensor x, std::optional<Tensor>, std::vector<double>, std::vector<double>, double) {
  Tensor y = torch::stable::empty_like(x);
  return torch::stable::zero_(y);
}
STABLE_TORCH_LIBRARY_IMPL(hatact, CPU, m) { m.impl("ppoly", TORCH_BOX(&ppoly)); }
extern "C" const char* hatact_cpu_capability() { return "older"; }
""")
    lib = Path(cpp_extension.library_paths()[0])
    subprocess.run(
        ["c++", "-std=c++17", "-shared", "-fPIC", "-O0", str(source), "-o", str(package)]
        + ["-DTORCH_TARGET_VERSION=0x020a000000000000"]
        + [f"-I{path}" for path in cpp_extension.include_paths()]
        + [f"-L{lib}", "-ltorch_cpu", "-ltorch", "-lc10"],
        check=True,
    )
    why = _said(package)
    assert "must bring hatact::ppoly_, hatact::ppoly_encode, " in why
    assert "hatact::ppoly," not in why
