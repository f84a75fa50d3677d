"""The table of eigenpairs and of S·r."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("scipy")

from bench import eigenpairs
from tests.support.environments import environment
from tests.support.repository import ROOT


@pytest.mark.parametrize("name", eigenpairs.NETWORKS)
def test_a_row_is_right(name: str) -> None:
    row = eigenpairs.measure(name, 200, 4)
    assert 20 < row["products"] < 200
    assert 0 < row["residual"] < 1e-4
    assert row["flat"] < 1e-3
    assert row["spread"] > 1
    assert row["seconds"] > 0


def test_the_cost_of_applying_is_measured() -> None:
    assert 0 < eigenpairs.applied(400, 4) < 1000


@pytest.mark.slow
def test_one_network_is_json_from_a_process_of_its_own() -> None:
    code = [sys.executable, "-m", "bench.eigenpairs", "--one", "relu", "--points", "200"]
    run = subprocess.run(
        [*code, "--modes", "3"], env=environment(), cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert 0 < json.loads(run.stdout)["peak"] < 8
