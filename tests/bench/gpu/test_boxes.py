"""Stages in boxes: what raises, hangs or is killed is said, and the others go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.gpu import __main__ as command
from bench.gpu import boxes, folder, stages
from bench.gpu.stages import BY_NAME, STAGES
from tests.support.repository import ROOT

# A stage of two numbers, which writes the second at once, then does as it is told to.
CHILD = """
import json, os, signal, sys, time
path, what = sys.argv[1:]
os.makedirs(os.path.dirname(path), exist_ok=True)
def write(complete, **more):
    record = {"failures": [], "left_out": [], "says": ["one"], "complete": complete, **more}
    open(path, "w").write(json.dumps(record))
write(False)
if what == "hang":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
if what == "sleep":
    signal.signal(signal.SIGTERM, lambda *_: (write(False, says=["told to end"]), os._exit(143)))
    time.sleep(600)
if what == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if what == "raise":
    raise ValueError("a stage that raises")
if what == "silent":
    os.remove(path); sys.exit(0)
if what == "wrong":
    write(True, failures=["f(1) is wrong"]); sys.exit(1)
if what == "half":
    sys.exit(0)
write(True)
"""


@pytest.fixture
def scratch(monkeypatch, tmp_path) -> Path:
    """A scratch folder, nothing prepared, and less patience."""
    monkeypatch.setenv("HATACT_GPU_SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.setattr(folder, "FOLDER", tmp_path / "none")
    monkeypatch.setattr(boxes, "GRACE", 0.5)
    return tmp_path / "scratch" / "rehearsal"


def run(tmp_path: Path, scratch: Path, faults: dict[str, str], *options: str) -> int:
    """Every stage as CHILD does it; some at fault."""

    def made(stage, out, kind, seconds):
        record = stages.record_of(stage, out, scratch)
        return [sys.executable, "-c", CHILD, str(record), faults.get(stage.name, "right")]

    asked = ["--dry-run", "--out", str(tmp_path / "out"), *options]
    return command.main(asked, made)


def test_every_stage_runs_and_the_status_is_0(tmp_path, scratch, capsys):
    assert run(tmp_path, scratch, {}) == 0
    said = capsys.readouterr().out
    assert all(f"{stage.name} ok" in said for stage in STAGES)
    assert "NOT OK" not in said


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("raise", "it ended with exit status 1: what it had by then is kept"),
        ("killed", "it was ended by SIGKILL after 0 s: what it had by then is kept"),
        ("hang", "it was cut after"),
        ("sleep", "it was cut after"),
        ("silent", "it ended with exit status 0 and wrote no record"),
        ("half", "it ended with exit status 0 before it was done"),
        ("wrong", "pointwise FAILED f(1) is wrong"),
    ],
)
def test_a_stage_at_fault_is_said_first_and_the_others_are_done(
    tmp_path, scratch, capsys, what, said
):
    assert run(tmp_path, scratch, {"pointwise": what}, "--minutes", "0.15") == 1
    text = capsys.readouterr().out
    summary = text[text.index("facts ok 0 s") :].splitlines()
    assert "pointwise NOT OK" in summary[0]
    assert all(f"{stage.name} ok" in summary[0] for stage in STAGES if stage.name != "pointwise")
    fault = next(i for i, line in enumerate(summary) if said in line)
    assert fault <= 2
    if what == "raise":
        assert "    ValueError: a stage that raises" in summary
    if what == "sleep":
        assert "pointwise: told to end" in summary


def test_nothing_that_a_stage_started_outlives_it(tmp_path):
    stage = BY_NAME["rest"]
    child = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', "
    child += "'import time; time.sleep(600)']); print(p.pid)"
    log = tmp_path / "log"
    boxes.run(stage, [sys.executable, "-c", child], 30, dict(os.environ), tmp_path / "r", log)
    pid = int(log.read_text())
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail(f"process {pid} is still there")


def test_what_one_stage_leaves_the_others_have(tmp_path, scratch):
    given = {}

    def made(stage, out, kind, seconds):
        given[stage.name] = seconds
        record = stages.record_of(stage, out, scratch)
        return [sys.executable, "-c", CHILD, str(record), "right"]

    command.main(["--dry-run", "--out", str(tmp_path)], made)
    assert list(given) == [stage.name for stage in STAGES]
    boxes_of = {stage.name: stage.seconds for stage in STAGES}
    assert sum(boxes_of.values()) == 60 * stages.MINUTES
    more = stages.PATIENCE / stages.MINUTES
    assert all(given[name] > more * boxes_of[name] - 6 for name in given)
    assert given["caches"] > 10 * boxes_of["caches"]  # all that the others did not need


def test_networks_that_differ_from_themselves_are_not_timed(tmp_path, scratch, capsys):
    def made(stage, out, kind, seconds):
        record = stages.record_of(stage, out, scratch)
        child = CHILD.replace("write(True)\n", "write(True, repeats_differ=True)\n")
        return [sys.executable, "-c", child, str(record), "right"]

    command.main(["--dry-run", "--out", str(tmp_path)], made)
    said = capsys.readouterr().out
    assert "nothing is timed" in said
    assert "mlp" not in said.replace("--newer-ptxas", "")
    assert "suite ok" in said


def test_only_some_stages(tmp_path, scratch, capsys):
    assert run(tmp_path, scratch, {"mlp": "raise"}, "--only", "smoke", "caches") == 0
    assert "facts" not in capsys.readouterr().out


def test_at_most_60_lines_the_worst_first(tmp_path, scratch, capsys):
    child = CHILD.replace(
        "write(True)\n",
        "write(True, failures=[f'wrong {i} ' + 300 * 'x' for i in range(50)],"
        " left_out=['a', 'b'], says=[f'found {i}' for i in range(50)])\n",
    )

    def made(stage, out, kind, seconds):
        record = stages.record_of(stage, out, scratch)
        return [sys.executable, "-c", child, str(record), "right"]

    assert command.main(["--dry-run", "--out", str(tmp_path)], made) == 1
    said = capsys.readouterr().out.splitlines()[len(STAGES) :]
    assert len(said) == 60
    assert max(map(len, said)) <= 190
    kinds = [
        "FAILED"
        if "FAILED" in s
        else "left"
        if "left out" in s
        else "found"
        if "found " in s
        else ""
        for s in said
    ]
    assert [k for k in dict.fromkeys(kinds) if k] == ["FAILED"]
    assert "smoke FAILED … 43 more in its file …" in said
    assert any(line.startswith("smoke FAILED wrong 49") for line in said)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--dry-run"], "--out must say where results go; got none"),
        (["--dry-run", "--out", "{file}"], "--out must be a folder that can be written to"),
        (["--out", "{folder}"], "NVIDIA's driver sees no GPU here"),
        (["--out", "{folder}", "--minutes", "0"], "--minutes must be above 0; got 0"),
        (["--out", "{folder}", "--restore", "none"], "--restore must be a file; there is no none"),
        (["--out", "{folder}", "--only", "smokes"], "invalid choice: 'smokes'"),
    ],
)
def test_bad_calls(tmp_path, scratch, monkeypatch, capsys, asked, said):
    monkeypatch.setattr(stages, "capability", lambda: None)
    (tmp_path / "file").write_text("")
    paths = {"file": tmp_path / "file", "folder": tmp_path / "folder"}
    with pytest.raises(SystemExit) as ended:
        sys.exit(command.main([part.format(**paths) for part in asked]))
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


class Driver:
    """libcuda, of a machine with so many GPUs of compute capability 9.0."""

    def __init__(self, count, status=0):
        self.count, self.status = count, status

    def cuInit(self, flags):
        return self.status

    def cuDeviceGetCount(self, count):
        count._obj.value = self.count
        return 0

    def cuDeviceGetAttribute(self, value, attribute, device):
        value._obj.value = {75: 9, 76: 0}[attribute]
        return 0


@pytest.mark.parametrize(
    ("driver", "found"),
    [(Driver(2), (9, 0)), (Driver(0), None), (Driver(1, status=100), None), (None, None)],
)
def test_the_gpu_is_seen_by_its_driver(monkeypatch, driver, found):
    def load(name):
        assert name == "libcuda.so.1"
        if driver is None:
            raise OSError("libcuda.so.1: cannot open shared object file")
        return driver

    monkeypatch.setattr(stages.ctypes, "CDLL", load)
    assert stages.capability() == found


def test_what_cannot_be_restored_is_said_and_the_stages_run(tmp_path, scratch, capsys):
    (tmp_path / "caches.txz").write_bytes(b"cut")
    assert run(tmp_path, scratch, {}, "--restore", str(tmp_path / "caches.txz")) == 0
    said = capsys.readouterr().out
    assert "caches.txz is not restored" in said
    assert "suite ok" in said


@pytest.mark.parametrize("there", [True, False])
def test_the_newer_ptxas_is_that_of_the_folder(tmp_path, scratch, capsys, there):
    if there:
        scratch.mkdir(parents=True, mode=0o700)
        scratch.parent.chmod(0o700)
        (scratch / "ptxas").write_text("")
    child = CHILD + "print(os.environ.get('TRITON_PTXAS_PATH'), file=open(path + '.ptxas', 'w'))"

    def made(stage, out, kind, seconds):
        record = stages.record_of(stage, out, scratch)
        return [sys.executable, "-c", child, str(record), "right"]

    asked = ["--dry-run", "--out", str(tmp_path / "out"), "--only", "facts", "--newer-ptxas"]
    assert command.main(asked, made) == (0 if there else 2)
    if there:
        said = (tmp_path / "out" / "facts.json.ptxas").read_text().strip()
        assert said == str(scratch / "ptxas")
    else:
        assert "--newer-ptxas needs that of .gpu/" in capsys.readouterr().err


@pytest.mark.parametrize("whose", ["another's", "a link"])
def test_a_scratch_folder_of_another(tmp_path, monkeypatch, whose):
    where = tmp_path / "scratch"
    if whose == "a link":
        (tmp_path / "real").mkdir(mode=0o700)
        where.symlink_to(tmp_path / "real")
    else:
        monkeypatch.setattr(os, "getuid", lambda: 12345)
    monkeypatch.setenv("HATACT_GPU_SCRATCH", str(where))
    with pytest.raises(RuntimeError, match="must be one's own and no link"):
        stages.scratch(False)


def test_a_scratch_folder_that_others_may_write_to_is_refused(tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("HATACT_GPU_SCRATCH", str(tmp_path / "open"))
    with pytest.raises(RuntimeError, match="writable by its owner alone"):
        stages.scratch(False)


def test_what_runs_the_stages_imports_nothing_that_could_be_broken():
    code = "import sys, bench.gpu.__main__; print({'torch', 'hatact', 'triton'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "set()", run.stderr


def test_a_record_is_whole_at_every_moment(tmp_path):
    """Also where the stage is told to end while it works: real stages, cut."""
    out = tmp_path / "out"
    out.mkdir()
    variables = {**os.environ, "HATACT_GPU_SCRATCH": str(tmp_path / "s"), "PYTHONPATH": str(ROOT)}
    (tmp_path / "s").mkdir(mode=0o700)
    code = (
        "import bench.gpu.stage as s, bench.gpu.facts as f, time\n"
        "from bench.gpu.setting import Setting\nfrom pathlib import Path\n"
        "def run(record, *_):\n"
        "    record.add('rows', 1); record.add('rows', 2); print('now', flush=True)\n"
        "    time.sleep(600)\n"
        "f.run = run\n"
        f"s.run('facts', Path({str(out)!r}), Setting('rehearsal'))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], env=variables, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "now\n"
        process.terminate()
        assert process.wait() == 143
    record = json.loads((out / "facts.json").read_text())
    assert record["rows"] == [1, 2]
    assert not record["complete"]
    assert record["rehearsal"]
