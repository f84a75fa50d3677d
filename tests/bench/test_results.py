"""README's tables and the plot say what the results say; the command writes them."""

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import __main__ as command
from bench import fit, mlp_tables, plots, readme, speed_tables, tables
from bench.cases import Case
from hatact.claims import papers

SIZES = (2**8, 2**20)


def _row(provider: str, size: int, ratio: float, **other: object) -> dict[str, object]:
    row = {
        "activation": "hat",
        "dtype": "float32",
        "size": size,
        "provider": provider,
        "mode": "forward+backward",
        "ratio": ratio,
        "ratio_low": 0.9 * ratio,
        "ratio_high": 1.1 * ratio,
        "gb_per_s": 2000.0,
        "kept_bytes": 0.25,
        "peak_bytes": 8.25,
    }
    return {**row, **other}


def _result(copy_gb_per_s: float | None = None, **other: object) -> dict[str, object]:
    rows = [
        _row("hatact extension (default)", 2**8, 1.234),
        _row("hatact extension (default)", 2**20, 0.8),
        _row("eager formula", 2**8, 4.0),
        _row("eager formula", 2**20, 123.4, mode="forward"),
        {**_row("eager formula", 2**20, 0.0), "skipped": "a call would take about 9 s"},
        _row("F.relu", 2**8, 1.0),
        _row("F.relu", 2**20, 1.0),
    ]
    del rows[4]["mode"]
    network = {"network": "ReLU", "batch": 64, "width": 16, "ratio": 1.0}
    network |= {"ratio_low": 0.5, "ratio_high": 1.5}
    shape = {"depth": 8, "rows": 2**20, "channels": 1}
    cascade = {**shape, "cascade": "composition, eager", "ms": 55.5, "kept_bytes": 64.0}
    cascade |= {"ratio": 21.0, "ratio_low": 20.0, "ratio_high": 22.0, "mode": "forward"}
    wrong = {**shape, "cascade": "of another", "skipped": "WrongResult: off", "failed": True}
    return {
        "format": tables.FORMAT,
        "environment": {
            "device": "a CPU",
            "torch": "2.13.0",
            "cpu_capability": "avx2",
            "threads": 2,
            "date": "2026-01-02",
        },
        "copy_gb_per_s": copy_gb_per_s,
        "accuracy": [],
        "rows": rows,
        "networks": [{**network, "dtype": "float32", "kept_bytes": 4.0, "peak_bytes": 16.0}],
        "cascades": [cascade, wrong],
        **other,
    }


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tables, "RESULTS", tmp_path)
    (tmp_path / "a-cpu").mkdir()
    return tmp_path / "a-cpu"


def test_tables_show_every_row(results: Path) -> None:
    (results / "2026-01-02.json").write_text(json.dumps(_result()))
    text = speed_tables.speed_tables()
    assert "| composition, eager | 2^20 × 1 | 55.5 | 21.0 | 64 |" in text
    assert "- of another: WrongResult: off" in text
    assert "| ReLU | 4 | 16 | ~1.00 |" in text  # half of the pairs spread over a factor of 3
    assert "|  | 2^8 | 2^20 | kept B/el | peak B/el |" in text
    assert "| hatact extension (default) | 1.23 | 0.80 | 0.25 | 8.25 |" in text
    assert "| eager formula | 4.00 | – | 0.25 | 8.25 |" in text
    assert "| eager formula | 123 |" in text  # forward alone
    assert "- eager formula, hat, float32, 2^20: a call would take about 9 s" in text
    assert "CUDA GPUs (C++ and Triton kernels): not measured." in text


