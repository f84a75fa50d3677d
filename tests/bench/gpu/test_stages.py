"""What single stages do: launches in turn, tools, caches, what is said of a GPU."""

from __future__ import annotations

import json
import os
import tarfile
from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from bench.gpu import caches, facts, folder, launches, pretended, sanitized, smoke_ops, stage, tools
from bench.gpu import kernels as profiled
from bench.gpu.checks import Check
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from hatact.backends import _triton_mlp as mlp
from hatact.backends._triton_tuning import Config
from tests.support.building import script
from tests.support.children import needs_triton

REHEARSAL = Setting("rehearsal")
CONFIGS = Config(64, 4, 3), Config(128, 4, 3), Config(256, 8, 3)


class Launches:
    """A kernel's launches, some of which do not fit."""

    def __init__(self, *unfit):
        self.unfit, self.made = unfit, []

    def __call__(self, config):
        from triton.runtime.errors import OutOfResources

        if config in self.unfit:
            raise OutOfResources(300_000, 232_448, "shared memory")
        self.made.append(config)

    def best(self):
        return mlp.launch_best("forward/64", torch.device("cpu"), CONFIGS, self)


@needs_triton
@pytest.mark.parametrize(("n", "made"), [(0, 0), (1, 1), (2, 2), (3, 2)])
def test_launches_in_turn(n, made):
    of, unfit = Launches(), set()
    with launches.chosen_by(launches.nth(n, unfit)):
        assert of.best() == CONFIGS[made]
    assert of.made == [CONFIGS[made]]
    assert unfit == set()


@needs_triton
def test_a_launch_that_does_not_fit_is_named():
    of, unfit = Launches(CONFIGS[1]), set()
    with launches.chosen_by(launches.nth(1, unfit)):
        assert of.best() == CONFIGS[0]
    assert unfit == {"(128, 4, 3) of forward"}
    with launches.chosen_by(launches.nth(0, unfit)):
        assert Launches(*CONFIGS).best() is None


@needs_triton
def test_how_many_launches_there_are():
    of = Launches(CONFIGS[0])
    assert launches.most(of.best) == len(CONFIGS)
    assert of.made == [CONFIGS[1]]


def test_time_is_left_or_what_is_left_out_is_said(tmp_path):
    record = Record(tmp_path / "r.json", "r", Setting("rehearsal", 5.0))
    assert record.time_for("a little", 1.0)
    assert not record.time_for("much", 9.0)
    assert record.data["left_out"] == ["much: no time was left"]


@needs_triton
def test_kernels_that_were_not_in_the_cache_are_said(tmp_path, monkeypatch):
    counts = Counter({"found hat_kernel": 7, "compiled encode_kernel": 2})
    monkeypatch.setattr(pretended, "counted", lambda: _of(counts))
    record = Record(tmp_path / "r.json", "r", Setting("gpu"))
    with stage._launched(record, Setting("gpu")):
        pass
    assert record.data["says"] == ["2 kernels were compiled here, 7 found in the cache"]
    assert record.data["kernels"] == counts


class _of:
    def __init__(self, value):
        self.value = value

    def __enter__(self):
        return self.value

    def __exit__(self, *_):
        pass


@pytest.fixture
def scratch(tmp_path):
    for name in ("KNOWN", "NEW"):
        entry = tmp_path / "scratch" / "triton" / name / "kernel.cubin"
        entry.parent.mkdir(parents=True)
        entry.write_bytes(os.urandom(2000))
    (tmp_path / "scratch" / "logs").mkdir()
    (tmp_path / "scratch" / "logs" / "smoke.log").write_text("said")
    (tmp_path / "scratch" / folder.PREPARED).write_text("KNOWN\n")
    return tmp_path / "scratch"


def packed(tmp_path, scratch, seconds=60.0):
    setting = Setting("rehearsal", seconds)
    record = Record(tmp_path / "caches.json", "caches", setting)
    caches.run(record, setting, tmp_path, scratch)
    if not (tmp_path / "caches.txz").exists():
        return record.data, []
    with tarfile.open(tmp_path / "caches.txz") as tar:
        return record.data, sorted(tar.getnames())


def test_what_comes_back_is_what_is_new(tmp_path, scratch):
    record, names = packed(tmp_path, scratch)
    assert names == ["logs/smoke.log", "triton/NEW/kernel.cubin"]
    assert record["failures"] == []
    assert not list(tmp_path.glob(".*.part"))
    (tmp_path / "back").mkdir()
    assert folder.restore(tmp_path / "caches.txz", tmp_path / "back") == []
    assert (tmp_path / "back" / "logs" / "smoke.log").read_text() == "said"


