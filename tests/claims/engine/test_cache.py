"""What is kept of a run, and what identifies it."""

import json
import math
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch

import hatact
from hatact import _kept, _sources, use_backend
from hatact._files import write_whole
from hatact._kept import Cache
from hatact._sources import code_version
from hatact.claims import Settings, papers
from hatact.claims.engine import keys
from hatact.claims.engine.keys import key_of
from hatact.claims.engine.lab import Lab, Task
from hatact.claims.engine.runs import Row
from tests.support import claims_made
from tests.support.claims_made import alone, same

INF, NAN = math.inf, math.nan
HAT = Row("hat", 2)


KEY = {"run": "a", "arguments": {"x": 1}}


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


def checked(text, **changes):
    """With a checksum that is right, where one can be formed."""
    entry = {**json.loads(text), **changes}
    check = _kept._digest([entry[name] for name in ("key", "seconds", "value")])
    return json.dumps({**entry, "check": check})


def with_value(text, value):
    return text.replace(json.dumps(json.loads(text)["value"]), value)


DEEP = 100_000
DIGITS = f'"seconds": {"9" * 5000}'
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
    "a string": lambda text: '"key seconds check value"',
    "a number": lambda text: "1.5",
    "a number of 5000 digits": lambda text: "9" * 5000,
    "a deep list": lambda text: "[" * DEEP + "]" * DEEP,
    "a deep object": lambda text: '{"key":' * DEEP,
    "a deep value": lambda text: with_value(text, "[" * DEEP + "]" * DEEP),
    "seconds of 401 digits": lambda text: checked(text, seconds=10**400),
    "seconds of 5000 digits": lambda text: re.sub('"seconds": [^,]*', DIGITS, text),
    "no number of seconds": lambda text: checked(text, seconds=NAN),
    "seconds for ever": lambda text: checked(text, seconds=INF),
    "seconds below 0": lambda text: checked(text, seconds=-1.0),
    "seconds in a truth value": lambda text: checked(text, seconds=True),
    "seconds as text": lambda text: checked(text, seconds="1.0"),
    "seconds in a list": lambda text: checked(text, seconds=[1.0]),
    "no seconds, null": lambda text: checked(text, seconds=None),
    "half of a character": lambda text: changed(text, value="\ud800"),
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
    assert text.startswith(f"the kept run {path.name} is corrupted (")
    assert text.endswith("): it is done again")
    assert len(text.splitlines()) == 1
    assert len(text) < 300
    cache.put(KEY, value, 1.0)
    assert entry(cache).read_bytes() == sound
    assert cache.get(KEY) == (value, 1.0)
    assert len(said) == 1


def test_a_value_or_a_key_of_any_depth_is_noticed(cache, said):
    """At some depth an entry is read and then too deep for its checksum."""
    cache.put(KEY, "of any depth", 1.0)
    sound = entry(cache).read_text()
    for text in (sound, sound.replace('"arguments": {"x": 1}', '"arguments": "of any depth"')):
        for depth in range(850, 1000):
            deep = text.replace('"of any depth"', "[" * depth + "]" * depth, 1)
            entry(cache).write_text(deep)
            assert not cache.holds(KEY)
            assert cache.get(KEY) is None
    assert len(said) == 300
    assert all("nested too deep" in text or "checksum" in text for text in said)


def test_a_lack_of_memory_is_no_corruption(cache, said, monkeypatch):
    def full(*_):
        raise MemoryError

    cache.put(KEY, 1, 1.0)
    monkeypatch.setattr(json, "loads", full)
    for take in (cache.get, cache.holds):
        with pytest.raises(MemoryError):
            take(KEY)
    assert not said


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
    assert _kept._digest(key(**changes)) != _kept._digest(key())


def test_the_key_of_equal_runs_is_equal_whatever_they_cost():
    assert key(arguments={"steps": 5, "row": Row("hat", 2)}, cost=2.0) == key()
    json.dumps(key(), allow_nan=False)


def test_the_key_of_a_run_that_measures_time_names_the_machine(monkeypatch):
    digests = [_kept._digest(key()), _kept._digest(key(alone=True))]
    monkeypatch.setattr(os, "cpu_count", lambda: 1234)
    assert _kept._digest(key()) == digests[0]
    digests.append(_kept._digest(key(alone=True)))
    assert len(set(digests)) == 3


