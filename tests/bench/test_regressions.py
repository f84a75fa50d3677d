"""The regression benchmark of the CPU runs."""

import subprocess
import sys

import pytest

from tests.support.repository import ROOT


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
