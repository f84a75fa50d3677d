"""A GPU that is pretended: kernels are compiled for it as a launch would, and found again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.gpu import stages
from tests.support.children import needs_triton
from tests.support.repository import ROOT, environment

pytestmark = [pytest.mark.aot, needs_triton]


def filled(scratch: Path, *names: str) -> dict[str, dict[str, int]]:
    """What a process that fills the cache with what stages launch found there, and compiled."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.gpu.filling", *names],
        cwd=ROOT,
        env={**environment(), **stages.variables(scratch)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


PPOLY = "ppoly_kernel"


def kinds(counts: dict[str, int]) -> dict[str, set[str]]:
    """Names of the kernels that were "found", and of those that were "compiled"."""
    split = [name.split(" ") for name in counts]
    return {what: {name for w, name in split if w == what} for what in dict(split)}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def test_a_second_process_finds_every_kernel_of_a_stage(scratch):
    first = filled(scratch, "pointwise", "rest")
    assert kinds(first["pointwise"]) == {"compiled": {"encode_kernel", "decode_kernel"} | {PPOLY}}
    assert {"linear_act_kernel", "cascade_kernel", "cascade_backward_kernel"} <= kinds(
        first["rest"]
    )["compiled"]
    again = filled(scratch, "pointwise", "rest")
    for name, counts in again.items():
        assert set(kinds(counts)) == {"found"}, name
        assert sum(counts.values()) == sum(first[name].values()), name


def suite(scratch: Path, counts: Path, *arguments: str) -> tuple[str, dict[str, int]]:
    """What pytest said where a GPU is pretended, and the kernels that were found and compiled."""
    asked = ["-q", "-p", "bench.gpu.filling_suite", "-p", "no:cacheprovider", *arguments]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *asked, "--gpu", "selection", "--gpu-device", "cpu"],
        cwd=ROOT,
        env={
            **environment(),
            **stages.variables(scratch),
            "HATACT_GPU_COUNTS": str(counts),
            "HATACT_TUNE": "0",
        },
        capture_output=True,
        text=True,
    )
    (path,) = counts.glob("*.json")
    return run.stdout, json.loads(path.read_text())


def test_tests_pass_and_their_kernels_are_found_again(scratch, tmp_path):
    """What ops return is the reference's, so that a test goes through to its end."""
    asked = ("tests/ops/slope_code/test_conformance.py", "-k", "triton and hat and fp32")
    counted = []
    for name in ("first", "second"):
        counts = tmp_path / name
        counts.mkdir()
        said, of = suite(scratch, counts, *asked)
        assert " passed" in said, said
        assert "failed" not in said, said
        counted.append(of)
    assert kinds(counted[0])["compiled"]
    assert set(kinds(counted[1])) == {"found"}
    assert sum(counted[1].values()) == sum(counted[0].values()) >= 3


@pytest.mark.parametrize("extension", ["as it is here", "not compiled"])
def test_another_kernel_is_not_found(scratch, extension):
    """The test above would see it: a spec that nothing has filled the cache with. Where nothing is
    compiled for CPUs it is compiled, too."""
    code = (
        "import torch, hatact\nfrom hatact import ops\nfrom bench.gpu import pretended\n"
        f"if {extension != 'as it is here'}:\n"
        "    ops._BACKENDS['extension'] = ops.Backend('extension', (), {'cpu': 'not compiled'})\n"
        "with pretended.gpu(answers=False) as n, hatact.use_backend('triton'):\n"
        f"    hatact.functional.hat(torch.zeros(9), scale={3 + len(extension)})\n"
        "print(dict(n))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environment(), **stages.variables(scratch), "CC": os.environ.get("CC", "cc")},
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == "{'compiled ppoly_kernel': 1}", run.stderr