def test_what_does_not_fit_is_left_out_and_the_rest_comes_back(tmp_path, scratch, monkeypatch):
    monkeypatch.setattr(caches, "MOST", 1000)
    record, names = packed(tmp_path, scratch)
    assert names == ["logs/smoke.log"]
    assert record["left_out"] == ["triton: the archive would have more than 0 MiB"]


def test_no_time_to_pack(tmp_path, scratch):
    record, names = packed(tmp_path, scratch, 0.0)
    assert names == []
    assert record["failures"] == ["there is nothing to bring back"]


@pytest.mark.parametrize(("ncu", "sanitizer"), [(0, 0), (1, 0), (0, 9)])
def test_the_tools_run_the_programs(tmp_path, monkeypatch, ncu, sanitizer):
    said = tmp_path / "said"
    for name, status in (("ncu", ncu), ("compute-sanitizer", sanitizer)):
        text = f'#!/bin/sh\necho "{name} $HATACT_TUNE $*" >> {said}\nexit {status}\n'
        script(tmp_path / "bin" / name, text)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    setting = Setting("gpu", 60.0)
    record = Record(tmp_path / "tools.json", "tools", setting)
    tools.run(record, setting, tmp_path, tmp_path)
    first, second = said.read_text().splitlines()
    assert first.startswith("ncu 0 --set full --clock-control none --profile-from-start off ")
    assert f"-o {tmp_path}/kernels " in first
    assert first.endswith("-m bench.gpu.kernels")
    assert second.startswith("compute-sanitizer 0 --tool memcheck --error-exitcode 9 ")
    assert second.endswith("-m bench.gpu.sanitized")
    assert len(record.data["failures"]) == bool(ncu) + bool(sanitizer)
    assert record.data["compute-sanitizer"] == {"status": sanitizer}


def test_a_tool_that_hangs_is_ended(tmp_path, monkeypatch):
    script(tmp_path / "bin" / "ncu", "#!/bin/sh\nsleep 600\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    setting = Setting("gpu", 10.0)
    record = Record(tmp_path / "tools.json", "tools", setting)
    monkeypatch.setattr(
        Setting, "left", property(lambda self: 2.5 if record.data.get("ncu") else 9)
    )
    tools._tool(record, Setting("gpu", 3.0), 1.0, ["ncu"], ["-c", ""], {})
    assert record.data["ncu"] == {"status": None}
    assert record.data["left_out"] == ["ncu: it did not end in time"]


def test_the_four_kernels(monkeypatch):
    """Each once between a profiler's start and stop."""
    between = []
    monkeypatch.setattr(profiled, "_between", lambda on_gpu, call: between.append(call) or call())
    profiled.profiled(REHEARSAL)
    assert len(between) == 1  # f and its code; Triton does not serve the CPU here


def test_a_wrong_check_is_the_status_of_what_is_sanitized(monkeypatch):
    made = Check("extension hat, 33 elements", "extension", lambda: 0, lambda _: ["no"])
    monkeypatch.setattr(smoke_ops, "checks", lambda setting: [made])
    monkeypatch.setattr(sanitized.hatact, "use_backend", lambda name: _of(None))
    monkeypatch.setattr(sanitized.hatact, "available_backends", lambda: {
        "extension": SimpleNamespace(devices=("cpu",)), "triton": SimpleNamespace(devices=()),
    })  # fmt: skip
    monkeypatch.setattr("sys.argv", ["sanitized", "--rehearsal"])
    assert sanitized.main() == 1
    monkeypatch.setattr(smoke_ops, "checks", lambda setting: [])
    assert sanitized.main() == 0


@pytest.mark.parametrize("capability", [(7, 5), (8, 0), (9, 0)])
def test_an_old_gpu_is_told(tmp_path, monkeypatch, capability):
    card = SimpleNamespace(name="A GPU", multi_processor_count=132)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda i: card)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setenv("PATH", str(tmp_path))
    record = Record(tmp_path / "facts.json", "facts", Setting("gpu"))
    facts._card(record)
    assert len(record.data["failures"]) == (capability < (8, 0))
    assert all("A GPU has 7.5" in s for s in record.data["failures"])
    assert record.data["left_out"][0].startswith("nvidia-smi")


def test_no_triton(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "_triton", lambda: None)
    record = Record(tmp_path / "facts.json", "facts", REHEARSAL)
    facts.run(record, REHEARSAL, tmp_path, tmp_path)
    assert "Triton is not installed: its kernels are left out everywhere" in record.data["failures"]
    assert json.loads((tmp_path / "facts.json").read_text())["copy_gb_per_s"] > 0
