"""The code on the page on cascades, docs/cascades.md, runs and prints what it says."""

import re

from tests.support.repository import ROOT


def test_the_pages_code_runs(capsys):
    page = (ROOT / "docs" / "cascades.md").read_text(encoding="utf-8")
    first, *blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        names = {}
        exec(first, names)
        exec(re.sub(r"steps=\d+", "steps=40", block), names)
    assert capsys.readouterr().out == "[32]\n[32]\ntorch.Size([5, 10])\n"
