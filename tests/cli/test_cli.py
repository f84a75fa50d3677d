"""The command: what it accepts, what it refuses and how, what it writes, and how it is stopped."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

import filelock
from typer.testing import CliRunner

import hatact.report
from hatact import claims, cli, ops
from hatact.claims import Measure, Outcome, _engine, _lab
from tests.support import claims_killed, claims_made
from tests.support.claims_made import alone, claim, paper
from tests.support.repository import ROOT

DRAWS = all(importlib.util.find_spec(name) for name in ("jinja2", "matplotlib"))


def call(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def plain(text):
    """The text without what a terminal of 80 columns adds to it."""
    return " ".join(text.split())


def figures():
    axes = {"caption": "", "x_label": "x", "y_label": "y"}
    heat = {"title": "a", "x": [5, 10, 15], "y": [1, 2], "z": [[0, 1, 0], [1, 1, 1]]}
    seeds = [
        {"label": "a", "seeds": [[1, 2, None], [0, None, None]]},
        {"label": "never", "seeds": [[None] * 3]},
    ]
    line = {"label": "s", "x": [0, 1], "y": [0, 1]}
    scales = {"x_scale": "linear", "y_scale": "linear", "share_y": True, "legend": "l"}
    grey = {"title": "i", "note": "n", "image": [[0, 255], [128, 3]]}
    named = {
        "heat": {"kind": "heat_maps", "z_label": "z", "panels": [heat], **axes},
        "steps": {"kind": "arrivals", "x": [5, 10, 15], "horizon": 9, "series": seeds, **axes},
        "curves": {
            "kind": "curves", "panels": [{"title": "p", "series": [line]}], **scales, **axes
        },
        "images": {"kind": "images", "caption": "", "panels": [grey]},
    }  # fmt: skip
    return [{"name": name, "title": "t", **figure} for name, figure in named.items()]


class Made:
    """Two claims of a paper "made" and one of "other"; every one asks for one run of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.verdicts = {}
        self.settings = None
        self.stop_before = None
        self.cost = 1.0
        self.draws = False  # matplotlib takes half a second
        folder.mkdir()

    def ran(self):
        return sorted(path.name.split("-")[0] for path in self.folder.iterdir())

    def task(self, name):
        return alone(claims_made.counted, self.cost, mark=name, folder=str(self.folder))

    def judge(self, name, settings, lab):
        self.settings = settings
        if name == self.stop_before:
            raise KeyboardInterrupt
        lab.run([self.task(name)])
        return Outcome(
            self.verdicts.get(name, "reproduced"),
            "since it is [so]",
            findings=["a [finding]"],
            measures=[Measure.over("steps [m]", [3, None, 1], "steps")],
            tables=[{"title": "Steps [x]", "columns": ["row", "k"], "rows": [["relu", "1"]]}],
            figures=figures() if self.draws and name == "one" else [],
            values={"a": 1},
        )

    def papers(self):
        def made(name):
            return claim(
                name,
                lambda settings, lab: self.judge(name, settings, lab),
                lambda settings: [self.task(name)],
            )

        other = claim("three", lambda settings, lab: self.judge("three", settings, lab))
        object.__setattr__(other, "id", "other/three")
        return {**paper(made("one"), made("two")), "other": paper(other)["made"]}


@pytest.fixture
def made(monkeypatch, tmp_path):
    found = Made(tmp_path / "ran")
    monkeypatch.setattr(claims, "papers", found.papers)
    monkeypatch.setattr(_engine, "slowness", lambda: 1.0)
    return found


@pytest.fixture
def out(tmp_path):
    return tmp_path / "new" / "folder"


def written(out):
    return json.loads((out / "results.json").read_text(encoding="utf-8"))


def with_results(place, value):
    """A change of results.json at a place such as claims.0.year."""

    def change(text):
        results = json.loads(text)
        *way, last = [int(key) if key.isdigit() else key for key in place.split(".")]
        at = results
        for key in way:
            at = at[key]
        at[last] = value
        return json.dumps(results)

    return change


def verified(out):
    return [found["id"] for found in written(out)["claims"]]


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


def test_a_process_that_was_killed_is_one_line_and_status_2(made, out, monkeypatch):
    def died(*arguments, **more):
        raise _lab.Died("a process that did a run was killed; finished runs are kept")

    monkeypatch.setattr(_engine, "run", died)
    result = call("verify", "--out", out)
    assert result.exit_code == 2
    assert "Error: a process that did a run was killed" in result.stderr
    assert "Traceback" not in result.output


def test_a_run_that_cannot_be_kept_names_the_file(made, out, monkeypatch):
    call("verify", "made/one", "--out", out)
    (kept,) = (out / "cache").iterdir()
    kept.unlink()
    kept.mkdir()
    result = call("verify", "made/one", "--out", out)
    assert result.exit_code == 2
    assert kept.name in plain(result.stderr).replace(" ", "")
    assert "Traceback" not in result.output


