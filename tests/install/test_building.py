"""What `pip` makes of a checkout: by a compiler that only says that it compiles."""

import errno
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from tests.support.building import imported
from tests.support.environments import OLDEST
from tests.support.repository import ROOT, checked_out, environment

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists() or shutil.which("git") is None or sys.platform != "linux",
    reason="needs a checkout, and Linux",
)

# Writes what it was asked for, unless it is asked for what it cannot do.
COMPILER = """#!/bin/sh
case "$*" in *"{fails}"*) echo "{fails}: internal compiler error" >&2; exit 4 ;; esac
while [ $# -gt 0 ]; do
  case "$1" in
    -o) echo compiled > "$2" ;;
    -MF) : > "$2" ;;
  esac
  shift
done
"""


@pytest.fixture
def checkout(tmp_path):
    return checked_out(tmp_path / "checkout")


def compiler(folder: Path, fails: str = "no such source") -> str:
    path = folder / "cxx"
    path.write_text(COMPILER.format(fails=fails))
    path.chmod(0o755)
    return str(path)


OFFLINE = ("--no-build-isolation", "--no-deps", "--no-index", "--no-cache-dir")


def pip(checkout: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """The exit status, and what is said, of `pip wheel`, or of what else is asked for."""
    command = arguments or ("wheel", "-w", str(checkout / "wheels"), ".")
    run = subprocess.run(
        [sys.executable, "-m", "pip", *command, *OFFLINE],
        cwd=checkout,
        env=environment(checkout, HATACT_NO_CUDA="1", **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return run.returncode, run.stdout


def wheel(checkout: Path) -> tuple[str, set[str]]:
    """The tag of the only wheel, and the libraries in it."""
    (path,) = (checkout / "wheels").glob("*.whl")
    names = zipfile.ZipFile(path).namelist()
    path.unlink()
    assert "hatact/py.typed" in names
    return path.stem.split("-", 2)[2], {name for name in names if name.endswith(".so")}


def test_a_wheel_serves_every_python(checkout, tmp_path):
    """One without a compiler every platform too: what an earlier build left is not in it."""
    status, said = pip(checkout, CXX=compiler(tmp_path))
    assert status == 0, said
    tag, libraries = wheel(checkout)
    assert tag.startswith("py3-none-linux_")
    assert libraries == {"hatact/_cpu.so"}
    assert list((checkout / "build").rglob("_cpu.so")), "the earlier build"
    left = next((checkout / "build").rglob("_cpu.so")).with_name("_cuda.abi3.so")
    left.write_text("of an older hatact")
    (checkout / "hatact" / "_cpu.so").write_text("built in place")
    status, said = pip(checkout, CXX="no-such-compiler")
    assert status == 0, said
    assert wheel(checkout) == ("py3-none-any", set())


def test_a_compiler_that_fails_in_the_middle(checkout, tmp_path):
    status, said = pip(checkout, CXX=compiler(tmp_path, "mlp_cpu.cpp"))
    assert status != 0
    assert "mlp_cpu.cpp: internal compiler error" in said
    assert "hatact: a library could not be built, so nothing is installed. " in said
    assert not list((checkout / "wheels").glob("*"))
    status, said = pip(checkout, CXX=compiler(tmp_path, "-shared"))
    assert status != 0
    assert "hatact: a library could not be built, so nothing is installed. " in said
    assert not list((checkout / "wheels").glob("*"))


def test_in_place(checkout, tmp_path):
    """An editable build leaves its libraries in the checkout, and none of an older one."""
    older = checkout / "hatact" / "_cpu.abi3.so", checkout / "hatact" / "_cuda.so"
    for path in older:
        path.write_text("of an older build")
    command = ("install", "--target", str(tmp_path / "site"), "--editable", ".")
    status, said = pip(checkout, *command, CXX=compiler(tmp_path))
    assert status == 0, said
    assert [path.name for path in (checkout / "hatact").glob("*.so")] == ["_cpu.so"]
    assert (checkout / "hatact" / "_cpu.so").read_text() == "compiled\n"


def test_a_disk_that_fills_leaves_the_library_as_it_was(tmp_path, monkeypatch):
    """A library is copied beside the old one, then takes its place."""
    setup = imported("setup.py")
    libraries = setup.build_command()(setup.setuptools.Distribution({"name": "hatact"}))
    new, old = tmp_path / "new.so", tmp_path / "hatact" / "_cpu.so"
    old.parent.mkdir()
    new.write_text("new")
    old.write_text("old")

    def full(self, source, target, *args, **options):
        Path(target).write_text("n")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)

    with monkeypatch.context() as patched:
        patched.setattr(setup.setuptools.Command, "copy_file", full)
        with pytest.raises(OSError, match="No space left"):
            libraries.copy_file(str(new), str(old))
        assert [path.name for path in old.parent.iterdir()] == ["_cpu.so"]
        assert old.read_text() == "old"
    assert libraries.copy_file(str(new), str(old))[0] == str(old)
    assert old.read_text() == "new"


def test_what_it_is_built_with_must_be_there(checkout, tmp_path, monkeypatch):
    setup = imported("setup.py")
    monkeypatch.chdir(checkout)
    monkeypatch.setattr(torch, "__version__", torch.torch_version.TorchVersion("2.9.1"))
    with pytest.raises(SystemExit, match=r"hatact: it needs torch >= [\d.]+; got 2\.9\.1"):
        setup.extensions()
    (checkout / "torch.py").write_text("raise ModuleNotFoundError('No module named torch')")
    status, said = pip(checkout, CXX=compiler(tmp_path))
    assert status != 0
    assert "hatact: it is built against torch, which is not installed here" in said
    (checkout / "torch.py").unlink()
    run = subprocess.run(
        [sys.executable, "-c", OLD_SETUPTOOLS],
        cwd=checkout,
        env=environment(checkout),
        capture_output=True,
        text=True,
    )
    assert "hatact: it is built by setuptools >= 77; got " in run.stderr
    assert "Traceback" not in run.stderr


OLD_SETUPTOOLS = """
import runpy, sys
sys.modules["setuptools.command.bdist_wheel"] = None
runpy.run_path("setup.py", run_name="__main__")
"""


def test_the_oldest_torch_that_is_declared_is_the_oldest_that_is_tested():
    declared = re.findall(r'"torch>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert [f"{version}.0" for version in declared] == [OLDEST, OLDEST], (
        "to build with, to run with"
    )
