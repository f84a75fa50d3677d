"""The suite's stage: which ids a GPU is asked for, and what becomes of pytest's report."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from bench.gpu import suite
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from tests.support import on_gpu
from tests.support.repository import ROOT

_BLOCKED = """
import sys
for name in ("scipy", "hypothesis", "skimage", "matplotlib", "rich", "typer", "ruff"):
    sys.modules[name] = None
import pytest
from tests.support.repository import ROOT
sys.exit(pytest.main(["-q", "--collect-only", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


@pytest.mark.slow
def test_it_collects_with_torch_pytest_and_numpy_alone() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _BLOCKED, "--gpu", "selection", "--gpu-device", "cpu"],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    ids = [line for line in run.stdout.splitlines() if "::" in line]
    assert len(ids) > 4000
    assert all("extension-cpu" in i for i in ids)
    networks = ["mlp" in i for i in ids]
    assert networks == sorted(networks)  # they come last


@pytest.mark.parametrize(
    ("nodeid", "wanted"),
    [
        ("tests/ops/ppoly/test_values.py::test_knots[extension-cuda-srelu_d1-fp64]", True),
        ("tests/ops/ppoly/test_values.py::test_knots[triton-cuda-hat-fp32]", True),
        ("tests/ops/ppoly/test_values.py::test_knots[triton-cuda-hat-fp64]", False),
        ("tests/ops/ppoly/test_values.py::test_knots[triton-cuda-srelu-fp32]", False),
        ("tests/ops/ppoly/test_values.py::test_knots[reference-cuda-hat-fp32]", False),
        ("tests/ops/ppoly/test_compile.py::test_any[extension-cuda]", False),
        ("tests/ops/templates/test_values.py::test_values[triton-cuda-relu6]", False),
        ("tests/triton/test_mlp.py::test_on_a_gpu[triton-cuda-width 64]", True),
        ("tests/triton/test_mlp.py::test_on_a_gpu[triton-cuda-width 255]", False),
        ("tests/nn/test_mlp.py::test_layers_unlike_each_other[triton-cuda]", True),
    ],
)
def test_the_selection(nodeid, wanted):
    assert on_gpu.selected(nodeid) == wanted


def test_the_whole_is_all_ids_of_the_device():
    places = [f"{b}-{d}" for b in on_gpu.BACKENDS for d in ("cpu", "cuda")]
    items = [SimpleNamespace(nodeid=f"a.py::test[{place}-srelu]") for place in places]
    deselected = []
    hook = SimpleNamespace(pytest_deselected=lambda items: deselected.extend(items))
    option = SimpleNamespace(gpu="whole", gpu_device="cuda")
    on_gpu.select(SimpleNamespace(option=option, hook=hook), items)
    assert [i.nodeid for i in items] == [f"a.py::test[{b}-cuda-srelu]" for b in on_gpu.BACKENDS]
    assert len(deselected) == len(on_gpu.BACKENDS)


TESTS = """
import time
def test_right(): pass
def test_wrong(): assert 1 == 2
def test_last(): time.sleep({seconds})
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The stage on a suite of three tests."""

    def stage(seconds: float, box: float):
        (tmp_path / "suite").mkdir(exist_ok=True)
        (tmp_path / "suite" / "test_it.py").write_text(TESTS.format(seconds=seconds))
        monkeypatch.setattr(suite, "ROOT", tmp_path / "suite")
        monkeypatch.setattr(suite, "options", lambda kind: [])
        monkeypatch.setattr(suite, "_WRITES", 4.0)
        setting = Setting("rehearsal", box)
        record = Record(tmp_path / "suite.json", "suite", setting)
        suite.run(record, setting, tmp_path, tmp_path)
        return record.data

    return stage


def test_a_failing_test_is_told(run, tmp_path):
    found = run(0, 60)
    assert found["counts"] == {"tests": 3, "failures": 1, "errors": 0, "skipped": 0}
    assert found["failures"] == ["test_it::test_wrong: assert 1 == 2"]
    assert found["left_out"] == []
    assert (tmp_path / "junit.xml").exists()


@pytest.mark.timing
def test_what_is_cut_is_reported_as_far_as_it_went(run):
    start = time.monotonic()
    found = run(600, 10)
    assert time.monotonic() - start < 12
    assert found["counts"]["tests"] >= 2
    assert "test_it::test_wrong: assert 1 == 2" in found["failures"]
    assert found["left_out"] == ["tests that were not reached: no time was left"]
    assert any(said.startswith("it was cut: ") for said in found["failures"])


def test_a_status_that_no_test_explains_is_a_failure(run, tmp_path, monkeypatch):
    """Such as that of the suite where it finds a file left behind."""
    folder = tmp_path / "suite"
    folder.mkdir()
    hook = "def pytest_sessionfinish(session): session.exitstatus = 1\n"
    (folder / "conftest.py").write_text(hook)
    monkeypatch.setenv("HATACT_GPU_PYTEST", "--deselect test_it.py::test_wrong")
    found = run(0, 60)
    assert found["counts"]["failures"] == 0
    assert found["failures"] == ["pytest ended with exit status 1, and no test failed: see the log"]


def test_a_pytest_that_cannot_run_is_a_failure(run, monkeypatch):
    monkeypatch.setenv("HATACT_GPU_PYTEST", "--no-such-option")
    found = run(0, 60)
    assert "wrote no report" in found["failures"][0]
