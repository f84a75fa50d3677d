"""Calls that cannot be done: one line, status 2, and nothing is run."""

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

import filelock

from hatact import claims
from tests.support.command import call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody1999"], "a paper must be one of made, other; got 'nobody1999'"),
        (["made", "nobody1999/one"], "a paper must be one of made, other; got 'nobody1999'"),
        (["made/three"], "a claim of made must be one of made/one, made/two; got 'made/three'"),
        (["made/one/two"], "made/one, made/two; got 'made/one/two'"),
        (["--quick", "--full"], "--quick and --full exclude each other; got both"),
        (["--seeds", "0"], "must be a whole number, at least 1 and at most 10000; got '0'"),
        (["--seeds", "-3"], "--seeds must be a whole number, at least 1 and at most 10000; got"),
        (["--seeds", "two"], "at most 10000; got 'two'"),
        (["--seeds", ""], "at most 10000; got ''"),
        (["--seeds", "10001"], "at most 10000; got '10001'"),
        (["--seeds", "9" * 401], "at most 10000; got '999"),
        (["--seeds", "9" * 5000], "at most 10000; got '999"),
        (["--device", "tpu"], "--device must be one of cpu, cuda; got 'tpu'"),
        (["--nothing"], "No such option"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(made, out, arguments, message):
    result = call("verify", *arguments, "--out", out)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.output
    assert made.settings is None  # nothing was trained
    assert not out.exists()


def test_a_folder_that_cannot_be_written(made, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        result = call("verify", "--out", out)
        assert result.exit_code == 2
        assert "--out must be a folder that can be written; got" in result.output
        assert made.settings is None


def test_a_folder_in_use_is_status_2(made, out):
    out.mkdir(parents=True)
    with filelock.FileLock(out / ".lock"):
        result = call("verify", "--out", out)
    assert result.exit_code == 2
    assert f"another verification is writing into {out}" in result.stderr
    assert made.settings is None
    assert call("verify", "--out", out).exit_code == 0


@pytest.mark.parametrize("name", ["results.json", "cache", ".lock"])
def test_a_folder_or_a_file_in_anothers_place_is_one_line_and_status_2(made, out, name):
    out.mkdir(parents=True)
    if name == "cache":
        (out / name).write_text("mine")
    else:
        (out / name / "mine").mkdir(parents=True)
    result = call("verify", "made/one", "--out", out)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert name in result.stderr
    assert (out / name).read_text() == "mine" if name == "cache" else (out / name / "mine").is_dir()


def test_a_device_that_is_not_there(made, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    result = call("verify", "--device", "cuda", "--out", tmp_path)
    assert result.exit_code == 2
    assert "--device cuda needs a CUDA device" in result.output


def test_papers_that_are_none_are_one_line_and_status_2(monkeypatch, tmp_path):
    def papers():
        raise ValueError("a paper must have at least one claim; got none of 't'")

    monkeypatch.setattr(claims, "papers", papers)
    result = call("verify", "--out", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == "Error: a paper must have at least one claim; got none of 't'\n"
