"""The code on the page on training dynamics, docs/dynamics.md, runs and prints what it says."""

import re

from tests.support.repository import ROOT


def test_the_pages_code_runs(capsys):
    page = (ROOT / "docs" / "dynamics.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 3
    names = {}
    for block in blocks:
        exec(block, names)
    patterns, boundaries, confusion = capsys.readouterr().out.splitlines()
    assert 950 < int(patterns.split()[0]) <= 1000  # "nearly every one", as the page says
    assert int(boundaries.split()[0]) > 1000
    assert 0 < float(confusion.split()[1]) < 0.5