def test_the_key_changes_with_the_version_of_the_package_that_data_come_from(copied, monkeypatch):
    before = version("hatact.claims.targets.images"), version("hatact.claims.targets.sines")
    monkeypatch.setattr(_sources, "_installed", lambda distribution: f"{distribution} 99")
    assert version("hatact.claims.targets.images") != before[0]
    assert version("hatact.claims.targets.sines") == before[1]


def test_the_key_changes_with_torch_the_backend_the_device_and_the_code(monkeypatch):
    digests = [_kept._digest(key())]
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "9.9.9")
        digests.append(_kept._digest(key()))
    with monkeypatch.context() as patch:
        patch.setattr(keys, "code_version", lambda module: "another")
        digests.append(_kept._digest(key()))
    with monkeypatch.context() as patch:
        patch.setattr(keys, "_capability", lambda: "another")
        digests.append(_kept._digest(key()))
    if hatact.ops.current_backend("cpu") != "reference":
        with use_backend("reference"):
            digests.append(_kept._digest(key()))
    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
        arguments = {"row": HAT, "steps": 5, "seeds": (0, 1)}
        on_gpu = key_of(claims_made.train, arguments, "cuda")
        assert on_gpu["device"] == "A GPU"
        digests.append(_kept._digest(on_gpu))
    assert _kept._digest(key()) == digests[0]
    assert len(set(digests)) == len(digests)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of hatact's sources, in which modules are looked up."""
    package = Path(hatact.__file__).parent
    copy = tmp_path / "hatact"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    (copy / "_cpu.so").write_bytes(b"machine code")

    def file(module):
        path = tmp_path.joinpath(*module.split("."))
        found = [p for p in (path / "__init__.py", path.with_suffix(".py")) if p.is_file()]
        return found[0] if found else None

    monkeypatch.setattr(_sources, "_file", file)
    code_version.cache_clear()
    yield copy
    code_version.cache_clear()


TRAINED = "hatact.claims.targets.sines"


def version(module=TRAINED):
    code_version.cache_clear()
    return code_version(module)


@pytest.mark.parametrize(
    "file",
    [
        "claims/targets/sines.py",
        "claims/engine/runs.py",
        "analysis/tracked.py",
        "analysis/spectrum.py",
        "activations/hat.py",
        "activations/srelu.py",
        "nn/activations.py",
        "autograd/_activation.py",
        "ops.py",
        "reference.py",
        "spec.py",
        "__init__.py",
        "_cpu.so",
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
        "analysis/__init__.py",
        "analysis/gram.py",
        "baselines/__init__.py",
        "baselines/lessons.py",
        "claims/__init__.py",
        "claims/engine/results.py",
        "claims/engine/study.py",
        "claims/targets/images.py",
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
    found = _sources.sources("hatact.made.a")
    names = [path.stem for path in found if path.parent == folder]
    assert names == ["__init__", "a", "b", "c", "d", "e"]
    assert not any(path.suffix == ".so" for path in found)  # no backend is reached


@pytest.mark.parametrize("setting", ["quick", "full"])
def test_no_run_of_any_paper_hangs_on_a_claims_file_or_on_a_report(setting):
    settings = Settings(setting == "quick", 2)
    package = Path(hatact.__file__).parent
    decided = ("__init__.py", "engine/results.py", "engine/study.py", "engine/claim.py")
    decide = {package / "claims" / name for name in decided}
    decide |= {*(package / "claims" / "figures").glob("*.py"), *package.glob("report/*.py")}
    decide |= {package / room / "__init__.py" for room in ("analysis", "baselines", "optim")}
    for found in papers().values():
        judges = {Path(sys.modules[c.judge.__module__].__file__) for c in found.claims}
        for run in {task.run for c in found.claims for task in c.tasks(settings)}:
            reached = {*_sources.sources(run.__module__)}
            assert Path(sys.modules[run.__module__].__file__) in reached
            assert {*package.glob("*.so")} <= reached
            assert not (judges | decide) & reached
            assert not any(path.parent.name == "report" for path in reached)
