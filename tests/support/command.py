"""Tests of the command call it with these, and read what it said and wrote.

Importing this module needs typer.
"""

import importlib.util
import json
import os
import subprocess
import sys

from typer.testing import CliRunner

from hatact import cli

DRAWS = all(importlib.util.find_spec(name) for name in ("jinja2", "matplotlib"))
BLOCK = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
sys.argv = ["hatact", *{arguments!r}]
import runpy
runpy.run_module("hatact", run_name="__main__", alter_sys=False)
"""


def call(*arguments):
    """What the command answers, run in this process."""
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def without(blocked, *arguments):
    """The command in a process in which those modules cannot be imported."""
    code = BLOCK.format(blocked=blocked, arguments=arguments)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ}
    )


def plain(text):
    """The text without what a terminal of 80 columns adds to it."""
    return " ".join(text.split())


def written(out):
    """The results that the command wrote into a folder."""
    return json.loads((out / "results.json").read_text(encoding="utf-8"))


def with_results(place, value):
    """A change of results.json at a place such as claims.0.year."""

    def change(text):
        results = json.loads(text)
        *way, last = [int(key) if key.isdigit() else key for key in place.split(".")]
        at = results
        for key in way:
            at = at[key]
        at[last] = value
        return json.dumps(results)

    return change


def verified(out):
    """The claims of the results in a folder, in their order."""
    return [found["id"] for found in written(out)["claims"]]
