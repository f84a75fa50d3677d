"""hatact on the torch versions that it declares, in CUDA builds: built, loaded and tested there.

`--torch oldest` (the default) takes one environment, of 5 GB and some minutes; `--torch all` takes
the others too: newer torch, and other Pythons where they are at hand.
"""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from tests.support.building import imported
from tests.support.environments import NEWEST, OLDEST, VERSIONS, Environment, interpreter
from tests.support.repository import ROOT, TESTS, checked_out, environment

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
# Eager, compiled and exported: activations, linear layers, whole networks, cascades, modules.
SELECTION = (
    *("tests/ops/test_every_function.py", "tests/ops/test_export.py", "tests/nn"),
    *("tests/ops/linear_act", "tests/ops/mlp", "tests/ops/cascade"),
    *("tests/ops/ppoly/test_compile.py", "tests/ops/slope_code/test_compile.py"),
    *("-m", "not (slow or timing)", "-k", "not reference"),
)
BUILT = "the CUDA kernels are built; no CUDA device is seen"


class Pair(NamedTuple):
    """A Python and a torch."""

    python: str
    torch: str

    def __str__(self) -> str:
        return f"torch-{self.torch}-python-{self.python}"


PAIRS = [Pair(HERE, version) for version in VERSIONS]
PAIRS += [pair for pair in (Pair("3.10", OLDEST), Pair("3.13", NEWEST)) if pair not in PAIRS]

pytestmark = [
    pytest.mark.torch_versions,
    pytest.mark.skipif(
        sys.platform != "linux" or not (ROOT / ".git").exists() or shutil.which("c++") is None,
        reason="needs Linux, a checkout and a C++ compiler",
    ),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pair" in metafunc.fixturenames:
        every = metafunc.config.getoption("--torch") == "all"
        pairs = PAIRS if every else PAIRS[:1]
        metafunc.parametrize("pair", pairs, ids=str, scope="module")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return checked_out(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def place(pair, tmp_path_factory):
    """The environment of a pair, which is removed whatever comes of it: it takes 5 GB."""
    python = interpreter(pair.python)
    if python is None:
        pytest.skip(f"there is no Python {pair.python} here")
    folder = tmp_path_factory.mktemp("environments") / str(pair)
    try:
        yield Environment(folder, python, pair.torch)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Built(NamedTuple):
    """A wheel, and what pip and the compilers said when it was built."""

    path: Path
    said: str

    def libraries(self, folder: Path) -> list[Path]:
        with zipfile.ZipFile(self.path) as file:
            names = [name for name in file.namelist() if name.endswith(".so")]
            return [Path(file.extract(name, folder)) for name in sorted(names)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A function from a place to the one wheel, which the first place builds."""
    built = []

    def of(place: Environment, checkout: Path) -> Built:
        if not built:
            folder = tmp_path_factory.mktemp("wheel")
            built.append(Built(*place.wheel(checkout, folder, "--no-build-isolation")))
        return built[0]

    return of


def check_contents(built: Built, torch_cuda: str, folder: Path) -> None:
    """Both libraries where nvcc serves, nothing of one Python, and not a warning."""
    toolkit = imported("csrc/cuda_toolkit.py")
    why = toolkit.why_none(torch_cuda, toolkit.find())
    libraries = built.libraries(folder)
    names = ["_cpu.so"] if why else ["_cpu.so", "_cuda.so"]
    assert [path.name for path in libraries] == names, why
    assert why is None or f"hatact: {why}: building without the CUDA kernels" in built.said
    assert re.search(r"-py3-none-linux_\w+\.whl$", built.path.name)
    for path in libraries:
        command = ["nm", "-D", "--undefined-only", path]
        undefined = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "aoti_torch_" in undefined
        assert not re.search(r" _?Py[A-Z_]", undefined)
    assert not re.findall(r"^.*[:(]\d+\)?: warning.*$", built.said, re.MULTILINE)
    assert built.said.count("\n") < 2000


def check_installed(place: Environment, pair: Pair, has_cuda: bool) -> str:
    """Its torch's CUDA. Loading the library registers every CUDA kernel, and nothing did before."""
    found = place.asks("installed")
    assert re.match(rf"{re.escape(pair.torch)}\b", found["torch"])
    assert found["python"].startswith(f"{pair.python}.")
    assert found["folder"].startswith(str(place.folder))
    assert found["devices"][0] == "cpu"
    if has_cuda and not found["gpu"]:
        assert found["reasons"] == {"cuda": BUILT}
        assert found["before"] == []
    if has_cuda:
        assert found["missing"] == []
        assert "ppoly_encode" in found["after"]
    return found["cuda"]


def test_one_wheel_serves(pair, place, wheel, checkout, tmp_path):
    """The oldest torch builds it; others, and other Pythons, install it and load its libraries."""
    built = wheel(place, checkout)
    place.install(built.path)
    has_cuda = len(built.libraries(tmp_path)) == 2
    cuda = check_installed(place, pair, has_cuda)
    if pair == PAIRS[0]:
        check_contents(built, cuda, tmp_path)


def test_values_are_those_of_the_torch_here(pair, place, wheel, checkout):
    """To the last bit: of a build for CPUs, if this torch is one."""
    place.install(wheel(place, checkout).path)
    here = subprocess.run(
        [sys.executable, TESTS / "support" / "children" / "eager_values.py"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert place.asks("eager_values") == json.loads(here.stdout)


def test_the_suite(pair, place, wheel, checkout, tmp_path):
    place.install(wheel(place, checkout).path)
    said = place.suite(tmp_path, *SELECTION)
    assert int(re.search(r"(\d+) passed", said)[1]) > 900


def test_its_triton(pair, place, wheel, checkout, tmp_path):
    """What it compiles has no race and spills nothing, and the next process finds it."""
    place.install(wheel(place, checkout).path)
    place.suite(tmp_path, "tests/bench/gpu/test_pretended.py", "tests/triton/aot/test_launches.py")


def test_it_is_built_there(pair, place, checkout, tmp_path):
    """By the newest as a plain `pip install .` builds: in isolation, with a torch of its own."""
    if pair.python != HERE or pair.torch == OLDEST:
        pytest.skip(
            "the wheel is built by the oldest torch; newer ones on this Python build theirs"
        )
    isolation = () if pair.torch == NEWEST else ("--no-build-isolation",)
    built = Built(*place.wheel(checkout, tmp_path / "wheel", *isolation))
    place.install(built.path)
    has_cuda = len(built.libraries(tmp_path)) == 2
    check_contents(built, check_installed(place, pair, has_cuda), tmp_path)


def test_a_plain_install_of_a_checkout(checkout, tmp_path):
    """`pip install .` fetches a torch to build with: here the version of this environment."""
    constraint = tmp_path / "constraint.txt"
    constraint.write_text(f"torch=={str(torch.__version__).partition('+')[0]}\n")
    run = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--target", tmp_path / "site", "."],
        cwd=checkout,
        env=environment(PIP_CONSTRAINT=str(constraint), PIP_BUILD_CONSTRAINT=str(constraint)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    found = subprocess.run(
        [sys.executable, TESTS / "support" / "children" / "installed.py"],
        env=environment(tmp_path / "site"),
        capture_output=True,
        text=True,
        check=True,
    )
    installed = json.loads(found.stdout)
    assert installed["folder"] == str(tmp_path / "site" / "hatact")
    assert installed["devices"][0] == "cpu"