def _networks() -> dict[str, object]:
    """Rows of whole networks and fits."""
    size = {"dtype": "float32", "batch": 4096, "hidden": 64, "depth": 4}
    timing = {"ratio": 0.5, "ratio_low": 0.4, "ratio_high": 0.7}
    ours = {**size, "mlp": "hatact MLP", "kept_bytes": 512.0, "peak_bytes": 532.4}
    ours |= {"ms": 1.234, "max_error": 5e-7, "compiled": timing}
    relu = {**timing, "ratio": 2.0, "ratio_low": 1.9, "ratio_high": 2.1}
    wrong = {**size, "mlp": "off", "skipped": "WrongResult: y is off", "failed": True}
    of_fit = {**size, "image": "camera", "side": 256, "steps": 300, "rate": 0.003}
    del of_fit["dtype"]
    return {
        "mlps": [
            {**ours, "mode": "inference", "relu": relu, "floor_ms": 0.4012},
            {**ours, "mode": "training step", "ms": 5.678, "floor_ms": 1.2},
            wrong,
            {**ours, "mode": "inference", "dtype": "bfloat16"},
        ],
        "fits": [
            {**of_fit, "fit": "hatact MLP", "seconds": 2.345, "psnr": 24.96},
            {**of_fit, "fit": "slow", "skipped": "RuntimeError: no", "failed": True},
        ],
    }


def test_tables_of_whole_networks(results: Path) -> None:
    (results / "2026-01-02.json").write_text(json.dumps(_result(**_networks())))
    text = mlp_tables.network_tables()
    floors = "; the products alone, at the rate of a large `torch.mm`: 0.401 ms (inference), 1.2 ms"
    head = f"2 → 64 → 64 → 64 → 1, batch 4096, float32{floors} (training step):"
    assert f"{head}\n\n|  | inference, ms | inf" in text
    assert "| hatact MLP | 1.23 | ~0.50 | 2.00 | 5.68 | ~0.50 | – | 512 | 532 | 5e-07 |" in text
    assert "| off | – | – | – | – | – | – |  |  |  |" in text
    assert "- off, float32, 2 → 64 → 64 → 64 → 1, batch 4096: WrongResult: y is off" in text
    assert "<summary>16 bits</summary>\n\n2 → 64 → 64 → 64 → 1, batch 4096, bfloat16:" in text
    assert "camera, 256 × 256, by 2 → 64 → 64 → 64 → 1: 300 steps of Adam at 0.003" in text
    assert "| hatact MLP | 2.35 | 25.0 |\n| slow | – | – |" in text
    assert "not measured" not in text.replace("CUDA GPUs: not measured.", "")


def test_networks_on_a_gpu_are_shown_in_bfloat16(results: Path) -> None:
    found = _networks()
    found["fits"][0]["autocast"] = "bfloat16"
    (results / "2026-01-02.json").write_text(json.dumps(_result(4000.0, **found)))
    text = mlp_tables.network_tables()
    first, folded = text.split("<details>", 1)
    assert "batch 4096, bfloat16:" in first
    assert "batch 4096, float32" in folded
    assert "steps of Adam at 0.003 under autocast to bfloat16, 4096 pixels each" in text


def test_results_from_before_there_were_whole_networks(results: Path) -> None:
    assert mlp_tables.network_tables() == "CPU: not measured.\n\nCUDA GPUs: not measured."
    (results / "2026-01-02.json").write_text(json.dumps(_result()))
    text = mlp_tables.network_tables()
    assert "Whole networks: not measured.\n\nThe fit of an image: not measured." in text


def test_a_gpu_table_has_shares_of_the_copy_bandwidth(results: Path) -> None:
    (results / "2026-01-02.json").write_text(json.dumps(_result(4000.0)))
    text = speed_tables.speed_tables()
    assert "copy bandwidth 4000 GB/s" in text
    assert "| hat | float32 | hatact extension (default) |  |  | 50 % |" in text
    assert "CPU: not measured." in text
    assert speed_tables.accuracy_table() == "not measured"


def test_the_newest_results_of_this_format_count(results: Path) -> None:
    (results / "2026-01-01.json").write_text(json.dumps(_result()))
    (results / "2026-01-03.json").write_text(json.dumps({"environment": {}, "rows": [{}]}))
    (found,) = tables.latest()
    assert found["environment"]["date"] == "2026-01-02"
    (results / "2026-01-01.json").unlink()
    assert speed_tables.speed_tables().startswith("CPU: not measured.")


