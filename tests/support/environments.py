"""Virtual environments with a torch of one's choice, from the package index."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from tests.support.repository import ROOT, TESTS, Pytest, checked_out, environment

# The oldest that pyproject.toml declares, the one that is developed with, the newest on the index.
OLDEST, *_, NEWEST = VERSIONS = ("2.11.0", "2.13.0", "2.15.0")
TOOLS = ("numpy", "pytest", "hypothesis", "expecttest", "ninja")


@cache
def interpreter(version: str) -> str | None:
    """A Python of a minor version such as "3.13": this one, one on the PATH, or one of pyenv's."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = [shutil.which(f"python{version}")]
    found += sorted(map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))
    for path in filter(None, found):
        said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        if said.startswith(f"Python {version}."):
            return path
    return None


class Environment:
    """A virtual environment with a torch, as the index has it for a plain `pip install`."""

    def __init__(self, folder: Path, python: str, torch: str) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        subprocess.run([python, "-m", "venv", folder], check=True)
        pinned = (ROOT / "requirements-dev.txt").read_text()
        tools = re.findall(rf"^((?:{'|'.join(TOOLS)})==.*)$", pinned, re.MULTILINE)
        # Three signs of equality: not a build for CPUs of that version, where pip knows one.
        self.pip("install", f"torch==={torch}", "setuptools>=77", "wheel", *tools)

    def pip(self, *arguments: str, cwd: Path = ROOT, **variables: str) -> str:
        """What pip said, of a command that it could do."""
        run = subprocess.run(
            [self.python, "-m", "pip", *arguments],
            cwd=cwd,
            # The torch that is asked for, whatever the machine's own constraints are.
            env=environment(cwd, PIP_CONSTRAINT=os.devnull, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert run.returncode == 0, run.stdout
        return run.stdout

    def wheel(self, checkout: Path, into: Path, *options: str) -> tuple[Path, str]:
        """A wheel built of a checkout, and what pip said."""
        said = self.pip(
            *("wheel", "-v", "--no-deps", *options, "-w", str(into), "."),
            cwd=checkout,
        )
        (wheel,) = into.glob("*.whl")
        return wheel, said

    def install(self, wheel: Path) -> None:
        self.pip("install", "--quiet", "--no-deps", "--force-reinstall", str(wheel))

    def asks(self, child: str) -> dict:
        """What a child of tests/support/children prints, as JSON, with what is installed here."""
        run = subprocess.run(
            [self.python, TESTS / "support" / "children" / f"{child}.py"],
            cwd=self.folder,
            env={k: v for k, v in environment().items() if k != "PYTHONPATH"},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    def suite(self, folder: Path, *arguments: str) -> str:
        """What pytest said of the suite's tests, which all passed, with what is installed here."""
        checked_out(folder)
        shutil.rmtree(folder / "hatact")
        return Pytest(folder, folder / ".said", *arguments, python=str(self.python)).passed()