# ---- what is kept


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


# ---- before the start, and stopped


def test_the_time_it_takes_is_said_before_the_start(made, out):
    made.cost = 150.0
    made.stop_before = "one"  # nothing was run
    result = call("verify", "made", "--out", out)
    assert "made, quick: 2 runs; about 5 min" in result.output
    assert made.ran() == []


def test_an_interrupt_is_status_130_and_says_how_to_go_on(made, out):
    made.stop_before = "two"
    result = call("verify", "made", "--out", out)
    assert result.exit_code == 130
    text = plain(result.output).replace(" ", "")
    assert (
        f"interrupted; the same command goes on from what {out / 'cache'}".replace(" ", "") in text
    )
    assert "Traceback" not in result.output
    assert verified(out) == ["made/one"]
    made.stop_before = None
    result = call("verify", "made", "--out", out)
    assert result.exit_code == 0
    assert "2 runs, 1 kept from before" in result.output
    assert verified(out) == ["made/one", "made/two"]
    assert made.ran() == ["one", "two"]


INTERRUPTED = """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
from hatact import claims, cli
from hatact.claims import _engine
from tests.support import claims_made

claims.papers = claims_made.endless_paper
_engine.slowness = lambda: 1.0
cli.main()
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize("moment", ["while processes start", "while they run"])
def test_control_c_reaches_all_processes_and_one_sentence_is_said(tmp_path, moment):
    """As a terminal sends it: to the whole group at once."""
    mark, kept = f"{os.getpid()}-{time.time_ns()}", tmp_path / "out" / "cache"
    command = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, "verify", "made", "--out", tmp_path / "out"],
        cwd=ROOT,
        env={**os.environ, claims_killed.MARK: mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    ready = {
        "while processes start": lambda: len(claims_killed.processes(mark)) > 2,
        "while they run": lambda: any(kept.glob("*.json")),
    }[moment]
    try:
        while not ready() and command.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        os.killpg(command.pid, signal.SIGINT)
        said, errors = command.communicate(timeout=60)
    finally:
        if command.poll() is None:
            os.killpg(command.pid, signal.SIGKILL)
            command.communicate()
    assert command.returncode == 130, errors
    assert "interrupted; the same command goes on" in plain(said)
    assert errors == ""
    while claims_killed.processes(mark) and time.monotonic() < end:
        time.sleep(0.02)
    assert not claims_killed.processes(mark)
    assert not (tmp_path / "out" / "results.json").exists()


# ---- as JSON


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


def test_json_of_an_interrupted_run_is_nothing(made, out):
    made.stop_before = "two"
    result = call("verify", "made", "--out", out, "--json")
    assert result.exit_code == 130
    assert result.stdout == ""
    assert "interrupted" in result.stderr


# ---- the report


@pytest.fixture
def finished(made, out):
    made.draws = True
    call("verify", "made", "--out", out)
    return out


@pytest.mark.skipif(not DRAWS, reason="needs jinja2 and matplotlib")
def test_the_report_is_written_again_from_the_results_alone(finished, made):
    page = (finished / "report.html").read_bytes()
    (finished / "report.html").unlink()
    ran = made.ran()
    result = call("report", finished)
    assert result.exit_code == 0, result.output
    assert (finished / "report.html").read_bytes() == page
    assert "report.html" in plain(result.output).replace(" ", "")
    assert not [*finished.glob("*.png")]
    assert made.ran() == ran


@pytest.mark.skipif(not DRAWS, reason="needs jinja2 and matplotlib")
def test_pictures_are_a_file_a_figure(made, out):
    made.draws = True
    call("verify", "made/one", "--out", out)
    result = call("report", out, "--pictures")
    assert result.exit_code == 0, result.output
    names = {"heat.png", "steps.png", "curves.png", "images.png"}
    assert {path.name for path in out.glob("*.png")} == names
    for name in names:
        assert name in plain(result.output).replace(" ", "")
        assert (out / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "results must be a file that can be read; got"),
        ("{", "is not JSON"),
        ('{"claims": []}', 'has no "format"'),
        ('{"format": 1, "environment": {"hatact": "0.0.1"}}', "format 1 by hatact 0.0.1"),
        ('{"format": 3}', "was written in format 3"),
        ('{"format": 2, "environment": {}, "claims": []}', "must hold asked, complete"),
    ],
)
def test_a_report_of_no_results_is_one_line_and_status_2(tmp_path, text, message):
    if text is not None:
        (tmp_path / "results.json").write_text(text)
    result = call("report", tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "report.html").exists()


HEAT = "claims.0.figures.0"


@pytest.mark.skipif(not DRAWS, reason="needs jinja2 and matplotlib")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "[" * 100_000, "nested too deep"),
        (lambda text: text[:-9], "is not JSON"),
        (with_results("claims", {}), "results.json: claims must be a list; got {}"),
        (with_results("claims.1", None), "results.json: claims[1] must be an object; got None"),
        (
            with_results("claims.0.seconds", 10**400),
            "claims[0].seconds must be a finite number; got 1000",
        ),
        (
            with_results("claims.0.measures.0.value", "3"),
            "claims[0].measures[0].value must be a finite number; got '3'",
        ),
        (with_results("environment", "here"), "environment must be an object; got 'here'"),
        (
            with_results(f"{HEAT}.kind", "pie"),
            "claims[0].figures[0].kind must be one of curves, heat_maps, arrivals, images; got",
        ),
        (with_results(f"{HEAT}.panels.0.z", [[1]]), "panels[0].z must hold as many values as y, 2"),
        (
            with_results(f"{HEAT}.name", "../heat"),
            "claims[0].figures[0].name must be a file's name",
        ),
        (with_results(f"{HEAT}.name", "steps"), "claims[0].figures[1].name must not be that of"),
    ],
)
def test_wrong_results_are_one_line_and_status_2_and_no_report_is_lost(finished, change, message):
    path = finished / "results.json"
    path.write_text(change(path.read_text()))
    (finished / "heat.png").write_text("a picture")
    before = {p: p.read_bytes() for p in finished.parent.rglob("*") if p.is_file()}
    for more in ((), ("--pictures",)):
        result = call("report", finished, *more)
        assert result.exit_code == 2
        assert message in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert result.stdout == ""
    assert {p: p.read_bytes() for p in finished.parent.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("missing", ["jinja2", "matplotlib"])
def test_without_a_package_for_it_there_is_no_report_and_all_else(made, out, monkeypatch, missing):
    made.draws = True
    for name in ("html", "figures", "pictures", "_axes"):
        monkeypatch.delitem(sys.modules, f"hatact.report.{name}", raising=False)
        monkeypatch.delattr(hatact.report, name, raising=False)
    for name in [n for n in sys.modules if n.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    result = call("verify", "made", "--out", out)
    assert result.exit_code == 0
    assert f"no report: {missing}" in result.output
    assert "pip install 'hatact[verify]'" in plain(result.output)
    assert verified(out) == ["made/one", "made/two"]
    assert not (out / "report.html").exists()


# ---- what is here


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


@pytest.mark.parametrize("failure", [KeyError("odd"), MemoryError(), RecursionError("deep")])
def test_a_failure_that_nothing_expects_is_a_traceback_and_status_2(
    made, out, monkeypatch, capsys, failure
):
    """Status 1 says that a verdict changed, and a failure says nothing of any."""

    def fails(*_, **__):
        raise failure

    monkeypatch.setattr(_engine, "run", fails)
    monkeypatch.setattr(sys, "argv", ["hatact", "verify", "made", "--out", str(out)])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # typer puts its own in its place
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert type(failure).__name__ in capsys.readouterr().err


CLOSED = """
import sys
sys.argv = ["hatact", *sys.argv[1:]]
from hatact import claims, cli
from hatact.claims import _engine
from tests.support import claims_made

