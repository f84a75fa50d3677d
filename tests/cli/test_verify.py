"""`hatact verify`: what it is told to verify, what it says of it, and what it writes."""

import json

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from tests.support.command import DRAWS, call, plain, verified


def test_verify_says_what_it_found_and_writes_it_down(made, out):
    made.draws = True
    result = call("verify", "made", "--out", out)
    assert result.exit_code == 0, result.output
    for text in ("reproduced (quick)", "since it is [so]", "a [finding]", "steps [m]", "Steps [x]"):
        assert text in plain(result.output)
    assert result.stderr == ""
    assert verified(out) == ["made/one", "made/two"]
    pages = {"report.html"} if DRAWS else set()
    assert {path.name for path in out.iterdir()} == {"results.json", "cache", ".lock"} | pages
    assert (made.settings.quick, made.settings.seeds, made.settings.device) == (True, 2, "cpu")


def test_full_and_seeds(made, out):
    result = call("verify", "--full", "--out", out)
    assert result.exit_code == 0
    assert "(quick)" not in result.output
    assert (made.settings.quick, made.settings.seeds) == (False, 5)
    assert call("verify", "--seeds", 3, "--out", out).exit_code == 0
    assert (made.settings.quick, made.settings.seeds) == (True, 3)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], ["made/one", "made/two", "other/three"]),
        (["made/two"], ["made/two"]),
        (["other", "made"], ["other/three", "made/one", "made/two"]),
        (["made/two", "made/one", "made/two"], ["made/one", "made/two"]),
        (["made/two", "other/three"], ["made/two", "other/three"]),
        (["made/two", "made"], ["made/one", "made/two"]),
    ],
)
def test_papers_and_claims_are_chosen_by_name(made, out, names, found):
    assert call("verify", *names, "--out", out).exit_code == 0
    assert verified(out) == found
    assert made.ran() == sorted(name.partition("/")[2] for name in found)


@pytest.mark.parametrize("verdict", ["partly", "not reproduced", "not attempted"])
def test_another_verdict_than_the_recorded_one_is_status_1_and_is_named(made, out, verdict):
    made.verdicts["two"] = verdict
    result = call("verify", "made", "--out", out)
    assert result.exit_code == 1
    last = result.output[result.output.index("Verdicts") :]
    assert f"made/two: {verdict}, recorded reproduced: since it is [so]" in plain(last)
    assert "made/one: " not in last
    assert last.count("(differs)") == 1


def test_the_time_it_takes_is_said_before_the_start(made, out):
    made.cost = 150.0
    made.stop_before = "one"  # nothing was run
    result = call("verify", "made", "--out", out)
    assert "made, quick: 2 runs; about 5 min" in result.output
    assert made.ran() == []


@pytest.mark.parametrize(("verdict", "status"), [("reproduced", 0), ("partly", 1)])
def test_json_is_all_of_stdout_and_the_status_is_the_same(made, out, verdict, status):
    made.verdicts["two"] = verdict
    result = call("verify", "made", "--out", out, "--json")
    assert result.exit_code == status
    assert result.stdout == (out / "results.json").read_text(encoding="utf-8") + "\n"
    assert [found["verdict"] for found in json.loads(result.stdout)["claims"]][1] == verdict
    assert "Verdicts" in result.stderr
    assert ("(differs)" in result.stderr) == bool(status)
    assert "since it is [so]" not in plain(result.stderr) or status  # no tables of the claims
