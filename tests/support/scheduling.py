"""How tests are shared out to the workers of pytest-xdist.

pytest-xdist 3.8 tells groups (`xdist_group`) by an attribute of items that pytest 9.2 does not
read, and nothing says so. What belongs together is therefore read off the tests' source.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from xdist.scheduler.loadscope import LoadScopeScheduling

from tests.support.places import DTYPES

_OF_PLACES = {"extension", "triton", "reference", "cpu", "cuda", *DTYPES}


class _File:
    """What the source of a test file says of it."""

    def __init__(self, path: Path) -> None:
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
        text = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        shared = "scope='module'", "scope='session'"
        self.makes = any("fixture(" in t and any(s in t for s in shared) for t in text)
        self.imports = {
            (node.module, alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        self.timed, self.apart = (
            {
                node.name
                for node in tree.body
                if isinstance(node, ast.FunctionDef)
                and any(f"mark.{mark}" in ast.unparse(d) for d in node.decorator_list)
            }
            for mark in ("timing", "apart")
        )


_read = cache(_File)


class ByFunction(LoadScopeScheduling):
    """A test function with all its parameters goes to one worker: what they make, they share.

    Not if it is marked `apart`: each of its parameters is a work of its own.

    So do the tests that look at time, those of a file that makes something for all of them or
    of a folder whose conftest.py does, those that judge the random specs, and those that ask the
    oracle about the same spec.
    """

    def _split_scope(self, nodeid: str) -> str:
        test, _, parameters = nodeid.partition("[")
        path, _, name = test.partition("::")
        file = _read(Path(self.config.rootpath, path))
        if name in file.timed:
            return "timing"
        if name in file.apart:
            return nodeid
        if file.makes:
            return path
        if _read(Path(self.config.rootpath, path).parent / "conftest.py").makes:
            return path.rpartition("/")[0]
        if ("tests.support.judged", "sample") in file.imports:
            return "random specs"
        if ("tests.support.oracle", "case") in file.imports:
            spec = [part for part in parameters.rstrip("]").split("-") if part not in _OF_PLACES]
            return f"oracle of {'-'.join(spec)}" if spec else test
        return test
