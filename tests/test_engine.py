"""The engine: what it keeps, how it runs, what it writes, and that a kill changes no number."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import claims_killed
import claims_made
import pytest
import torch
from claims_made import Watch, alone, claim, paper

import hatact
from hatact import use_backend
from hatact.claims import Outcome, Settings, _cache, _engine, papers
from hatact.claims._cache import Cache, code_version, key_of, write_whole
from hatact.claims._lab import Changed, Died, Lab, Task
from hatact.claims._statistics import Measure
from hatact.claims._training import Row

INF, NAN = math.inf, math.nan
TESTS = Path(__file__).parent
HAT = Row("hat", 2)


def same(a, b):
    """Equal as data, NaN equal to itself."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


# ---- the cache

KEY = {"run": "a", "arguments": {"x": 1}}


@pytest.fixture
def said():
    return []


@pytest.fixture
def cache(tmp_path, said):
    return Cache(tmp_path / "cache", said.append)


def entry(cache):
    (path,) = cache.folder.iterdir()
    return path


@pytest.mark.parametrize(
    "value",
    [
        [{"a": [1, None, True, "é", -0.0, 5e-324, 1e308, 0.1 + 0.2, 2**60]}],
        [{"a": [NAN, INF, -INF]}],
        [],
        None,
    ],
)
def test_a_value_comes_back_as_it_was(cache, said, value):
    assert cache.get(KEY) is None
    assert not cache.holds(KEY)
    assert not cache.folder.exists()
    assert same(cache.put(KEY, value, 1.5), value)
    assert cache.holds(KEY)
    found, seconds = cache.get(KEY)
    assert same(found, value)
    assert repr(found) == repr(value)
    assert seconds == 1.5
    assert not said


def test_put_returns_what_get_will(cache):
    assert cache.put(KEY, {"a": (1, 2)}, 0.0) == {"a": [1, 2]} == cache.get(KEY)[0]


def test_an_entry_says_what_it_is_of(cache):
    cache.put(KEY, 1, 2.0)
    assert json.loads(entry(cache).read_text())["key"] == KEY
    other = {**KEY, "arguments": {"x": 2}}
    assert cache.get(other) is None
    cache.put(other, 3, 1.0)
    assert cache.get(KEY)[0] == 1


def changed(text, **changes):
    return json.dumps({**json.loads(text), **changes})


def lacking(text, name):
    return json.dumps({k: v for k, v in json.loads(text).items() if k != name})


