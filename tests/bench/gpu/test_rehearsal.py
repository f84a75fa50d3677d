"""The stages themselves, rehearsed without a GPU: a typo in one must not cost minutes of one."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from bench.gpu import __main__ as command
from bench.gpu import boxes, folder, stages
from bench.gpu.stages import STAGES
from tests.support.children import needs_triton


@pytest.fixture
def scratch(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("HATACT_GPU_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setattr(folder, "FOLDER", tmp_path / "none")
    return tmp_path / "scratch"


@pytest.mark.slow
@needs_triton
def test_every_stage_is_right_and_leaves_its_file(scratch, tmp_path, capsys):
    out = tmp_path / "out"
    assert command.main(["--dry-run", "--out", str(out)]) == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    assert [f"{stage.name} ok" in said for stage in STAGES] == [True] * len(STAGES)
    written = {path.name for path in out.iterdir()}
    assert written == {stage.file for stage in STAGES} - {"kernels.ncu-rep"}
    for stage in STAGES:
        record = boxes.read(stages.record_of(stage, out, scratch / "rehearsal"))
        assert record["complete"]
        assert record["rehearsal"]
        if stage.name != "tools":  # which has none here
            assert record["left_out"] == [], stage.name
    rows = {stage: json.loads((out / f"{stage}.json").read_text()) for stage in ("mlp", "rest")}
    assert {"launches", "mlps"} <= set(rows["mlp"])
    assert {"rows", "networks", "cascades"} <= set(rows["rest"])
    assert json.loads((out / "smoke.json").read_text())["checks"]["right"] > 50


FAULTS = {
    "raise": "raise ValueError('a typo')",
    "hang": "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    "killed": "import os; os.kill(os.getpid(), 9)",
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_one_at_fault_is_red_and_the_others_are_done(scratch, monkeypatch, tmp_path, capsys, fault):
    monkeypatch.setattr(boxes, "GRACE", 1.0)

    def made(stage, out, kind, seconds):
        if stage.name == "smoke":
            return [sys.executable, "-c", FAULTS[fault]]
        return stages.command(stage, out, kind, seconds)

    asked = ["--dry-run", "--out", str(tmp_path / "out"), "--only", "facts", "smoke", "caches"]
    assert command.main([*asked, "--minutes", "1.5"], made) == 1
    said = capsys.readouterr().out
    assert "facts ok" in said
    assert "smoke NOT OK" in said
    assert "caches ok" in said
    assert (tmp_path / "out" / "caches.txz").stat().st_size > 0
    assert json.loads((tmp_path / "out" / "facts.json").read_text())["complete"]


def test_the_stages_have_the_environment_that_their_caches_need(scratch):
    found = stages.variables(scratch)
    assert found["TRITON_CACHE_DIR"] == str(scratch / "triton")
    assert not any(k in found for k in ("TRITON_INTERPRET", "HATACT_BACKEND"))
    assert {k: v for k, v in os.environ.items() if k == "PATH"}.items() <= found.items()