@pytest.fixture
def gpu(results: Path) -> Callable[..., Path]:
    """Writes a stage of a run on a GPU; returns its file."""

    def write(stage: str, date: str = "2026-01-02", **found: object) -> Path:
        path = results.parent / "a-gpu" / date / f"{stage}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"device": "A GPU", "torch": "2.11.0", "cpu_capability": "avx512", "date": date}
        said = {"format": tables.FORMAT, "stage": stage, "rehearsal": False, "complete": True}
        said |= {"environment": facts, "failures": [], "left_out": []}
        path.write_text(json.dumps({**said, **found}))
        return path

    return write


def _launch(rows: int, ms: float, chosen: bool = False, **other: object) -> dict[str, object]:
    launch = {"kernel": "hidden", "hidden": 64, "depth": 4, "dtype": "bfloat16", "batch": 2**20}
    return {**launch, "config": [rows, 4, 3], "ms": ms, "chosen": chosen, **other}


LAUNCHES = [
    _launch(64, 0.3),
    _launch(128, 0.2, chosen=True),
    _launch(32, 0.4567),
    _launch(64, 1.5, kernel="first"),
]


def test_the_stages_of_a_run_on_a_gpu_are_one_result(gpu: Callable[..., Path]) -> None:
    whole = _result()
    small = [_row("hatact triton", 2**8, 1.5), _row("F.relu", 2**8, 1.0)]
    gpu("facts", copy_gb_per_s=3000.0)
    gpu("smoke", complete=False, failures=["encode, bfloat16: 3 codes are wrong"])
    gpu("pointwise", rows=whole["rows"])
    gpu("mlp", launches=LAUNCHES, **_networks())
    gpu("rest", complete=False, rows=small, cascades=whole["cascades"], networks=whole["networks"])
    (found,) = tables.latest()
    assert found["rows"] == [*whole["rows"], *small]
    assert found["networks"] == whole["networks"]
    assert (found["on_cuda"], found["copy_gb_per_s"]) == (True, 3000)
    text = speed_tables.speed_tables()
    head = "copy bandwidth 3000 GB/s (2026-01-02; cut short: rest, smoke)**"
    assert text.startswith(f"**A GPU, torch 2.11.0, {head}")
    assert "| hatact triton | 1.50 | – |" in text
    assert "| composition, eager | 2^20 × 1 | 55.5 | 21.0 | 64 |" in text
    assert "What failed in this run</summary>\n\n- encode, bfloat16: 3 codes are wrong" in text
    assert text.endswith("CPU: not measured.")
    assert "not measured" not in text.removesuffix("CPU: not measured.")


def test_the_launches_of_the_kernels(gpu: Callable[..., Path]) -> None:
    gpu("mlp", launches=LAUNCHES)
    text = mlp_tables.network_tables()
    line = "| hidden | 64 | 4 | bfloat16 | 1048576 | 128, 4, 3 | 0.2 | 2 | 0.3 to 0.457 |"
    assert line in text
    assert "| first | 64 | 4 | bfloat16 | 1048576 | – | – | 1 | 1.5 to 1.5 |" in text
    assert "Whole networks: not measured." in text