CORRUPTIONS = {
    "empty": lambda text: "",
    "truncated": lambda text: text[: len(text) // 2],
    "all but the last sign": lambda text: text[:-1],
    "not JSON": lambda text: "no JSON at all",
    "another JSON": lambda text: "[1, 2]",
    "null": lambda text: "null",
    "not UTF-8": lambda text: b"\xff\xfe\x00",
    "changed value": lambda text: changed(text, value=[{"loss": 0.26}]),
    "changed checksum": lambda text: changed(text, check="0" * 32),
    "no value": lambda text: lacking(text, "value"),
    "no checksum": lambda text: lacking(text, "check"),
    "no seconds": lambda text: lacking(text, "seconds"),
    "seconds in words": lambda text: changed(text, seconds="long"),
    "changed seconds": lambda text: changed(text, seconds=1e6),
    "no key": lambda text: lacking(text, "key"),
    "another key": lambda text: changed(text, key={"run": "b"}),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_entry_is_noticed_said_and_replaced(cache, said, name):
    value = [{"loss": 0.25}]
    cache.put(KEY, value, 1.0)
    path = entry(cache)
    sound = path.read_bytes()
    bad = CORRUPTIONS[name](sound.decode())
    path.write_bytes(bad if isinstance(bad, bytes) else bad.encode())
    assert not cache.holds(KEY)
    assert not said
    assert cache.get(KEY) is None
    (text,) = said
    assert text.startswith(f"the kept run {path.name} ")
    assert text.endswith("it is done again")
    cache.put(KEY, value, 1.0)
    assert entry(cache).read_bytes() == sound
    assert cache.get(KEY) == (value, 1.0)
    assert len(said) == 1


def test_an_entry_under_another_entrys_name_is_not_taken(cache, said):
    other = {**KEY, "arguments": {"x": 2}}
    cache.put(KEY, 1, 1.0)
    path = entry(cache)
    cache.put(other, 2, 1.0)
    (moved,) = {*cache.folder.iterdir()} - {path}
    os.replace(moved, path)
    assert cache.get(KEY) is None
    assert "another run's" in said[0]


def test_a_folder_in_an_entrys_place_is_said_and_its_name_told_where_it_cannot_go(cache, said):
    cache.put(KEY, 1, 1.0)
    path = entry(cache)
    path.unlink()
    path.mkdir()
    assert cache.get(KEY) is None
    (text,) = said
    assert path.name in text
    with pytest.raises(OSError, match=path.name):
        cache.put(KEY, 1, 1.0)


def test_numbers_as_keys_come_back_as_text(cache, said):
    assert cache.put(KEY, {9: 1, 10: 2}, 1.0) == {"9": 1, "10": 2} == cache.get(KEY)[0]
    assert not said


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_run_is_done_again(tmp_path, said, name):
    ran = tmp_path / "ran"
    ran.mkdir()
    task = alone(claims_made.counted, mark="a", folder=str(ran))

    def run():
        cache = Cache(tmp_path / "cache", said.append)
        with Lab("cpu", cache, 0, lambda work: None) as lab:
            return lab.run([task]), cache

    first, cache = run()
    path = entry(cache)
    bad = CORRUPTIONS[name](path.read_text())
    path.write_bytes(bad if isinstance(bad, bytes) else bad.encode())
    assert run()[0] == first
    assert len([*ran.iterdir()]) == 2
    assert len(said) == 1
    assert run()[0] == first
    assert len([*ran.iterdir()]) == 2
    assert len(said) == 1


def test_fresh_takes_only_what_it_wrote_itself(cache, said):
    cache.put(KEY, 1, 1.0)
    fresh = Cache(cache.folder, said.append, fresh=True)
    assert not fresh.holds(KEY)
    assert fresh.get(KEY) is None
    fresh.put(KEY, 2, 1.0)
    assert fresh.holds(KEY)
    assert fresh.get(KEY)[0] == cache.get(KEY)[0] == 2
    assert not said


def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new" * 100_000 + "\ud800")
    assert path.read_text() == "old"

    def full(*paths):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            write_whole(path, "new")
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]
    write_whole(path, "new")
    assert path.read_text() == "new"
    assert [*tmp_path.iterdir()] == [path]


# ---- what identifies a run


def key(**changes):
    task = {"run": claims_made.train, "arguments": {"row": HAT, "steps": 5}, "seeds": (0, 1)}
    return Task(**{**task, "cost": 1.0, **changes}).key("cpu")


@pytest.mark.parametrize(
    "changes",
    [
        {"run": claims_made.square},
        {"seeds": (0,)},
        {"seeds": (1, 0)},
        {"seeds": (0, 2)},
        {"arguments": {"row": HAT, "steps": 6}},
        {"arguments": {"row": HAT, "steps": 5.0}},
        {"arguments": {"row": HAT}},
        {"arguments": {"row": HAT, "steps": 5, "more": None}},
        *(
            {"arguments": {"row": row, "steps": 5}}
            for row in (
                Row("relu", 2),
                Row("hat", 3),
                Row("hat", 2, input=2),
                Row("hat", 2, lr=3e-3),
                Row("hat", 2, octaves=1),
                Row("hat", 2, optimiser="sgd"),
            )
        ),
    ],
)
def test_the_key_changes_with_all_that_a_run_is_told(changes):
    assert _cache._digest(key(**changes)) != _cache._digest(key())


def test_the_key_of_equal_runs_is_equal_whatever_they_cost():
    assert key(arguments={"steps": 5, "row": Row("hat", 2)}, cost=2.0) == key()
    json.dumps(key(), allow_nan=False)


def test_the_key_of_a_run_that_measures_time_names_the_machine(monkeypatch):
    digests = [_cache._digest(key()), _cache._digest(key(alone=True))]
    monkeypatch.setattr(os, "cpu_count", lambda: 1234)
    assert _cache._digest(key()) == digests[0]
    digests.append(_cache._digest(key(alone=True)))
    assert len(set(digests)) == 3


def test_the_key_changes_with_the_version_of_the_package_that_data_come_from(copied, monkeypatch):
    before = version("hatact.claims._images"), version("hatact.claims._sines")
    monkeypatch.setattr(_cache, "_installed", lambda distribution: f"{distribution} 99")
    assert version("hatact.claims._images") != before[0]
    assert version("hatact.claims._sines") == before[1]


def test_the_key_changes_with_torch_the_backend_the_device_and_the_code(monkeypatch):
    digests = [_cache._digest(key())]
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "9.9.9")
        digests.append(_cache._digest(key()))
    with monkeypatch.context() as patch:
        patch.setattr(_cache, "code_version", lambda module: "another")
        digests.append(_cache._digest(key()))
    with monkeypatch.context() as patch:
        patch.setattr(_cache, "_capability", lambda: "another")
        digests.append(_cache._digest(key()))
    if hatact.ops.current_backend("cpu") != "reference":
        with use_backend("reference"):
            digests.append(_cache._digest(key()))
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
        arguments = {"row": HAT, "steps": 5, "seeds": (0, 1)}
        on_gpu = key_of(claims_made.train, arguments, "cuda")
        assert on_gpu["device"] == "A GPU"
        digests.append(_cache._digest(on_gpu))
    assert _cache._digest(key()) == digests[0]
    assert len(set(digests)) == len(digests)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of hatact's sources, in which modules are looked up."""
    package = Path(hatact.__file__).parent
    copy = tmp_path / "hatact"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (copy / "_cpu.abi3.so").write_bytes(b"machine code")

    def file(module):
        path = tmp_path.joinpath(*module.split("."))
        found = [p for p in (path / "__init__.py", path.with_suffix(".py")) if p.is_file()]
        return found[0] if found else None

    monkeypatch.setattr(_cache, "_file", file)
    code_version.cache_clear()
    yield copy
    code_version.cache_clear()


