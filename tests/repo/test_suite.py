"""The rules that the suite is held to: where its parts come from, markers, what a test leaves."""

import ast
import re

import pytest
import torch

from tests.support import combinations
from tests.support.layouts import LAYOUTS, POOL
from tests.support.repository import ROOT, TESTS, Pytest, copied

FILES = sorted(TESTS.rglob("*.py"))


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module or ''}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_is_imported(path):
    """What two tests share lies in tests/support, and is named from there."""
    for name in _imported(path):
        assert not name.startswith("."), name
        if name.split(".")[0] == "tests":
            assert name.startswith("tests.support"), name


def test_the_tiers_of_make_are_markers():
    tiers = re.search(r"^TIERS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    markers = re.findall(r'^    "(\w+): ', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert set(tiers.split(" or ")) == set(markers) - {"timing", "apart"}


def _run(folder, test, *options):
    """What a pytest says of one test, in a copy of the repository."""
    copied(folder, "*.so", "test_*.py")
    (folder / "tests" / "test_it.py").write_text(test)
    return Pytest(folder, folder / ".said", "tests/test_it.py", *options).ended()


WORKERS = """
import os, pytest

@pytest.fixture(scope="module")
def made():
    print("made by", os.environ["PYTEST_XDIST_WORKER"])

@pytest.mark.parametrize("i", range(20))
def test_of_one_fixture(made, i): pass

def test_of_it_too(made): pass
"""
TIMED = """
import os, time, pytest

@pytest.mark.timing
@pytest.mark.parametrize("i", range(20))
def test_time(i): print("timed by", os.environ["PYTEST_XDIST_WORKER"])

@pytest.mark.timing
def test_time_too(): print("timed by", os.environ["PYTEST_XDIST_WORKER"])

@pytest.mark.parametrize("i", range(20))
def test_function(i): print("called in", __name__, "by", os.environ["PYTEST_XDIST_WORKER"])

@pytest.mark.apart
@pytest.mark.parametrize("i", range(8))
def test_apart(i): time.sleep(0.1); print("apart by", os.environ["PYTEST_XDIST_WORKER"])
"""


@pytest.mark.slow
def test_what_belongs_together_goes_to_one_worker(tmp_path):
    """A module's fixture is made once, tests that look at time take turns, functions stay whole."""
    pytest.importorskip("xdist")
    copied(tmp_path, "*.so", "test_*.py")
    for name, text in (("made", WORKERS), ("timed", TIMED), ("timed_too", TIMED)):
        (tmp_path / "tests" / f"test_{name}.py").write_text(text)
    status, said = Pytest(tmp_path, tmp_path / ".said", "tests", "-n", "2", "-rP").ended()
    assert status == 0, said
    assert len(re.findall("^made by", said, re.MULTILINE)) == 1
    timed = re.findall(r"^timed by (\w+)", said, re.MULTILINE)
    assert (len(timed), len(set(timed))) == (42, 1)
    called = re.findall(r"^called in (\S+) by (\w+)", said, re.MULTILINE)
    assert (len(called), len(set(called))) == (40, 2), "a function's calls are one worker's"
    assert len(set(re.findall(r"^apart by (\w+)", said, re.MULTILINE))) == 2


LEAVES = {  # what a test does, and what is then said of it
    "os.environ['LEFT'] = '1'": "the variable LEFT, now '1'",
    "del os.environ['HOME']": "the variable HOME, now None",
    "os.chdir('tests')": "the working directory, now ",
    "open('left.txt', 'w').close()": "/left.txt",
    "torch.set_default_dtype(torch.float64)": "torch's default dtype, now torch.float64",
    "torch.set_grad_enabled(False)": "torch's gradients switched",
    "torch.set_float32_matmul_precision('high')": "float32 products, now high",
    "torch.set_default_device('meta')": "torch's default device, now meta",
    "torch.set_flush_denormal(True)": "denormal numbers are flushed: True",
    "kept.__enter__()": "use_backend('reference') entered",
    "open('tests/support/within.txt', 'w').close()": None,  # said at the end
}


@pytest.mark.slow
def test_a_test_that_leaves_something_behind_is_red(tmp_path):
    tests = [f"def test_{i}(): {does}\n" for i, does in enumerate(LEAVES)]
    clean = "def test_clean():\n    assert 'LEFT' not in os.environ and 'HOME' in os.environ\n"
    status, said = _run(
        tmp_path,
        "import os, time, torch, hatact\nkept = hatact.use_backend('reference')\n"
        + "".join(tests)
        + clean,
    )
    assert status == 1, said
    assert f"{len(LEAVES) + 1} passed, {len(LEAVES) - 1} errors" in said
    for i, says in enumerate(LEAVES.values()):
        if says:
            part = said.split(f"ERROR at teardown of test_{i} ")[1]
            assert says in re.search(r"the test left behind: (.*)", part)[1]
    left = re.search(r"the tests left, .*, in the repository: (.*)", said)[1]
    assert [path.split("/")[-1] for path in left.split(", ")] == ["left.txt", "within.txt"]


@pytest.mark.slow
def test_a_file_alone_is_enough_to_be_red(tmp_path):
    status, said = _run(tmp_path, "def test(): open('tests/support/left.txt', 'w').close()\n")
    assert status == 1, said
    assert "in the repository: " in said


@pytest.mark.slow
def test_a_report_that_was_asked_for_is_no_test_s(tmp_path):
    """As `make gpu` has it."""
    report = tmp_path / "bench" / "report.xml"
    status, said = _run(tmp_path, "def test(): pass\n", f"--junitxml={report}")
    assert (status, report.exists()) == (0, True), said


UNKNOWN = {
    "on a test": ("import pytest\n@pytest.mark.slwo\ndef test(): pass", (), "'slwo' not found"),
    "asked for": ("def test(): pass", ("-m", "not slwo"), "no marker of this suite: slwo"),
    "an address": (
        "import pytest\n@pytest.mark.parametrize('x', [1], ids=['0x7fce9caeac00'])\n"
        "def test(x): pass",
        (),
        "an address is no part of a test's id",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", UNKNOWN)
def test_a_marker_that_does_not_exist_and_an_address_are_errors(tmp_path, what):
    test, options, says = UNKNOWN[what]
    status, said = _run(tmp_path, f"{test}\n", *options)
    assert status not in (0, 1, 5), said
    assert says in said


def test_layouts_are_told_apart():
    """What `make combinations` counts."""

    def named(layout):
        x = LAYOUTS[layout](torch.zeros(POOL))
        return combinations.layout_of(x.shape, x.stride(), x.storage_offset() % 4 == 0)

    assert {name: named(name) for name in LAYOUTS} == {
        "contiguous": "contiguous",
        "transposed": "transposed",
        "permuted": "transposed",
        "sliced": "strided",
        "sliced_2d": "strided",
        "rows": "rows",
        "unaligned": "unaligned",
        "expanded": "expanded",
        "expanded_inner": "expanded",
        "expanded_scalar": "expanded",
        "overlapping": "overlapping",
        "channels_last": "channels last",
        "channels_last_3d": "channels last",
        "size_one": "transposed",
        "empty": "empty",
        "empty_transposed": "empty",
        "scalar": "scalar",
    }
