"""The repository, copies of it, and a pytest of its own within either."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
ROOT = TESTS.parent


def environment(root: Path = ROOT, **more: str) -> dict[str, str]:
    """The environment of a process that imports hatact and tests.support from `root`.

    Nothing of the pytest that runs this test is in it: neither its options nor its worker.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return kept | {"PYTHONPATH": str(root)} | more


def copied(folder: Path, *without: str) -> Path:
    """A copy of the package and its tests, less the files of the patterns `without`."""
    for name in ("hatact", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", *without)
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def checked_out(folder: Path) -> Path:
    """What a clean checkout holds, less what is ignored: no library, no build."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


class Pytest:
    """A pytest process at `root` that writes what it says to a file; `passed()` waits for it."""

    def __init__(
        self,
        root: Path,
        output: Path,
        *arguments: str,
        python: str = sys.executable,
        **variables: str,
    ) -> None:
        self.output = output
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        with output.open("wb") as file:
            self.run = subprocess.Popen(
                [*command, *arguments],
                cwd=root,
                env=environment(root, **variables),
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def ended(self) -> tuple[int, str]:
        """Its exit status and what it said."""
        status = self.run.wait()
        return status, self.output.read_text()

    def passed(self) -> str:
        """What it said, of tests that all passed, and that were some."""
        status, said = self.ended()
        assert status == 0, said
        assert " passed" in said
        return said

    def stop(self) -> None:
        self.run.kill()
        self.run.wait()
