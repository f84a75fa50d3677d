"""What was measured on a GPU becomes results and tables; what was rehearsed does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import readme, speed_tables, tables
from bench.gpu import keep
from bench.gpu.__main__ import main
from bench.gpu.record import Record
from bench.gpu.setting import Setting

CARD = {"device": "NVIDIA H100 80GB HBM3", "date": "2026-12-01", "torch": "2.11.0+cu130"}
ROW = {
    "activation": "hat",
    "dtype": "bfloat16",
    "size": 2**26,
    "provider": "hatact extension (default)",
    "mode": "forward",
    "ms": 0.09,
    "ratio": 1.01,
    "ratio_low": 1.0,
    "ratio_high": 1.02,
    "gb_per_s": 2800.0,
    "copy_gb_per_s": 3000.0,
    "kept_bytes": 0.25,
    "peak_bytes": 4.25,
}


@pytest.fixture
def out(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(tables, "RESULTS", tmp_path / "bench" / "results")
    for name, kind in (("facts", "gpu"), ("pointwise", "gpu")):
        record = Record(tmp_path / f"{name}.json", name, Setting(kind))
        record.put("environment", CARD)
        if name == "pointwise":
            record.add("rows", ROW)
        record.write(complete=name == "facts")
    return tmp_path


def test_the_stages_files_are_what_the_tables_take(out, monkeypatch):
    written = []
    monkeypatch.setattr(readme, "update", lambda: written.append(speed_tables.speed_tables()))
    assert main(["--keep", str(out)]) == 0
    folder = out / "bench" / "results" / "nvidia-h100-80gb-hbm3" / "2026-12-01"
    assert sorted(p.name for p in folder.iterdir()) == ["facts.json", "pointwise.json"]
    (text,) = written
    assert "NVIDIA H100 80GB HBM3" in text
    assert "cut short: pointwise" in text
    assert "93 %" in text


def test_what_was_rehearsed_is_not_kept(out, capsys):
    Record(out / "rest.json", "rest", Setting("rehearsal")).write(complete=True)
    assert main(["--keep", str(out)]) == 2
    assert "rest.json was rehearsed without a GPU" in capsys.readouterr().err


def test_one_card_and_one_day(out):
    path = out / "facts.json"
    other = json.loads(path.read_text()) | {"environment": {**CARD, "device": "another"}}
    path.write_text(json.dumps(other))
    with pytest.raises(keep.NotKept, match="of one card and one day"):
        keep.keep(out)


def test_nothing_to_keep(tmp_path):
    with pytest.raises(keep.NotKept, match="there is no file of a stage"):
        keep.keep(tmp_path)
