"""Tests of the suite itself on Triton's interpreter: every op, and random specs on every path."""

import pytest

from tests.support.children import needs_triton
from tests.support.repository import ROOT, Pytest

FILES = {"test_every_op.py": (), "test_every_path.py": ("--specs", "6")}

pytestmark = [pytest.mark.interpreter, needs_triton]


@pytest.mark.parametrize("file", FILES)
def test_by_the_interpreter(file, tmp_path, say):
    chosen = ("-k", "triton-cpu", f"tests/ops/{file}", *FILES[file])
    say(Pytest(ROOT, tmp_path / "said", *chosen, TRITON_INTERPRET="1").passed())
