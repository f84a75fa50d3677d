"""What `pip` makes of a checkout: by a compiler that only says that it compiles."""

import errno
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import torch
from torch.utils import cpp_extension

from tests.support.building import imported, script, toolkit_in
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
    return str(script(folder / "cxx", COMPILER.format(fails=fails)))


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
    """One without a compiler every platform too."""
    status, said = pip(checkout, CXX=compiler(tmp_path))
    assert status == 0, said
    tag, libraries = wheel(checkout)
    assert tag.startswith("py3-none-linux_")
    assert libraries == {"hatact/_cpu.so"}
    status, said = pip(checkout, CXX="no-such-compiler")
    assert status == 0, said
    assert wheel(checkout) == ("py3-none-any", set())


@pytest.mark.parametrize("cxx", ["compiler", "no-such-compiler"])
def test_what_an_earlier_build_left_is_not_packed(cxx, checkout, tmp_path):
    """setuptools packs whatever its build folder holds."""
    platform = f"lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    for folder in (f"build/{platform}/hatact", "build/lib/hatact", "hatact"):
        for name in ("_cpu.so", "_cuda.so", "_cuda.abi3.so"):
            left = checkout / folder / name
            left.parent.mkdir(parents=True, exist_ok=True)
            left.write_text("left")
    status, said = pip(checkout, CXX=compiler(tmp_path) if cxx == "compiler" else cxx)
    assert status == 0, said
    assert (checkout / "build" / platform / "hatact" / "__init__.py").exists() is (
        cxx == "compiler"
    )
    assert wheel(checkout)[1] == ({"hatact/_cpu.so"} if cxx == "compiler" else set())


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
    """An editable build leaves its libraries in the checkout, and none of an older one.

    A failing one leaves what there was.
    """
    folder = checkout / "hatact"
    older = {"_cpu.abi3.so", "_cpu.so", "_cuda.so"}
    for name in older:
        (folder / name).write_text("of an older build")
    command = ("install", "--target", str(tmp_path / "site"), "--editable", ".")
    status, said = pip(checkout, *command, CXX=compiler(tmp_path, "mlp_cpu.cpp"))
    assert status != 0
    assert {path.name for path in folder.glob("*.so")} == older
    status, said = pip(checkout, *command, CXX=compiler(tmp_path))
    assert status == 0, said
    assert [path.name for path in folder.glob("*.so")] == ["_cpu.so"]
    assert (folder / "_cpu.so").read_text() == "compiled\n"


@pytest.fixture
def builder(tmp_path, monkeypatch):
    """setup.py, and its build_ext of both libraries in a folder that has old ones."""
    setup = imported("setup.py")
    monkeypatch.chdir(tmp_path)
    names = ("hatact._cpu", "hatact._cuda")
    modules = [setup.setuptools.Extension(name, []) for name in names]
    of = setup.setuptools.Distribution({"name": "hatact", "ext_modules": modules})
    command = setup.build_command()(of)
    command.extensions, command.build_lib, command.inplace = modules, "new", True
    for age in ("new", "old"):
        folder = tmp_path / ("new/hatact" if age == "new" else "hatact")
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name[7:]}.so").write_text(age)
    return setup, command


def _in(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_disk_that_fills_leaves_the_libraries_as_they_were(builder, tmp_path, monkeypatch):
    """They are copied beside the old ones; once all are whole they take their places."""
    setup, command = builder
    copy, copied = shutil.copy2, []

    def full(source, target):
        copied.append(target)
        if len(copied) == 2:
            Path(target).write_text("n")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)
        return copy(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(setup.shutil, "copy2", full)
        with pytest.raises(OSError, match="No space left"):
            command.copy_extensions_to_source()
    assert _in(tmp_path / "hatact") == {"_cpu.so": "old", "_cuda.so": "old"}
    (tmp_path / "hatact" / "_cuda.abi3.so").write_text("older")
    command.copy_extensions_to_source()
    assert _in(tmp_path / "hatact") == {"_cpu.so": "new", "_cuda.so": "new"}


def test_a_toolkit_is_checked_before_anything_is_built(builder, tmp_path, monkeypatch):
    _, command = builder
    script(tmp_path / "bin" / "nvcc", "#!/bin/sh\necho no license; exit 1\n")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    with pytest.raises(SystemExit, match=r"must compile and link with .* said 'no license'"):
        command.run()


def test_the_cuda_library_of_the_nvcc_on_the_path(builder, tmp_path, monkeypatch):
    """A script elsewhere, of which torch would take the folder for the toolkit's."""
    setup, _ = builder
    home = toolkit_in(tmp_path / "cuda")
    script(tmp_path / "first" / "nvcc", f'#!/bin/sh\nexec {home}/bin/nvcc "$@"\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'first'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_HOME", "")
    monkeypatch.delenv("TORCH_CUDA_ARCH_LIST", raising=False)
    monkeypatch.setenv("CXX", "sh")
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # of which torch can use none
    monkeypatch.setattr(cpp_extension, "CUDA_HOME", str(home))
    monkeypatch.setattr(cpp_extension, "CUDNN_HOME", None)
    _, cuda = setup.extensions()
    assert os.environ["CUDA_HOME"] == str(home)
    assert cuda.name == "hatact._cuda"
    assert "-gencode=arch=compute_90,code=compute_90" in cuda.extra_compile_args["nvcc"]
    monkeypatch.setenv("HATACT_NO_CUDA", "1")
    assert [library.name for library in setup.extensions()] == ["hatact._cpu"]


def test_the_path_stays_first():
    """What the user put on it serves, not what lies beside this Python."""
    first, last = imported("setup.py").with_ninja("/first").split(os.pathsep)
    assert first == "/first"
    assert Path(last, Path(sys.executable).name).exists()


def test_what_it_is_built_with_must_be_there(checkout, tmp_path, monkeypatch):
    setup = imported("setup.py")
    monkeypatch.chdir(checkout)
    version = torch.torch_version.TorchVersion
    for torch_is in (f"{OLDEST}+cu130", "2.11.0a0+git1", "3.0.0"):
        monkeypatch.setattr(torch, "__version__", version(torch_is))
        setup.check_torch()
    monkeypatch.setattr(torch, "__version__", version("2.9.1"))
    with pytest.raises(SystemExit, match=r"hatact: it needs torch >= [\d.]+; got 2\.9\.1"):
        setup.check_torch()
    (checkout / "torch.py").write_text("raise ModuleNotFoundError('No module named torch')")
    status, said = pip(checkout, CXX=compiler(tmp_path))
    assert status != 0
    assert "hatact: it is built against torch, which is not installed here" in said
    run = subprocess.run(
        [sys.executable, "-c", OLD_SETUPTOOLS],
        cwd=checkout,
        env=environment(checkout),
        capture_output=True,
        text=True,
    )
    assert "hatact: it is built by setuptools >= 77; got 75.8.0" in run.stderr
    assert "Traceback" not in run.stderr


OLD_SETUPTOOLS = """
import runpy, setuptools
setuptools.__version__ = "75.8.0"
runpy.run_path("setup.py", run_name="__main__")
"""


def test_the_oldest_torch_that_is_declared_is_the_oldest_that_is_tested():
    declared = re.findall(r'"torch>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert [f"{version}.0" for version in declared] == [OLDEST, OLDEST], (
        "to build with, to run with"
    )