_engine.slowness = lambda: 1.0
decides = lambda settings, lab: claims_made.Outcome("reproduced", "since")
claims.papers = lambda: claims_made.paper(claims_made.claim("one", decides))
cli.main()
"""


@pytest.mark.parametrize("arguments", [["info"], ["--help"], ["verify"], ["verify", "--json"]])
def test_where_nobody_reads_on_the_status_is_not_that_of_a_changed_verdict(tmp_path, arguments):
    where = ["--out", tmp_path] if arguments[0] == "verify" else []
    command = [sys.executable, "-c", CLOSED, *arguments, *where]
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as closed:
        done = subprocess.run(command, cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_error_that_cannot_be_said_has_its_status(tmp_path):
    command = [sys.executable, "-c", CLOSED, "report", tmp_path]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, cwd=ROOT, stderr=full)
    assert done.returncode in (2, 120)  # 120: Python's own, where stderr cannot be flushed


def test_without_typer_the_command_says_what_to_install():
    result = without(["typer"], "info")
    assert result.returncode == 2
    assert result.stderr.strip() == (
        "hatact: the command needs typer; pip install 'hatact[verify]' brings it"
    )


def test_importing_hatact_imports_no_optional_package():
    code = (
        "import sys, hatact, hatact.analysis, hatact.claims; hatact.claims.papers();"
        "names = ('matplotlib', 'rich', 'typer', 'scipy', 'skimage', 'sklearn', 'jinja2');"
        "print([m for m in names if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr
