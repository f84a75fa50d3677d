"""Launches that are chosen by timing: once, remembered on disk, whatever is found there."""

import json
import logging

import pytest
import torch

from hatact.backends import _triton_tuning as tuning
from hatact.backends._triton_tuning import Config
from tests.support.children import needs_triton

pytestmark = needs_triton
CONFIGS = Config(128, 4, 2), Config(64, 4, 2), Config(64, 8, 1)
DEVICE = torch.device("cpu")
CAN_TIME = tuning._can_time


class Launches:
    """What was launched and what was timed; a launch that does not fit raises as Triton does."""

    def __init__(self, milliseconds):
        self.milliseconds, self.timed, self.made = milliseconds, [], []

    def __call__(self, config):
        from triton.runtime.errors import OutOfResources

        if self.milliseconds[config] is None:
            raise OutOfResources(300_000, 232_448, "shared memory")
        self.made.append(config)

    def time(self, launch, config):
        self.timed.append(config)
        found = self.milliseconds[config]
        return float("inf") if found is None else found


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """A device on which launches can be timed, and a cache of its own."""
    monkeypatch.setenv("HATACT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(tuning, "_is_gpu", lambda device: True)
    monkeypatch.setattr(tuning, "_can_time", lambda device: True)
    monkeypatch.setattr(tuning, "_name", lambda device: "Some GPU / 80GB")
    forget(monkeypatch)
    return monkeypatch


def forget(monkeypatch):
    monkeypatch.setattr(tuning, "_chosen", {})
    monkeypatch.setattr(tuning, "_read", set())


def best(gpu, launches, key="forward/64"):
    gpu.setattr(tuning, "_milliseconds", launches.time)
    return tuning.launch_best(key, DEVICE, CONFIGS, launches)


def file_of(tmp_path):
    (path,) = (tmp_path / "cache").iterdir()
    return path


TIMES = dict(zip(CONFIGS, (3.0, 1.0, 2.0), strict=True))


def test_the_fastest_is_launched_and_remembered(gpu, tmp_path):
    launches = Launches(TIMES)
    assert best(gpu, launches) == CONFIGS[1]
    assert launches.timed == list(CONFIGS)
    assert best(gpu, launches) == CONFIGS[1]
    assert launches.timed == list(CONFIGS)  # once
    assert launches.made == [CONFIGS[1]] * 2
    path = file_of(tmp_path)
    assert path.name.startswith("tuned-some-gpu-80gb-triton-3")
    assert json.loads(path.read_text()) == {"forward/64": [64, 4, 2]}


def test_another_process_reads_what_one_chose(gpu, monkeypatch, tmp_path):
    best(gpu, Launches(TIMES))
    forget(monkeypatch)
    others = Launches(dict(zip(CONFIGS, (1.0, 2.0, 3.0), strict=True)))
    assert best(gpu, others) == CONFIGS[1]
    assert others.timed == []
    assert best(gpu, others, "backward/64") == CONFIGS[0]
    assert set(json.loads(file_of(tmp_path).read_text())) == {"forward/64", "backward/64"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 200_000,
        "[1, 2]",
        '{"forward/64": [64, 4]}',
        '{"forward/64": "64 4 2"}',
        "\0\1\2",
        "7",
    ],
    ids=lambda text: text[:20],
)
def test_a_corrupted_cache_is_noticed_and_made_again(gpu, monkeypatch, tmp_path, caplog, text):
    best(gpu, Launches(TIMES))
    file_of(tmp_path).write_text(text)
    forget(monkeypatch)
    launches = Launches(TIMES)
    with caplog.at_level(logging.WARNING, "hatact"):
        assert best(gpu, launches) == CONFIGS[1]
    assert launches.timed == list(CONFIGS)
    (record,) = caplog.records
    assert "is not a cache of tuned launches" in record.getMessage()
    assert json.loads(file_of(tmp_path).read_text()) == {"forward/64": [64, 4, 2]}


def test_bytes_that_are_no_text(gpu, monkeypatch, tmp_path):
    best(gpu, Launches(TIMES))
    file_of(tmp_path).write_bytes(b"\xff\xfe{}")
    forget(monkeypatch)
    assert best(gpu, Launches(TIMES)) == CONFIGS[1]
    assert json.loads(file_of(tmp_path).read_text()) == {"forward/64": [64, 4, 2]}