TRAINED = "hatact.claims._sines"


def version(module=TRAINED):
    code_version.cache_clear()
    return code_version(module)


@pytest.mark.parametrize(
    "file",
    [
        "claims/_sines.py",
        "claims/_training.py",
        "analysis/__init__.py",
        "analysis/spectrum.py",
        "activations/hat.py",
        "activations/srelu.py",
        "nn/activations.py",
        "autograd.py",
        "ops.py",
        "reference.py",
        "spec.py",
        "__init__.py",
        "_cpu.abi3.so",
    ],
)
def test_the_code_version_changes_with_whatever_the_run_reaches(copied, file):
    before = version()
    assert version() == before
    path = copied / file
    path.write_bytes(path.read_bytes() + b"\n# another")
    assert version() != before


@pytest.mark.parametrize(
    "file",
    [
        "cli.py",
        "report/html.py",
        "report/terminal.py",
        "claims/__init__.py",
        "claims/_engine.py",
        "claims/_study.py",
        "claims/_images.py",
        "claims/hong2022/__init__.py",
        "claims/hong2022/spectrum.py",
    ],
)
def test_the_code_version_does_not_change_with_what_decides_or_shows(copied, file):
    before = version()
    path = copied / file
    path.write_bytes(path.read_bytes() + b"\n# another")
    assert version() == before


def test_every_form_of_import_is_followed(copied):
    folder = copied / "made"
    folder.mkdir()
    sources = {
        "__init__": "",
        "a": "from . import b\nimport hatact.made.c",
        "b": "def f():\n    from hatact.made import d",
        "c": "from .e import something",
        "d": "import os, json.decoder\nfrom hatact.made.nowhere import x",
        "e": "from hatact.made import a",
        "f": "",
    }
    for name, text in sources.items():
        (folder / f"{name}.py").write_text(text)
    found = _cache._sources("hatact.made.a")
    names = [path.stem for path in found if path.parent == folder]
    assert names == ["__init__", "a", "b", "c", "d", "e"]
    assert not any(path.suffix == ".so" for path in found)  # no backend is reached


@pytest.mark.parametrize("setting", ["quick", "full"])
def test_no_run_of_any_paper_hangs_on_a_claims_file_or_on_a_report(setting):
    settings = Settings(setting == "quick", 2)
    package = Path(hatact.__file__).parent
    decide = {package / "claims" / name for name in ("__init__.py", "_engine.py", "_study.py")}
    for found in papers().values():
        judges = {Path(sys.modules[c.judge.__module__].__file__) for c in found.claims}
        for run in {task.run for c in found.claims for task in c.tasks(settings)}:
            reached = {*_cache._sources(run.__module__)}
            assert Path(sys.modules[run.__module__].__file__) in reached
            assert {*package.glob("*.so")} <= reached
            assert not (judges | decide) & reached
            assert not any(path.parent.name == "report" for path in reached)