@pytest.mark.parametrize("stage", ["facts", "smoke", "pointwise", "mlp", "rest"])
def test_what_a_run_on_a_gpu_has_not_measured_is_said(
    gpu: Callable[..., Path], tmp_path: Path, stage: str
) -> None:
    """One stage alone, cut before it had anything."""
    gpu(stage, complete=False)
    text = speed_tables.speed_tables()
    assert f"copy bandwidth not measured (2026-01-02; cut short: {stage})" in text
    for what in ("Activations alone", "Linear → activation → Linear", "Triangle cascades"):
        assert f"{what}: not measured." in text
    text = mlp_tables.network_tables()
    for what in ("Whole networks", "The launches of the MLP's kernels", "The fit of an image"):
        assert f"{what}: not measured." in text
    assert speed_tables.accuracy_table() == "not measured"
    plots.draw(tables.latest(), tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_tables_of_rows_that_are_partly_there(gpu: Callable[..., Path]) -> None:
    whole = _result()
    forward = [r for r in whole["rows"] if r.get("mode") == "forward"]
    half = [*whole["networks"], {**whole["networks"][0], "network": "Hat", "dtype": "bfloat16"}]
    gpu("pointwise", rows=forward)
    gpu("rest", networks=half)
    text = speed_tables.speed_tables()
    assert "Hat, float32, forward and backward:\n\nnot measured" in text
    assert "<summary>Share of the copy bandwidth</summary>\n\nnot measured" in text
    assert "| Hat |  |  | – | 4 | 16 | ~1.00 |" in text


def test_a_row_is_compared_with_its_own_copy(gpu: Callable[..., Path]) -> None:
    rows = [_row("hatact", 2**20, 1.0, copy_gb_per_s=2500.0), _row("F.relu", 2**20, 1.0)]
    gpu("facts", copy_gb_per_s=4000.0)
    gpu("pointwise", rows=rows)
    text = speed_tables.speed_tables()
    assert "| hat | float32 | hatact |  |  | 80 % |" in text
    assert "| hat | float32 | F.relu |  |  | 50 % |" in text


def test_a_rehearsal_does_not_count(gpu: Callable[..., Path]) -> None:
    gpu("pointwise", rows=_result()["rows"])
    gpu("pointwise", date="2026-01-04", rehearsal=True, rows=[])
    gpu("facts", date="2026-01-03", environment={})  # cut before it said where it ran
    gpu("mlp", date="2026-01-02", rehearsal=True, launches=LAUNCHES)
    (found,) = tables.latest()
    assert found["environment"]["date"] == "2026-01-02"
    assert "launches" not in found


def test_the_newer_of_a_file_and_a_folder_counts(gpu: Callable[..., Path]) -> None:
    folder = gpu("facts", copy_gb_per_s=3000.0).parent
    for date, counts in (("2026-01-03", 4000), ("2026-01-01", 3000)):
        file = folder.parent / f"{date}.json"
        file.write_text(json.dumps(_result(4000.0)))
        assert [r["copy_gb_per_s"] for r in tables.latest()] == [counts]
        file.unlink()


def test_the_plot_leaves_room_for_what_was_cut(gpu: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    whole = _result(on_cuda=False)
    gpu("pointwise", rows=[{**r, "dtype": "bfloat16"} for r in whole["rows"][:1]])
    plots.draw([whole, *tables.latest()], tmp_path / "time.png")
    assert (tmp_path / "time.png").stat().st_size > 10_000


def test_the_plot_shows_providers_against_size(tmp_path: Path) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    made = plots.figure([_result(on_cuda=False)], "hat")
    (ax,) = made.axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("elements", "a CPU, avx2\ntime (F.relu = 1)")
    lines = {line.get_label(): list(line.get_xdata()) for line in ax.get_lines()}
    assert lines["hatact extension (default)"] == list(SIZES)
    assert lines["eager formula"] == [2**8]
    pyplot.close(made)
    plots.draw(
        [_result(on_cuda=False), _result(4000.0, on_cuda=True)], tmp_path / "docs" / "time.png"
    )
    assert (tmp_path / "docs" / "time.png").read_bytes()[:4] == b"\x89PNG"


def test_the_command_writes_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    options = ["--size", "64", "--batch", "8", "--rounds", "5", "--activation", "relu"]
    monkeypatch.setattr("sys.argv", ["bench", *options, "--out", str(tmp_path)])
    monkeypatch.setattr("bench.accuracy.SAMPLES", 2**10)
    monkeypatch.setattr("bench.fit.STEPS", 2)
    monkeypatch.setitem(fit.SIDES, "cpu", 16)
    monkeypatch.setattr("bench.timing._SAMPLE_SECONDS", 1e-4)
    monkeypatch.setattr("bench.timing._TRIES", 1)
    assert command.main() == 0
    (path,) = tmp_path.glob("*/*.json")
    result = json.loads(path.read_text())
    assert result["environment"]["torch"] == torch.__version__
    assert {r["dtype"] for r in result["rows"]} == {"float32", "bfloat16"}
    assert {"hatact LinearAct", "ReLU"} <= {r["network"] for r in result["networks"]}
    assert {"composition, eager"} <= {r["cascade"] for r in result["cascades"] if "ms" in r}
    assert {r["dtype"] for r in result["mlps"]} == {"float32", "bfloat16", "float16"}
    assert {r["batch"] for r in (*result["mlps"], *result["fits"])} == {8}
    assert {"hatact MLP", "ReLU"} <= {r["mlp"] for r in result["mlps"] if "compiled" in r}
    printed = capsys.readouterr().out
    assert " x compiled" in printed
    if importlib.util.find_spec("skimage"):
        assert " dB\n" in printed
    monkeypatch.setattr("sys.argv", ["bench", "--minutes", "0", "--out", str(tmp_path)])
    command.main()
    assert "cases are left out after 0 minutes" in capsys.readouterr().out


def test_a_wrong_provider_is_an_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = {"activation": "hat", "dtype": "float32", "size": 64, "provider": "off"}
    wrong |= {"skipped": "WrongResult: values are off", "failed": True}
    monkeypatch.setattr("bench.networks.rows", lambda *_, **__: [])
    monkeypatch.setattr("bench.cascades.rows", lambda *_, **__: [])
    monkeypatch.setattr("bench.mlps.rows", lambda *_, **__: [])
    monkeypatch.setattr("bench.fit.rows", lambda *_, **__: [])
    monkeypatch.setattr(command, "rows", lambda *_, **__: [wrong])
    monkeypatch.setattr("bench.accuracy.SAMPLES", 2**10)
    monkeypatch.setattr("sys.argv", ["bench", "--size", "64", "--out", str(tmp_path)])
    assert command.main() == 1
    assert "WrongResult: values are off" in capsys.readouterr().out


def test_the_command_on_cuda_writes_what_the_tables_take(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def some_rows(case: Case, *, rounds: int) -> list[dict[str, object]]:
        asked.append((case.device, rounds))
        facts = {"size": case.size, "ms": 0.01, "copy_gb_per_s": 2500.0}
        return [_row("F.relu", mode=m, ratio=1.0, **facts) for m in (tables.TRAINING, "forward")]

    for part in ("networks", "cascades", "mlps", "fit"):
        monkeypatch.setattr(f"bench.{part}.rows", lambda *_, **__: [])
    monkeypatch.setattr(command, "rows", some_rows)
    monkeypatch.setattr(command, "copy_bandwidth", lambda device: 3000.0)
    monkeypatch.setattr(torch.compiler, "reset", lambda: None)
    monkeypatch.setattr("bench.accuracy.SAMPLES", 2**10)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    arguments = ["bench", "--device", "cuda", "--size", "256", "--rounds", "7"]
    monkeypatch.setattr("sys.argv", [*arguments, "--out", str(results.parent)])
    assert command.main() == 0
    assert set(asked) == {("cuda", 7)}
    assert "1.00 x relu" in capsys.readouterr().out
    (found,) = tables.latest()
    assert (found["on_cuda"], found["copy_gb_per_s"]) == (True, 3000)
    text = speed_tables.speed_tables()
    assert text.startswith("**A GPU, torch")
    assert "| hat | float32 | F.relu | 80 % |  | 80 % |" in text


def test_too_few_rounds_are_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "--rounds", "4"])
    with pytest.raises(SystemExit):
        command.main()
    assert "--rounds must be at least 5; got 4" in capsys.readouterr().err


def test_readme_is_what_the_results_say() -> None:
    text = readme.README.read_text()
    assert readme.rendered(text) == text


def test_readme_without_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="must hold the markers"):
        readme.rendered("nothing")