def test_an_entry_that_is_no_choice_any_more(gpu, monkeypatch, tmp_path):
    best(gpu, Launches(TIMES))
    file_of(tmp_path).write_text('{"forward/64": [512, 16, 9]}')
    forget(monkeypatch)
    launches = Launches(TIMES)
    assert best(gpu, launches) == CONFIGS[1]
    assert launches.timed == list(CONFIGS)


def test_a_folder_that_cannot_be_written(gpu, tmp_path):
    (tmp_path / "cache").write_text("a file in the folder's place")
    launches = Launches(TIMES)
    assert best(gpu, launches) == CONFIGS[1]
    assert best(gpu, launches) == CONFIGS[1]
    assert launches.timed == list(CONFIGS)  # remembered in the process all the same


def test_what_does_not_fit_is_not_chosen(gpu):
    launches = Launches(TIMES | {CONFIGS[1]: None})
    assert best(gpu, launches) == CONFIGS[2]
    assert launches.made == [CONFIGS[2]]


def test_none_fits(gpu, tmp_path):
    launches = Launches(dict.fromkeys(CONFIGS))
    assert best(gpu, launches) is None
    assert launches.made == []
    assert not (tmp_path / "cache").exists()
    assert best(gpu, launches) is None
    assert launches.timed == list(CONFIGS)  # once


def test_no_memory_to_time_in(gpu, tmp_path):
    class Full(Launches):
        def time(self, launch, config):
            raise torch.OutOfMemoryError("a buffer as large as the L2 cache")

    assert best(gpu, Full(TIMES | {CONFIGS[0]: None})) == CONFIGS[1]
    assert not (tmp_path / "cache").exists()
    assert best(gpu, Launches(TIMES)) == CONFIGS[1]  # and later it is timed


def test_where_nothing_can_be_timed_the_first_that_fits_serves(gpu, tmp_path):
    gpu.setattr(tuning, "_can_time", lambda device: False)
    launches = Launches(TIMES | {CONFIGS[0]: None})
    assert best(gpu, launches) == CONFIGS[1]
    assert launches.timed == []
    assert not (tmp_path / "cache").exists()
    assert best(gpu, Launches(dict.fromkeys(CONFIGS))) is None


@pytest.mark.parametrize(("tune", "timed"), [("0", 0), ("1", 3), ("", 3)])
def test_timings_can_be_switched_off(gpu, monkeypatch, tune, timed):
    """What was chosen before serves all the same."""
    gpu.setattr(tuning, "_can_time", CAN_TIME)
    gpu.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setenv("HATACT_TUNE", tune)
    launches = Launches(TIMES)
    assert best(gpu, launches) == (CONFIGS[1] if timed else CONFIGS[0])
    assert len(launches.timed) == timed
    monkeypatch.setenv("HATACT_TUNE", "1")
    best(gpu, launches)
    monkeypatch.setenv("HATACT_TUNE", "0")
    assert best(gpu, launches) == CONFIGS[1]


def test_a_graph_that_is_captured_takes_what_was_chosen(gpu):
    best(gpu, Launches(dict(zip(CONFIGS, (3.0, 2.0, 1.0), strict=True))))
    gpu.setattr(tuning, "_can_time", lambda device: False)
    launches = Launches(TIMES)
    assert best(gpu, launches) == CONFIGS[2]
    assert launches.timed == []


def test_a_graph_that_is_captured_takes_what_another_process_chose(gpu, monkeypatch):
    best(gpu, Launches(dict(zip(CONFIGS, (3.0, 2.0, 1.0), strict=True))))
    forget(monkeypatch)
    gpu.setattr(tuning, "_can_time", lambda device: False)
    assert best(gpu, Launches(TIMES)) == CONFIGS[2]


def test_folder(monkeypatch, tmp_path):
    for name in ("HATACT_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tuning.folder() == tmp_path / ".cache" / "hatact"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert tuning.folder() == tmp_path / "xdg" / "hatact"
    monkeypatch.setenv("HATACT_CACHE_DIR", str(tmp_path / "own"))
    assert tuning.folder() == tmp_path / "own"
