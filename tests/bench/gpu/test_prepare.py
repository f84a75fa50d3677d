"""What is prepared is whole, or it is not prepared."""

from __future__ import annotations

import json
import tarfile
from collections import Counter

import pytest
import torch

from bench.gpu import folder, prepare, pretended
from tests.support.children import needs_triton

pytestmark = needs_triton


def found() -> Counter[str]:
    return Counter({f"found {name}": 2 for name in pretended.names()})


@pytest.fixture
def parts(monkeypatch, tmp_path):
    """Every part made up; kernels found as `again` says."""
    scratch = tmp_path / "scratch"
    (scratch / "triton" / "OLD").mkdir(parents=True)
    (tmp_path / "checkout").mkdir()
    monkeypatch.setattr(prepare, "ROOT", tmp_path / "checkout")
    monkeypatch.setattr(prepare, "SCRATCH", scratch)
    monkeypatch.setattr(prepare.stages, "scratch", lambda rehearsal: scratch)
    monkeypatch.setattr(folder, "FOLDER", tmp_path / ".gpu")
    monkeypatch.setattr(prepare, "_able", lambda: None)

    def libraries(into):
        for name in folder.LIBRARIES:
            (into / name).write_text(name)
        return {"architectures": "9.0"}

    monkeypatch.setattr(prepare, "_libraries", libraries)
    monkeypatch.setattr(prepare, "_ptxas", lambda into: "left out")

    def filled(variables):
        (scratch / "triton" / "KEY").mkdir(parents=True, exist_ok=True)
        return found()

    for name in ("_filled", "_suite"):
        monkeypatch.setattr(prepare, name, filled)
    return monkeypatch


def test_whole(parts, capsys):
    assert prepare.main() == 0
    prepared = folder.look()
    with tarfile.open(folder.FOLDER / folder.CACHE) as tar:
        assert tar.getnames() == ["triton", "triton/KEY"]
    assert prepared.usable == {*folder.LIBRARIES, folder.CACHE}
    count = 2 * len(pretended.names())
    assert prepared.manifest["kernels"] == {"stages": count, "suite": count}


@pytest.mark.parametrize("part", ["_filled", "_suite"])
def test_a_kernel_that_a_second_process_compiles_again(parts, capsys, part):
    counts = found() + Counter({"compiled forward_kernel": 1})
    parts.setattr(prepare, part, lambda variables: counts)
    assert prepare.main() == 2
    assert "must be found again; got ['compiled forward_kernel']" in capsys.readouterr().err
    assert not folder.FOLDER.exists()


@pytest.mark.parametrize("part", ["_filled", "_suite"])
def test_a_kernel_that_nothing_launches(parts, capsys, part):
    counts = found()
    del counts["found encode_kernel"]
    parts.setattr(prepare, part, lambda variables: counts)
    assert prepare.main() == 2
    assert "none of ['encode_kernel']" in capsys.readouterr().err


def test_a_stage_that_launches_nothing(monkeypatch):
    monkeypatch.setattr(prepare.filling, "STAGES", ("smoke",))

    class Process:
        args, returncode = ("filling",), 0

        def __init__(self, *args, **kwargs):
            pass

        def communicate(self):
            return json.dumps({"smoke": {}}), None

    monkeypatch.setattr(prepare.subprocess, "Popen", Process)
    with pytest.raises(prepare.NotPrepared, match="it launched none"):
        prepare._filled({})


def test_a_cache_that_will_lie_elsewhere(parts, capsys, tmp_path):
    parts.setattr(prepare.stages, "scratch", lambda rehearsal: tmp_path / "elsewhere")
    assert prepare.main() == 2
    assert "the cache is filled where it will lie" in capsys.readouterr().err


def test_what_is_too_large_to_travel(parts, capsys, monkeypatch):
    monkeypatch.setattr(folder, "MOST", 10)
    assert prepare.main() == 2
    assert "what travels must be under" in capsys.readouterr().err


def test_what_it_needs(monkeypatch, capsys):
    monkeypatch.setattr(torch.version, "cuda", None)
    assert prepare.main() == 2
    said = capsys.readouterr().err
    assert "is no CUDA build" in said
    assert "make gpu-prepare" in said


def test_every_kernel_has_a_name():
    assert {"ppoly_kernel", "encode_kernel", "parameters_kernel"} <= pretended.names()
