"""Fixtures of the whole suite."""

import os
import re
import sys
import warnings

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic matmul on CUDA

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from cases import PLACES, Place

import hatact

with warnings.catch_warnings():  # torch's forward mode scripts its rules when it is first used
    warnings.filterwarnings("ignore", "`torch.jit.script`", DeprecationWarning)
    import torch._decomp.decompositions_for_jvp


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many random specs test_every_path.py draws, points of each, and the seed of both."""
    group = parser.getgroup("random specs")
    for name, default in (("--specs", 60), ("--points", 48), ("--seed", 0)):
        group.addoption(name, type=int, default=default, help="see tests/test_every_path.py")


_SAID = "random specs: "
_said: list[str] = []


@pytest.fixture
def say() -> Callable[[str], None]:
    """Has what a pytest of its own said of random specs printed at the end, too."""
    return lambda output: _said.extend(re.findall(rf"^{_SAID}.*$", output, re.MULTILINE))


def _drawn() -> list[str]:
    """How many random values were judged in this process, and on which instruction set."""
    drawn = getattr(sys.modules.get("test_every_path"), "DRAWN", None)
    if not drawn:
        return []
    from hatact.backends import extension

    (seed, specs), *_ = {key[1:] for key in drawn}
    built = extension.unavailable("cpu") is None
    kernels = extension.cpu_capability() if built else "none"
    interpreted = ", Triton interpreted" if os.environ.get("TRITON_INTERPRET") == "1" else ""
    return [
        f"{_SAID}{specs} of seed {seed}, {sum(drawn.values())} values judged on every path; "
        f"CPU kernels: {kernels}{interpreted}"
    ]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands over what it has to say."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_SAID] = _said + _drawn()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The other end of it."""
    _said.extend(getattr(node, "workeroutput", {}).get(_SAID, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The random specs that were judged: their seeds and counts."""
    for line in dict.fromkeys(_said + _drawn()):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _poisoned_memory() -> Iterator[None]:
    """Uninitialised tensors hold NaN (255 for bytes), also those that C++ allocates."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True
    yield
    torch.use_deterministic_algorithms(before)


@pytest.fixture(params=PLACES, ids=str)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Every available backend on every device that it serves, forced for the test."""
    params = request.node.callspec.params
    if request.param.interpreted and params.get("dtype") == torch.bfloat16:
        pytest.skip("Triton's interpreter truncates to bfloat16, where a GPU rounds")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small tensors: on a busy machine two threads take twenty times one
    with hatact.use_backend(request.param.backend), warnings.catch_warnings():
        if request.param.interpreted:  # NumPy warns of what happens on pieces not selected
            warnings.filterwarnings("ignore", ".*encountered in", RuntimeWarning)
        yield request.param
    torch.set_num_threads(threads)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """On a busy machine a parallel region waits for its last thread, thousands of times a test."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def said():
    """What a cache has to say of its entries."""
    return []


@pytest.fixture
def cache(tmp_path, said):
    """An empty cache of runs."""
    from hatact.claims._cache import Cache

    return Cache(tmp_path / "cache", said.append)