def _verified(*names: str, setting: str = "full", drop: int = 0) -> dict[str, Any]:
    """What `hatact verify` writes of the papers; `drop` claims at the end not asked for."""
    said = {"name": "A|name", "statement": "It | holds.", "verdict": "partly", "reason": "why"}
    shown = {"findings": ["found"], "tables": [{"title": "T", "columns": ["c"], "rows": [["7"]]}]}
    known = papers()
    pairs = [(claim.id, name) for name in names for claim in known[name].claims]
    rest = dict.fromkeys(("title", "authors", "arxiv", "source", "command"), "") | {"year": 2022}
    rest |= {"recorded": "partly", "as_recorded": True, "quick": False, "seconds": 1.5}
    big = {"kind": "images", "title": "", "caption": "", "panels": []}
    claims = [
        {"id": i, "paper": name, **said, **shown, **rest, "measures": []}
        | {"figures": [{**big, "name": i.replace("/", "-")}]}
        for i, name in pairs[: len(pairs) - drop]
    ]
    facts = {"setting": setting, "seeds": 5, "hatact": "0.1.0", "torch": "2.13.0"}
    facts |= dict.fromkeys(("device", "device_name", "backend", "started"), "")
    asked = [claim["id"] for claim in claims]
    return {"format": 2, "environment": facts, "asked": asked, "complete": True, "claims": claims}


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(readme, "DOCS", tmp_path / "docs")
    monkeypatch.setattr(readme, "SECTIONS", {})
    (tmp_path / "docs").mkdir()
    return tmp_path / "docs"


