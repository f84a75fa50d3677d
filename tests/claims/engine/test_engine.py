"""The engine: what it writes, what it keeps, and that a kill changes no number."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import hatact
from hatact.claims import Outcome, Paper, Settings
from hatact.claims.engine import Measure, Row, results, timing
from hatact.claims.figures import Curves, Table
from tests.support import claims_killed, claims_made
from tests.support.claims_made import Watch, alone, claim, paper, same, squares
from tests.support.repository import ROOT

INF, NAN = math.inf, math.nan
HAT = Row("hat", 2)


QUICK = Settings(quick=True, seeds=2)


def run(chosen, out, settings=QUICK, **more):
    watch = Watch()
    return results.run(chosen, settings, out, watch, workers=0, **more), watch


def decides(verdict="reproduced", reason="since", **more):
    return lambda settings, lab: Outcome(verdict, reason, **more)


def written(out):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    text = (out / "results.json").read_text(encoding="utf-8")
    return json.loads(text, parse_constant=refuse)


CLAIM_FIELDS = [
    *("id", "paper", "title", "authors", "year", "arxiv", "paper_note", "leads", "name"),
    *("statement", "source", "verdict", "reason", "headline", "findings", "values", "timing"),
    *("recorded", "as_recorded", "quick", "command", "seconds", "wall_seconds"),
    *("measures", "tables", "figures"),
]
ENVIRONMENT_FIELDS = [
    *("hatact", "torch", "python", "system", "device", "device_name", "threads", "backend"),
    *("setting", "seeds", "started"),
]


def test_results_have_the_format_and_no_nan(tmp_path):
    judge = decides(
        "partly",
        "because",
        findings=["a finding"],
        measures=[
            Measure.over("steps", [3, None, 1], "steps"),
            Measure.exact("slope", NAN, known=4, source="derived"),
        ],
        tables=[Table("t", ["a"], [["1"]])],
        figures=[Curves(name="f", title="t", x_label="x", y_label="y", panels=())],
        headline="It is so.",
        values={"x": NAN, "y": [INF, 1.23456789, -INF], "z": None, "n": {1: 123456789, "b": True}},
        timing={"seconds": (0.123456789, INF)},
    )
    results, watch = run(paper(claim("one", judge)), tmp_path)
    data = written(tmp_path)
    assert list(data) == ["format", "environment", "asked", "complete", "claims"]
    assert data["format"] == 2
    assert (data["asked"], data["complete"]) == (["made/one"], True)
    assert list(data["environment"]) == ENVIRONMENT_FIELDS
    assert data["environment"] == results["environment"]
    assert data["environment"]["hatact"] == hatact.__version__
    assert (data["environment"]["setting"], data["environment"]["seeds"]) == ("quick", 2)
    (found,) = data["claims"]
    assert list(found) == CLAIM_FIELDS
    taken = found.pop("seconds"), found.pop("wall_seconds")
    assert all(isinstance(t, int | float) and t >= 0 for t in taken)
    assert found == {
        "id": "made/one",
        "paper": "made",
        "title": "Made up",
        "authors": "Nobody, Somebody",
        "year": 1999,
        "arxiv": "0000.00000",
        "paper_note": "",
        "leads": False,
        "name": "Of one",
        "statement": "A thing holds.",
        "source": "nowhere",
        "verdict": "partly",
        "reason": "because",
        "headline": "It is so.",
        "findings": ["a finding"],
        "recorded": "reproduced",
        "as_recorded": False,
        "quick": True,
        "command": "hatact verify made/one --quick",
        "measures": [
            {"name": "steps", "value": 3, "low": 1, "high": None, "unit": "steps", "seeds": 3}
            | {"known": None, "known_source": ""},
            {"name": "slope", "value": None, "low": None, "high": None, "unit": "", "seeds": 0}
            | {"known": 4, "known_source": "derived"},
        ],
        "tables": [{"title": "t", "columns": ["a"], "rows": [["1"]]}],
        "figures": [
            {"kind": "curves", "name": "f", "title": "t", "caption": "", "panels": []}
            | {"x_label": "x", "y_label": "y", "x_scale": "linear", "y_scale": "linear"}
            | {"share_y": True, "legend": ""}
        ],
        "values": {
            "x": None,
            "y": [None, 1.2346, None],
            "z": None,
            "n": {"1": 123456789, "b": True},
        },
        "timing": {"seconds": [0.12346, None]},
    }
    assert watch.claims == ["made/one"]
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", ".lock"}


def test_the_verdict_is_held_against_that_of_the_setting(tmp_path):
    chosen = paper(claim("one", decides("partly"), quick="reproduced", full="partly"))
    assert not run(chosen, tmp_path)[0]["claims"][0]["as_recorded"]
    (found,) = run(chosen, tmp_path, Settings(quick=False, seeds=1))[0]["claims"]
    assert found["as_recorded"]
    assert (found["recorded"], found["quick"]) == ("partly", False)
    assert found["command"] == "hatact verify made/one --full --seeds 1"


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        (Settings(True, 2), "hatact verify a/b --quick"),
        (Settings(False, 5), "hatact verify a/b --full"),
        (Settings(True, 5), "hatact verify a/b --quick --seeds 5"),
        (Settings(False, 2, "cuda"), "hatact verify a/b --full --seeds 2 --device cuda"),
    ],
)
def test_the_command_names_what_is_not_the_default(settings, command):
    assert settings.command("a/b") == command


@pytest.mark.parametrize("seeds", [0, -1])
def test_no_seed_is_no_setting(seeds):
    with pytest.raises(ValueError, match=f"at least 1; got {seeds}"):
        Settings(quick=True, seeds=seeds)


def test_a_module_of_hatact_itself_that_is_missing_is_a_failure(tmp_path):
    def judge(settings, lab):
        raise ModuleNotFoundError("No module named 'hatact.nowhere'", name="hatact.nowhere")

    with pytest.raises(ModuleNotFoundError):
        run(paper(claim("one", judge)), tmp_path)


def test_a_missing_package_is_not_attempted_and_the_others_are(tmp_path):
    def judge(settings, lab):
        raise ModuleNotFoundError("No module named 'skimage'", name="skimage")

    first, second = run(paper(claim("one", judge), claim("two", decides())), tmp_path)[0]["claims"]
    assert first["verdict"] == "not attempted"
    assert first["reason"].startswith("skimage is missing: pip install")
    assert second["verdict"] == "reproduced"


def test_finished_claims_and_runs_survive_an_interruption(tmp_path):
    ran = tmp_path / "ran"
    ran.mkdir()
    tasks = [alone(claims_made.counted, mark=m, folder=str(ran)) for m in "abc"]
    stops = [True]

    def judge(settings, lab):
        lab.run(tasks[1:2])
        if stops:
            raise KeyboardInterrupt
        return Outcome("reproduced", f"{lab.run(tasks)}")

    chosen = paper(
        claim("one", lambda s, lab: Outcome("reproduced", f"{lab.run(tasks[:1])}")),
        claim("two", judge, lambda settings: tasks[1:2] if stops else tasks),
    )
    with pytest.raises(KeyboardInterrupt):
        run(chosen, tmp_path)
    data = written(tmp_path)
    assert [found["id"] for found in data["claims"]] == ["made/one"]
    assert (data["asked"], data["complete"]) == (["made/one", "made/two"], False)
    stops.clear()
    results, watch = run(chosen, tmp_path)
    assert [found["id"] for found in results["claims"]] == ["made/one", "made/two"]
    assert results["complete"]
    assert [p.name[0] for p in sorted(ran.iterdir())] == ["a", "b", "c"]
    assert watch.plans == [([[], tasks[2:]], 3)]
    assert watch.work == pytest.approx(1)


def test_the_plan_counts_shared_runs_once_and_fresh_ones_again(tmp_path):
    tasks = squares(1, 2, 3)
    chosen = paper(
        claim(
            "one", lambda s, lab: decides(values=lab.run(tasks[:2]))(s, lab), lambda s: tasks[:2]
        ),
        claim(
            "two", lambda s, lab: decides(values=lab.run(tasks[1:]))(s, lab), lambda s: tasks[1:]
        ),
    )
    for more, all_missing in (({}, True), ({}, False), ({"fresh": True}, True)):
        _, watch = run(chosen, tmp_path, **more)
        ((missing, runs),) = watch.plans
        assert runs == 3
        assert missing == ([tasks[:2], tasks[2:]] if all_missing else [[], []])
        assert watch.work == pytest.approx(sum(t.cost for part in missing for t in part))


def test_a_corrupted_run_is_said_to_the_user(tmp_path):
    tasks = squares(1)
    chosen = paper(claim("one", lambda s, lab: Outcome("reproduced", f"{lab.run(tasks)}")))
    first, _ = run(chosen, tmp_path)
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_text("{")
    second, watch = run(chosen, tmp_path)
    assert second["claims"][0]["reason"] == first["claims"][0]["reason"]
    (text,) = watch.notices
    assert kept.name in text


def test_what_was_there_is_looked_at_once_the_folder_is_held(tmp_path):
    def before():
        with pytest.raises(results.InUse):
            run(chosen, tmp_path)
        seen.append(written(tmp_path)["claims"][0]["verdict"])

    chosen, seen = paper(claim("one", decides("partly"))), []
    run(chosen, tmp_path)
    run(paper(claim("one", decides())), tmp_path, before=before)
    assert seen == ["partly"]
    assert written(tmp_path)["claims"][0]["verdict"] == "reproduced"


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ((), "a paper must have at least one claim; got none of 'Made up'"),
        (("one", "one"), "must have ids of their own; got ['made/one', 'made/one']"),
    ],
)
def test_a_paper_without_claims_or_with_two_of_one_id_is_refused(claims, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        paper(*(claim(name, decides()) for name in claims))


def test_a_papers_note_and_its_leader_are_told(tmp_path):
    claims = claim("one", decides()), claim("two", decides())
    found = Paper("t", "a", 1999, "0", claims, note="It was not at hand.", lead="two")
    results, _ = run({"made": found}, tmp_path)
    assert [(c["paper_note"], c["leads"]) for c in results["claims"]] == [
        ("It was not at hand.", False),
        ("It was not at hand.", True),
    ]


@pytest.mark.parametrize("figure", [{"kind": "curves"}, None, Table("t", [], [])])
def test_what_is_no_figure_is_refused(tmp_path, figure):
    names = "Curves, HeatMaps, Arrivals, Images"
    with pytest.raises(
        TypeError, match=f"a figure must be one of {names}; got {type(figure).__name__}"
    ):
        run(paper(claim("one", decides(figures=[figure]))), tmp_path)


def test_all_runs_that_are_known_beforehand_are_asked_for_at_once():
    asked = []
    tasks = squares(1, 2, 3)
    made = claim("one", lambda settings, lab: lab.run(tasks[:1]), lambda settings: tasks)
    made.outcome(QUICK, SimpleNamespace(run=asked.append))
    assert asked == [tasks, tasks[:1]]


HOLD = """
import filelock, sys
lock = filelock.FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
input()
"""


def test_a_folder_serves_one_verification_at_a_time_and_a_killed_one_frees_it(tmp_path):
    chosen = paper(claim("one", decides()))
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / ".lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout.readline()
        with pytest.raises(results.InUse, match="another verification is writing into"):
            run(chosen, tmp_path)
        assert not (tmp_path / "results.json").exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
        run(chosen, tmp_path)


def test_the_folder_is_held_from_the_first_claim_to_the_last_and_then_free(tmp_path):
    def judge(settings, lab):
        with pytest.raises(results.InUse):
            run(paper(claim("inner", decides())), tmp_path)
        raise ZeroDivisionError

    for _ in range(2):  # the failure has let it go
        with pytest.raises(ZeroDivisionError):
            run(paper(claim("one", judge)), tmp_path)
    run(paper(claim("one", decides())), tmp_path / "made" / "on the way")


VARYING = ("seconds", "wall_seconds", "timing")


def comparable(out):
    data = written(out)
    del data["environment"]["started"]
    return data | {
        "claims": [{k: v for k, v in c.items() if k not in VARYING} for c in data["claims"]]
    }


def kept(out):
    timed = f"{timing.__name__}.{timing.steps.__name__}"
    return {
        name: (entry["key"], entry["value"])
        for name, entry in claims_killed.entries(out).items()
        if entry["key"]["run"] != timed
    }


@pytest.mark.slow
def test_a_verification_killed_again_and_again_comes_to_the_same_results(tmp_path):
    """Killed by SIGKILL at seeded random moments; then against one that nobody disturbed."""
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    mark = f"{os.getpid()}-{time.time_ns()}"
    said = tmp_path / "said"  # a file: processes that outlive their parent would hold a pipe open
    with said.open("w") as file:
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.claims_killed", killed],
            cwd=ROOT,
            env={**os.environ, claims_killed.MARK: mark, "OMP_NUM_THREADS": "1"},
            stdout=file,
            timeout=300,
        )
    end = time.monotonic() + 20
    while (orphans := claims_killed.processes(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    for process in orphans:
        os.kill(process, signal.SIGKILL)
    assert not orphans
    assert done.returncode == 0
    seen = json.loads(said.read_text())
    results.run(claims_killed.PAPERS, claims_killed.SETTINGS, undisturbed, Watch(), workers=0)

    assert [of["status"] for of in seen["kills"]] == [-signal.SIGKILL] * 5
    assert seen["last"] == 0
    assert any(of["found"] for of in seen["kills"])
    assert all(of["left"] < len(claims_killed.entries(killed)) for of in seen["kills"])

    assert comparable(killed) == comparable(undisturbed)
    assert len(kept(killed)) == 20
    assert same(kept(killed), kept(undisturbed))  # to the last bit; results.json rounds
    assert not [*killed.glob("results-*")]

    if Path("/proc/self/environ").exists():
        assert max(of["processes"] for of in seen["kills"]) >= 3  # itself and two workers