# ---- the lab


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A lab with two processes, and what it has said; starting them takes seconds."""
    told = {"work": 0.0, "notices": []}

    def advance(work):
        told["work"] += work

    cache = Cache(tmp_path_factory.mktemp("lab"), told["notices"].append)
    with Lab("cpu", cache, 2, advance) as lab:
        yield lab, told


@pytest.fixture
def here(cache):
    with Lab("cpu", cache, 0, lambda work: None) as lab:
        yield lab


def squares(*values, seeds=(0, 1)):
    return [Task(claims_made.square, {"value": v}, seeds, cost=1.0 + v) for v in values]


def trainings():
    rows = (HAT, Row("relu"), Row("tanh", optimiser="sgd", lr=1e-2))
    return [Task(claims_made.train, {"row": row, "steps": 30}, (0, 1), 1.0) for row in rows]


def answers(*values, seeds=(0, 1)):
    return [[{"square": v * v + s} for s in seeds] for v in values]


def test_results_keep_the_order_of_the_tasks(here, shared):
    for lab in (here, shared[0]):
        assert lab.run(squares(3, 1, 2)) == answers(3, 1, 2)
        assert lab.run(squares(2, 5, 3, 4, 1)) == answers(2, 5, 3, 4, 1)  # some kept, some not
        assert lab.run([]) == []


def test_processes_give_the_very_numbers_that_this_process_gives(here, shared):
    lab, _ = shared
    apart, together = lab.run(trainings()), here.run(trainings())
    assert len(apart[0][0]["losses"]) == 31
    assert same(apart, together)
    assert not lab.missing(trainings())


def test_processes_run_on_the_backend_that_is_forced_here(shared):
    lab, _ = shared
    task = Task(claims_made.where, {"mark": "backend"}, (0,), 1.0)
    with use_backend("reference"):
        assert lab.run([task])[0][0]["backend"] == "reference"
    default = hatact.ops.default_backend("cpu")
    assert lab.run([task])[0][0]["backend"] == default


def test_a_source_that_changes_during_the_runs_is_an_error(shared, monkeypatch):
    lab, _ = shared
    monkeypatch.setattr(_cache, "code_version", lambda module: "as it was when the runs began")
    tasks = squares(77)
    with pytest.raises(Changed, match=r"the source of claims_made .* changed"):
        lab.run(tasks)
    assert lab.missing(tasks) == tasks


def test_equal_tasks_are_run_once(tmp_path, here):
    task = alone(claims_made.counted, mark="a", folder=str(tmp_path))
    again = alone(claims_made.counted, cost=5.0, folder=str(tmp_path), mark="a")
    other = alone(claims_made.counted, mark="b", folder=str(tmp_path))
    assert here.run([task, other, again]) == [[{"mark": "a"}], [{"mark": "b"}], [{"mark": "a"}]]
    assert len([*tmp_path.glob("a-*")]) == 1
    here.run([again])
    assert len([*tmp_path.glob("a-*")]) == 1


def test_progress_adds_up_to_the_costs(shared, cache):
    lab, told = shared
    before = told["work"]
    tasks = squares(11, 12, 13, 11)
    lab.run(tasks)
    assert told["work"] - before == pytest.approx(sum(t.cost for t in tasks[:3]))
    lab.run(tasks)
    assert told["work"] - before == pytest.approx(sum(t.cost for t in tasks[:3]))
    done = []
    with Lab("cpu", cache, 0, done.append) as lab:
        lab.run([*squares(1, 2), *trainings()[:1]])
    assert sum(done) == pytest.approx(2 + 3 + 1)


def test_missing_names_what_would_be_run(here):
    tasks = squares(1, 2, 3)
    here.run(tasks[1:2])
    assert here.missing(tasks) == [tasks[0], tasks[2]]


def test_a_lab_knows_what_a_kept_run_took_when_it_was_done(here, cache):
    tasks = squares(1, 2)
    here.run([*tasks, *tasks])
    assert here.took == {task.identity(): cache.get(task.key("cpu"))[1] for task in tasks}
    with Lab("cpu", cache, 0, lambda work: None) as again:
        again.run(tasks)
        assert again.took == here.took


def test_a_task_that_measures_time_runs_in_the_parent(shared):
    lab, _ = shared
    apart = Task(claims_made.where, {"mark": "apart"}, (0,), 1.0)
    ((inside,), (outside,)) = lab.run([alone(claims_made.where, mark="alone"), apart])
    assert inside["process"] == os.getpid() != outside["process"]
    assert inside["threads"] == outside["threads"] == 1
    assert inside["flushed"]
    assert outside["flushed"]


def subnormals_are_kept():
    return float(torch.tensor(1e-30) * torch.tensor(1e-10)) > 0


@pytest.mark.parametrize("fails", [False, True])
def test_threads_and_subnormals_are_as_before_after_a_run_in_this_process(here, fails):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        if fails:
            with pytest.raises(KeyError, match="broken"):
                here.run([alone(claims_made.broken)])
        else:
            (record,) = here.run([alone(claims_made.where, mark="a")])[0]
            assert (record["threads"], record["flushed"]) == (1, True)
        assert torch.get_num_threads() == 2
        assert subnormals_are_kept()
    finally:
        torch.set_num_threads(before)


def test_the_callers_generator_is_left_alone(here):
    state = torch.get_rng_state()
    here.run(trainings()[:1])
    assert torch.equal(torch.get_rng_state(), state)


def test_a_failure_stops_the_others_and_keeps_what_is_finished(cache, tmp_path):
    (quick,) = squares(3)
    broken = Task(claims_made.broken, {"after": str(cache.folder)}, (0,), 0.1)
    endless = Task(claims_made.endless, {"ended": str(tmp_path / "ended")}, (0,), 100.0)
    with pytest.raises(KeyError, match="broken"), Lab("cpu", cache, 2, lambda w: None) as lab:
        lab.run([broken, quick, endless])
    assert [lab.missing([task]) == [] for task in (quick, broken, endless)] == [True, False, False]
    assert not (tmp_path / "ended").exists()


def test_a_failure_in_this_process_keeps_what_is_finished(cache):
    tasks = [*squares(3), alone(claims_made.broken)]
    with pytest.raises(KeyError, match="broken"), Lab("cpu", cache, 0, lambda w: None) as lab:
        lab.run(tasks)
    assert lab.missing(tasks) == tasks[1:]


def test_a_process_that_dies_is_an_error_and_no_wait(cache, tmp_path):
    endless = Task(claims_made.endless, {"ended": str(tmp_path / "ended")}, (0,), 1.0)
    tasks = [endless, Task(claims_made.dies, {}, (0,), 1.0)]
    with pytest.raises(Died, match="finished runs are kept"), Lab("cpu", cache, 2, print) as lab:
        lab.run(tasks)
    assert lab.missing(tasks) == tasks
    assert not (tmp_path / "ended").exists()


# ---- the engine

QUICK = Settings(quick=True, seeds=2)


def run(chosen, out, settings=QUICK, **more):
    watch = Watch()
    return _engine.run(chosen, settings, out, watch, workers=0, **more), watch


def decides(verdict="reproduced", reason="since", **more):
    return lambda settings, lab: Outcome(verdict, reason, **more)


def written(out):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    text = (out / "results.json").read_text(encoding="utf-8")
    return json.loads(text, parse_constant=refuse)


CLAIM_FIELDS = [
    *("id", "paper", "title", "authors", "year", "arxiv", "name", "statement", "source"),
    *("verdict", "reason", "findings", "recorded", "as_recorded", "quick", "command", "seconds"),
    *("wall_seconds", "measures", "tables", "figures", "values", "timing"),
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
        tables=[{"title": "t", "columns": ["a"], "rows": [["1"]]}],
        figures=[{"kind": "curves", "panels": ()}],
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
        "name": "Of one",
        "statement": "A thing holds.",
        "source": "nowhere",
        "verdict": "partly",
        "reason": "because",
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
        "figures": [{"kind": "curves", "panels": []}],
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
        claim("two", judge, lambda settings: tasks),
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
    ((work, _, runs, missing),) = watch.plans
    assert (work, runs, missing) == (1, 3, 1)
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
    cost = sum(task.cost for task in tasks)
    for more, missing in (({}, 3), ({}, 0), ({"fresh": True}, 3)):
        _, watch = run(chosen, tmp_path, **more)
        ((work, seconds, runs, missed),) = watch.plans
        assert (runs, missed) == (3, missing)
        assert work == pytest.approx(cost if missing else 0)
        assert watch.work == pytest.approx(work)
        assert seconds > 0 if missing else seconds is None


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


def test_the_expected_time_is_the_work_over_the_workers_and_at_least_the_longest(cache):
    tasks = [*squares(1, 1, 1, 1), alone(claims_made.where, cost=10.0, mark="")]
    for workers, seconds in ((0, 18), (1, 18), (2, 14), (4, 12), (9, 12)):
        with Lab("cpu", cache, workers, lambda work: None) as lab:
            assert _engine.expected(tasks, lab) == seconds
    with Lab("cpu", cache, 2, lambda work: None) as lab:
        assert _engine.expected([*squares(0, 9)], lab) == 10
        assert _engine.expected([], lab) == 0


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"format": 2, "environment": {"hatact": "0.0.1"}}', "results-0.0.1-format-2.json"),
        ('{"environment": {"hatact": "0.0.1"}, "claims": []}', "results-0.0.1-format-1.json"),
        (f'{{"format": 3, "environment": {{"hatact": "{hatact.__version__}"}}}}', None),
        ('{"format": 2}', "results-unreadable.json"),
        ("[]", "results-unreadable.json"),
        ("null", "results-unreadable.json"),
        ('{"format": 2, "envir', "results-unreadable.json"),
        ("", "results-unreadable.json"),
    ],
)
def test_results_of_another_version_are_kept_aside_and_said(tmp_path, text, kept):
    kept = kept or f"results-{hatact.__version__}-format-3.json"
    for name in (kept, kept.replace(".json", "-2.json"), kept.replace(".json", "-3.json")):
        (tmp_path / "results.json").write_text(text)
        _, watch = run(paper(claim("one", decides())), tmp_path)
        assert (tmp_path / name).read_text() == text
        (said,) = watch.notices
        assert said.endswith(f"kept as {name}")
        assert written(tmp_path)["format"] == 2


def test_results_of_this_version_are_replaced(tmp_path):
    for verdict in ("partly", "reproduced"):
        _, watch = run(paper(claim("one", decides(verdict))), tmp_path)
        assert not watch.notices
        assert written(tmp_path)["claims"][0]["verdict"] == verdict
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", ".lock"}


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
        with pytest.raises(_engine.InUse, match="another verification is writing into"):
            run(chosen, tmp_path)
        assert not (tmp_path / "results.json").exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
        run(chosen, tmp_path)


def test_the_folder_is_held_from_the_first_claim_to_the_last_and_then_free(tmp_path):
    def judge(settings, lab):
        with pytest.raises(_engine.InUse):
            run(paper(claim("inner", decides())), tmp_path)
        raise ZeroDivisionError

    for _ in range(2):  # the failure has let it go
        with pytest.raises(ZeroDivisionError):
            run(paper(claim("one", judge)), tmp_path)
    run(paper(claim("one", decides())), tmp_path / "made" / "on the way")


# ---- a kill


VARYING = ("seconds", "wall_seconds", "timing")


def comparable(out):
    data = written(out)
    del data["environment"]["started"]
    return data | {
        "claims": [{k: v for k, v in c.items() if k not in VARYING} for c in data["claims"]]
    }


def kept(out):
    timed = claims_killed.TIMED.key("cpu")["run"]
    return {
        name: (entry["key"], entry["value"])
        for name, entry in claims_killed.entries(out).items()
        if entry["key"]["run"] != timed
    }


def test_a_verification_killed_again_and_again_comes_to_the_same_results(tmp_path):
    """Killed by SIGKILL at seeded random moments; then against one that nobody disturbed."""
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    mark = f"{os.getpid()}-{time.time_ns()}"
    said = tmp_path / "said"  # a file: processes that outlive their parent would hold a pipe open
    with said.open("w") as file:
        done = subprocess.run(
            [sys.executable, "-m", "claims_killed", killed],
            cwd=TESTS,
            env={**os.environ, claims_killed.MARK: mark},
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
    _engine.run(claims_killed.PAPERS, claims_killed.SETTINGS, undisturbed, Watch(), workers=0)

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
