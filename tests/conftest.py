"""Fixtures of the whole suite, and the rules that it is held to."""

import os
import re
import sys
import warnings

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic matmul on CUDA

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import hatact
from tests.support import combinations, judged, on_gpu, tidy
from tests.support.places import PLACES, Place

pytest.register_assert_rewrite("tests.support.op_cases")
combinations.record_if_asked()
torch.set_num_threads(1)  # for what modules and sessions make; each test: _as_found
with warnings.catch_warnings():  # torch's forward mode scripts its rules when it is first used
    warnings.filterwarnings("ignore", "`torch.jit.script`")  # of a category that torch changes
    import torch._decomp.decompositions_for_jvp


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many random specs test_every_path.py draws, points of each, and the seed of both."""
    group = parser.getgroup("random specs")
    for name, default in (("--specs", 60), ("--points", 48), ("--seed", 0)):
        group.addoption(name, type=int, default=default, help="see tests/ops/test_every_path.py")
    parser.getgroup("torch versions").addoption(
        "--torch",
        choices=("oldest", "all"),
        default="oldest",
        help="see tests/install/test_torch_versions.py",
    )
    group = parser.getgroup("a GPU")
    group.addoption("--gpu", choices=("selection", "whole"), help="see tests/support/on_gpu.py")
    group.addoption("--gpu-device", default="cuda", help="what ids name, where a GPU is pretended")


def pytest_configure(config: pytest.Config) -> None:
    """A marker in `-m` that does not exist is an error, as one on a test is."""
    known = {line.split(":")[0].split("(")[0].strip() for line in config.getini("markers")}
    asked = set(re.findall(r"[A-Za-z_]\w*", config.option.markexpr)) - {"and", "or", "not"}
    if asked - known:
        raise pytest.UsageError(
            f"-m names no marker of this suite: {', '.join(sorted(asked - known))}"
        )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Test ids are the same in every process; with --gpu, those of a GPU are left."""
    for item in items:
        if re.search(r"\b0x[0-9a-f]{6,}", item.nodeid):
            raise pytest.UsageError(f"an address is no part of a test's id; got {item.nodeid}")
    if config.option.gpu:
        on_gpu.select(config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests are shared out as ByFunction says."""
    if config.getvalue("dist") != "load":  # what `-n` asks for
        return None
    from tests.support.scheduling import ByFunction

    return ByFunction(config, log)


_FILES = pytest.StashKey[set[str]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """The files are listed that are there before the first test."""
    session.stash[_FILES] = tidy.files()


_SAID = "random specs: "
_said: list[str] = []


@pytest.fixture
def say() -> Callable[[str], None]:
    """A function that has what a pytest of its own said of random specs printed at the end."""
    return lambda output: _said.extend(re.findall(rf"^{_SAID}.*$", output, re.MULTILINE))


def _drawn() -> list[str]:
    """How many random values were judged in this process, and on which instruction set."""
    if not judged.DRAWN:
        return []
    from hatact.backends import extension

    (seed, specs), *_ = {key[1:] for key in judged.DRAWN}
    built = extension.unavailable("cpu") is None
    kernels = extension.cpu_capability() if built else "none"
    interpreted = ", Triton interpreted" if os.environ.get("TRITON_INTERPRET") == "1" else ""
    return [
        f"{_SAID}{specs} of seed {seed}, {sum(judged.DRAWN.values())} values judged on every path; "
        f"CPU kernels: {kernels}{interpreted}"
    ]


@pytest.hookimpl(tryfirst=True)  # before reports are written, which are no test's
def pytest_sessionfinish(session: pytest.Session) -> None:
    """No file is left in the repository; a worker of pytest-xdist hands over what it has to say."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_SAID] = _said + _drawn()
    elif left := tidy.files() - session.stash[_FILES]:
        said = "the tests left, or something else made, in the repository"
        print(f"\n{said}: {', '.join(sorted(left))}", file=sys.stderr)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker of pytest-xdist handed over is to be printed, too."""
    _said.extend(getattr(node, "workeroutput", {}).get(_SAID, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The random specs that were judged: their seeds and counts."""
    for line in dict.fromkeys(_said + _drawn()):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _as_found() -> Iterator[None]:
    """A test has one thread, torch's generators seeded, and NaN in memory that nothing has written.

    Of small tensors two threads take twenty times one's time on a busy machine. What a test
    leaves behind fails it.
    """
    before = tidy.Found()
    (torch if torch.cuda.is_available() else torch.default_generator).manual_seed(0)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(False)
    if left := before.left():
        pytest.fail(f"the test left behind: {'; '.join(left)}", pytrace=False)


@pytest.fixture(params=PLACES, ids=str)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Every available backend on every device that it serves, forced for the test."""
    params = request.node.callspec.params
    op = getattr(params.get("case"), "op", None) or getattr(request.module, "OP", None)
    if op and not request.param.serves(op):
        pytest.skip(f"{request.param.backend} has no {request.param.device} kernel for {op}")
    if request.param.interpreted and params.get("dtype") == torch.bfloat16:
        pytest.skip("Triton's interpreter truncates to bfloat16, where a GPU rounds")
    with hatact.use_backend(request.param.backend), warnings.catch_warnings():
        if request.param.interpreted:  # NumPy warns of what happens on pieces not selected
            warnings.filterwarnings("ignore", ".*encountered in", RuntimeWarning)
        yield request.param