def test_each_paper_of_a_run_is_kept_and_shown_at_its_place(docs: Path) -> None:
    path = docs.parent / "results.json"
    path.write_text(json.dumps(_verified("milkert2023", "hong2022")))
    readme.keep_claims(path)
    assert sorted(p.name for p in docs.iterdir()) == ["hong2022.json", "milkert2023.json"]
    for name, file in readme.kept().items():
        found = json.loads(file.read_text())
        assert found["asked"] == [c["id"] for c in found["claims"]]
        assert found["asked"] == [c.id for c in papers()[name].claims]
        assert not any("figures" in claim for claim in found["claims"])
    places = [
        f"<!-- generated: claims {n} -->typed<!-- end -->" for n in ("milkert2023", "hong2022")
    ]
    first, second = readme.rendered("\n".join(places)).split("<!-- end -->")[:2]
    assert "`hatact verify milkert2023 --full`, 5 seeds" in first
    assert "`hatact verify hong2022 --full`, 5 seeds" in second
    assert "| `gram` | **partly** | It \\| holds. | why |" in second
    assert "<summary>A|name (milkert2023/sparse)</summary>\n\n- found\n\nT:" in first
    assert "typed" not in first + second
    with pytest.raises(ValueError, match="must hold the markers <!-- generated: claims hong2022"):
        readme.rendered(places[0])


def test_one_paper_leaves_the_other_as_it_was(docs: Path) -> None:
    (docs / "hong2022.json").write_text("{}")
    path = docs.parent / "results.json"
    path.write_text(json.dumps(_verified("milkert2023")))
    readme.keep_claims(path)
    assert (docs / "hong2022.json").read_text() == "{}"
    assert list(readme.kept()) == ["hong2022", "milkert2023"]


@pytest.mark.parametrize(
    "data",
    [
        _verified("hong2022", setting="quick"),
        {**_verified("hong2022"), "complete": False},
        _verified("hong2022", "milkert2023", drop=1),
    ],
    ids=["quick", "not complete", "a claim left out"],
)
def test_what_is_not_whole_is_not_kept(docs: Path, data: dict[str, Any]) -> None:
    path = docs.parent / "results.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ValueError, match="whole papers"):
        readme.keep_claims(path)
    assert not readme.kept()


def test_kept_results_name_no_place() -> None:
    for path in readme.kept().values():
        text = path.read_text()
        assert not re.search(r"/(home|root|tmp|work|Users)\b", text)
        assert "figures" not in json.loads(text)["claims"][0]


def test_results_are_whole_json() -> None:
    for path in tables.RESULTS.glob("*/*.json"):
        result = json.loads(path.read_text())
        assert {"format", "environment", "accuracy", "networks", "rows"} <= set(result)
        assert result["environment"]["torch"]
    for path in tables.RESULTS.glob("*/*/*.json"):
        stage = json.loads(path.read_text())
        assert (stage["stage"], stage["rehearsal"]) == (path.stem, False)
        assert {"format", "complete", "environment", "failures", "left_out"} <= set(stage)
