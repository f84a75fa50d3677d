"""`make gpu` needs torch, pytest and numpy alone: the suite collects without the rest."""

import os
import subprocess
import sys

import pytest

from bench.gpu import ON_CUDA, _commands, main
from tests.support.repository import ROOT

_BLOCKED = """
import sys
for name in ("scipy", "hypothesis", "skimage", "matplotlib", "rich", "typer", "ruff"):
    sys.modules[name] = None
import pytest
from tests.support.repository import ROOT
sys.exit(pytest.main(["-q", "--collect-only", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


def _collect(select: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _BLOCKED, "-k", select],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_the_suite_collects_with_torch_pytest_and_numpy_alone() -> None:
    run = _collect(ON_CUDA.replace("-cuda", "-cpu"))
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "::" in run.stdout


def test_without_a_gpu_or_with_an_unknown_part_it_says_so(monkeypatch, capsys) -> None:
    monkeypatch.setenv("PART", "everything")
    assert main() == 2
    assert "PART must be all, build, tests, bench; got 'everything'" in capsys.readouterr().err
    monkeypatch.setenv("PART", "bench")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main() == 2
    assert "needs a CUDA device" in capsys.readouterr().err


def test_the_benchmark_ends_within_nine_minutes(tmp_path) -> None:
    command = _commands(tmp_path)["bench"]
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert options["--device"] == "cuda"
    assert float(options["--minutes"]) <= 8  # and the case then under way


def test_the_cpu_regressions_run() -> None:
    pytest.importorskip("pytest_benchmark")
    options = [
        "--benchmark-disable",
        "-p",
        "no:cacheprovider",
        "-k",
        "hat and overhead and float32",
    ]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "bench/test_cpu_regression.py", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "4 passed" in run.stdout
