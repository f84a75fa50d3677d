"""The code on the preconditioner's page, docs/preconditioner.md, runs and prints what it says."""

import re

from tests.support.repository import ROOT


def test_the_pages_code_runs(capsys):
    page = (ROOT / "docs" / "preconditioner.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    names = {}
    for block in blocks:
        exec(block, names)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "0.017 of the target is left after 3 steps"
    steps, words = second.split(" ", 1)
    assert 1500 < int(steps) < 1700
    assert words == "steps of plain gradient descent"
