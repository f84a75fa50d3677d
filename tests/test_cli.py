"""The command: what it accepts, what it refuses and how, what it writes."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from typer.testing import CliRunner

from hatact import claims, cli, ops
from hatact.claims import Claim, Outcome, Paper


def call(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def outcome(verdict):
    table = {"title": "Steps [x]", "columns": ["row", "k"], "rows": [["relu", "1"]]}
    heat = {
        "kind": "heat_maps",
        "name": "heat",
        "title": "t",
        "x_label": "x",
        "y_label": "y",
        "z_label": "z",
        "panels": [{"title": "a", "x": [5, 10, 15], "y": [1, 2], "z": [[0, 1, 0], [1, 1, 1]]}],
    }
    steps = {
        "kind": "arrivals",
        "name": "steps",
        "title": "t",
        "x": [5, 10, 15],
        "horizon": 100,
        "x_label": "x",
        "y_label": "y",
        "series": [
            {"label": "a", "seeds": [[1, 2, None], [0, None, None]]},
            {"label": "never", "seeds": [[None] * 3]},
        ],
    }
    curves = {
        "kind": "curves",
        "name": "curves",
        "title": "t",
        "x_label": "x",
        "y_label": "y",
        "share_y": True,
        "legend": "l",
        "panels": [{"title": "p", "x": [0, 1], "series": [{"label": "s", "y": [0, 1]}]}],
    }
    grey = {"title": "i", "note": "n", "image": [[0, 255], [128, 3]]}
    images = {"kind": "images", "name": "images", "title": "t", "panels": [grey]}
    figures = [heat, steps, curves, images]
    return Outcome(verdict, "since it is [so]", ["a [finding]"], {"a": 1}, table, figures)


@pytest.fixture
def made(monkeypatch):
    """A paper whose claim gives the verdict that the test sets."""
    state = {"verdict": "reproduced", "settings": None}

    def run(settings, advance):
        state["settings"] = settings
        advance(1)
        return outcome(state["verdict"])

    recorded = {"quick": "reproduced", "full": "reproduced"}
    claim = Claim("made/one", "It holds.", recorded, lambda s: 1.0, run)
    paper = {"made": Paper("Made up", "0000.00000", (claim,))}
    monkeypatch.setattr(claims, "papers", lambda: paper)
    return state


def test_verify_writes_results_and_pictures(made, tmp_path):
    out = tmp_path / "new" / "folder"
    result = call("verify", "made", "--out", out)
    assert result.exit_code == 0, result.output
    assert "reproduced (quick)" in result.output
    assert "since it is [so]" in result.output
    assert "a [finding]" in result.output
    claim = json.loads((out / "results.json").read_text())["claims"][0]
    assert claim["id"] == "made/one"
    if importlib.util.find_spec("matplotlib"):
        names = {"heat.png", "steps.png", "curves.png", "images.png", "results.json"}
        assert {p.name for p in out.iterdir()} == names
    assert (made["settings"].quick, made["settings"].seeds) == (True, 2)


def test_full_and_seeds(made, tmp_path):
    result = call("verify", "--full", "--out", tmp_path)
    assert result.exit_code == 0
    assert "(quick)" not in result.output
    assert (made["settings"].quick, made["settings"].seeds) == (False, 5)
    assert call("verify", "--seeds", 3, "--out", tmp_path).exit_code == 0
    assert made["settings"].seeds == 3


@pytest.mark.parametrize("verdict", ["partly", "not reproduced", "not attempted"])
def test_another_verdict_than_the_recorded_one_is_status_1(made, tmp_path, verdict):
    made["verdict"] = verdict
    result = call("verify", "made", "--out", tmp_path)
    assert result.exit_code == 1
    assert "differs" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody1999"], "a paper must be one of made; got 'nobody1999'"),
        (["--quick", "--full"], "--quick and --full exclude each other; got both"),
        (["--seeds", "0"], "--seeds must be a whole number, at least 1; got '0'"),
        (["--seeds", "-3"], "--seeds must be a whole number, at least 1; got '-3'"),
        (["--seeds", "two"], "at least 1; got 'two'"),
        (["--device", "tpu"], "--device must be one of cpu, cuda; got 'tpu'"),
        (["--nothing"], "No such option"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(made, tmp_path, arguments, message):
    result = call("verify", *arguments, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
    assert made["settings"] is None  # nothing was trained
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(made, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        result = call("verify", "--out", out)
        assert result.exit_code == 2
        assert "--out must be a folder that can be written; got" in result.output
        assert made["settings"] is None


def test_a_device_that_is_not_there(made, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    result = call("verify", "--device", "cuda", "--out", tmp_path)
    assert result.exit_code == 2
    assert "--device cuda needs a CUDA device" in result.output


def test_a_wrong_backend_variable(made, tmp_path, monkeypatch):
    wrong = ValueError("HATACT_BACKEND: the backend must be one of …; got 'fast'")
    monkeypatch.setattr(ops, "_forced", [ops._Choice(wrong)])
    result = call("verify", "--out", tmp_path)
    assert result.exit_code == 2
    assert "got 'fast'" in result.output
    info = call("info")
    assert info.exit_code == 0
    assert "got 'fast'" in info.output


def test_info_says_what_is_here_and_what_is_not():
    result = call("info")
    assert result.exit_code == 0
    for word in ("hatact", "torch", "extension", "triton", "reference", "bw_relu", "nvcc", "CUDA"):
        assert word in result.output
    for backend in ops.available_backends().values():
        for reason in backend.reasons.values():
            assert reason.split()[0] in result.output


BLOCK = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
sys.argv = ["hatact", *{arguments!r}]
import runpy
runpy.run_module("hatact", run_name="__main__", alter_sys=False)
"""


def without(blocked, *arguments):
    code = BLOCK.format(blocked=blocked, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ}
    )


def test_info_needs_torch_typer_and_rich_only():
    optional = ["numpy", "scipy", "skimage", "matplotlib", "triton"]
    if os.environ.get("TRITON_INTERPRET"):
        optional.remove("triton")
    result = without(optional, "info")
    assert result.returncode == 0, result.stderr
    assert "reference" in result.stdout


def test_without_typer_the_command_says_what_to_install():
    result = without(["typer"], "info")
    assert result.returncode == 2
    assert result.stderr.strip() == (
        "hatact: the command needs typer; pip install 'hatact[verify]' brings it"
    )


def test_importing_hatact_imports_no_optional_package():
    code = (
        "import sys, hatact, hatact.analysis, hatact.claims; hatact.claims.papers();"
        "names = ('matplotlib', 'rich', 'typer', 'scipy', 'skimage');"
        "print([m for m in names if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
