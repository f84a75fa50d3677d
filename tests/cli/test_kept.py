"""What `hatact verify` finds in its folder: runs that it takes or does again, old results."""

import json

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from tests.support.command import call, plain, verified, with_results


def test_a_second_run_says_that_all_is_kept_and_runs_nothing(made, out):
    made.cost = 100.0
    first = call("verify", "made", "--out", out)
    assert "made, quick: 2 runs; about" in first.output
    assert made.ran() == ["one", "two"]
    again = call("verify", "made", "--out", out)
    assert again.exit_code == 0
    assert "made, quick: 2 runs, 2 kept from before" in again.output
    assert "about" not in again.output.splitlines()[0]
    assert made.ran() == ["one", "two"]


def test_fresh_does_kept_runs_again(made, out):
    call("verify", "made", "--out", out)
    result = call("verify", "made", "--out", out, "--fresh")
    assert "kept from before" not in result.output
    assert made.ran() == ["one", "one", "two", "two"]
    assert "2 kept from before" in call("verify", "made", "--out", out).output


def test_another_claim_takes_the_runs_that_are_there(made, out):
    call("verify", "made/two", "--out", out)
    assert "2 runs, 1 kept from before" in call("verify", "made", "--out", out).output
    assert made.ran() == ["one", "two"]


def test_a_corrupted_run_is_named_and_done_again(made, out):
    call("verify", "made/one", "--out", out)
    (kept,) = (out / "cache").iterdir()
    kept.write_text("{")
    result = call("verify", "made/one", "--out", out)
    assert result.exit_code == 0
    assert kept.name in result.output
    assert "it is done again" in plain(result.output)
    assert made.ran() == ["one", "one"]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"seconds": 1' + "0" * 400 + "}", b"\xff"])
def test_a_run_whose_file_holds_anything_is_done_again(made, out, text):
    call("verify", "made/one", "--out", out)
    (kept,) = (out / "cache").iterdir()
    sound = json.loads(kept.read_text())
    kept.write_bytes(text if isinstance(text, bytes) else text.encode())
    result = call("verify", "made/one", "--out", out)
    assert result.exit_code == 0, result.output
    assert plain(result.output).count("it is done again") == 1
    assert made.ran() == ["one", "one"]
    assert json.loads(kept.read_text())["value"] == sound["value"]


def test_a_run_that_cannot_be_kept_names_the_file(made, out, monkeypatch):
    call("verify", "made/one", "--out", out)
    (kept,) = (out / "cache").iterdir()
    kept.unlink()
    kept.mkdir()
    result = call("verify", "made/one", "--out", out)
    assert result.exit_code == 2
    assert kept.name in plain(result.stderr).replace(" ", "")
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "[" * 100_000,
        with_results("claims", 5),
        with_results("claims.0.figures", "none"),
        with_results("environment.hatact", ["0.1.0"]),
    ],
)
def test_results_that_cannot_be_read_are_kept_aside(made, out, change):
    call("verify", "made/one", "--out", out)
    text = change((out / "results.json").read_text())
    (out / "results.json").write_text(text)
    result = call("verify", "made/one", "--out", out)
    assert result.exit_code == 0, result.output
    assert "kept as results-unreadable.json" in plain(result.output)
    assert (out / "results-unreadable.json").read_text() == text
    assert verified(out) == ["made/one"]


def test_results_of_another_version_are_kept_aside(made, out):
    out.mkdir(parents=True)
    (out / "results.json").write_text('{"environment": {"hatact": "0.0.1"}, "claims": []}')
    result = call("verify", "made/one", "--out", out)
    assert result.exit_code == 0
    assert "kept as results-0.0.1-format-1.json" in plain(result.output)
    assert json.loads((out / "results-0.0.1-format-1.json").read_text())["claims"] == []
