"""Each instruction set of the CPU kernels, forced: the conformance tests in a process of its own.

The AVX-512 path is also compiled with its intrinsics defined lane by lane (emulated_avx512.h), so
that its logic is tested everywhere. That says nothing of its speed.
"""

import ast
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.utils import cpp_extension

from hatact.backends import extension
from tests.support.repository import ROOT, Pytest, copied, environment

ASK = "from hatact.backends import extension as e; print(e.cpu_capability())"
# Every op that the extension has for the CPU.
FILES = (
    *("ops/ppoly/test_conformance.py", "ops/ppoly/test_values.py", "ops/test_every_path.py"),
    "ops/test_every_op.py",
    *(f"ops/slope_code/test_{name}.py" for name in ("conformance", "values", "random", "tables")),
    *("ops/cascade/test_cascade.py", "ops/mlp/test_conformance.py"),
)

pytestmark = pytest.mark.skipif(
    extension.unavailable("cpu") is not None, reason="the CPU extension is not built"
)


def _started(root: Path, capability: str, output: Path) -> Pytest:
    """The extension's conformance tests, run from `root` on one instruction set into `output`."""
    chosen = ["-k", "extension or test_random_specs", *(f"tests/{name}" for name in FILES)]
    return Pytest(root, output, *chosen, HATACT_CPU_CAPABILITY=capability)


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> Iterator[dict[str, Pytest]]:
    """The conformance tests on every instruction set but the default one, side by side."""
    folder, default = tmp_path_factory.mktemp("capabilities"), _in_use(ROOT, None)
    runs = {
        capability: _started(ROOT, capability, folder / capability)
        for capability in ("avx2", "portable")
        if capability != default and _in_use(ROOT, capability) == capability
    }
    yield runs
    for run in runs.values():
        run.stop()


def _in_use(root: Path, capability: str | None) -> str:
    """What cpu_capability() says in a fresh process of the package at `root`."""
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            ASK,
        ],
        cwd=root,
        env=environment(root)
        | ({} if capability is None else {"HATACT_CPU_CAPABILITY": capability}),
        capture_output=True,
        text=True,
    )
    return run.stdout.strip() or run.stderr.strip().splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("capability", ["avx2", "portable"])
def test_forced_capability_conforms(capability: str, others, say) -> None:
    if capability not in others:
        got = _in_use(ROOT, capability)
        if got != capability:
            pytest.skip(f"this CPU has no {capability}: {got}")
        pytest.skip(f"{capability} is this CPU's default: the rest of the suite ran on it")
    say(others[capability].passed())


def test_an_empty_choice_is_none() -> None:
    """As of HATACT_BACKEND: what a shell script leaves unset."""
    assert _in_use(ROOT, "") == _in_use(ROOT, None)


@pytest.mark.emulated
def test_emulated_avx512_conforms(tmp_path: Path, say) -> None:
    if _in_use(ROOT, None) != "avx2":
        pytest.skip("needs AVX2, and no AVX-512: there the rest of the suite ran on it")
    root = _with_emulated_avx512(tmp_path)
    assert _in_use(root, "avx512") == "avx512"
    say(_started(root, "avx512", tmp_path / "output").passed())


def test_avx512_is_emulated_whole() -> None:
    """Everywhere, or a change made where AVX-512 runs would be found out where it does not."""
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("no x86 compiler")
    subprocess.run(
        [*_emulating(), "-fsyntax-only", str(ROOT / "csrc/ppoly_avx512.cpp")], check=True
    )


def _cpu_sources() -> list[Path]:
    """Those of setup.py, less the kernels of other instruction sets."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CPU_SOURCES":
            names = [name for name in ast.literal_eval(node.value) if "_avx2" not in name]
            return [ROOT / name for name in names if "_portable" not in name]
    raise AssertionError("setup.py names no CPU_SOURCES")


def _emulating() -> list[str]:
    """The compiler's call, less its files."""
    return [
        *("c++", "-std=c++17", "-mavx2", "-mfma", "-mf16c"),
        *("-DTORCH_TARGET_VERSION=0x020a000000000000", "-DHATACT_EMULATE_AVX512"),
        *("-include", str(ROOT / "tests/support/emulated_avx512.h")),
        *(f"-I{path}" for path in cpp_extension.include_paths()),
    ]


def _with_emulated_avx512(folder: Path) -> Path:
    """A copy of the package whose CPU library has AVX-512 alone, emulated."""
    copied(folder, "*.so")
    lib = Path(torch.__file__).parent / "lib"
    subprocess.run(
        [*_emulating(), "-shared", "-fPIC", "-O1", "-fvisibility=hidden"]
        + [str(path) for path in _cpu_sources()]
        + [f"-L{lib}", "-ltorch_cpu", "-ltorch", "-lc10"]
        + ["-o", str(folder / "hatact" / "_cpu.so")],
        check=True,
    )
    return folder


def test_unknown_capability_is_an_error_at_the_call() -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import hatact, torch; hatact.functional.hat(torch.ones(3))",
        ],
        env={**os.environ, "HATACT_CPU_CAPABILITY": "sse9"},
        capture_output=True,
        text=True,
    )
    last = run.stderr.strip().splitlines()[-1]
    assert run.returncode != 0
    assert "HATACT_CPU_CAPABILITY must be one of" in last
    assert last.endswith("got sse9")
