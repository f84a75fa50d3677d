"""The code on the page on kernels, docs/kernels.md, runs and prints what it says."""

import re

import pytest

from tests.support.repository import ROOT

pytest.importorskip("scipy")


def test_the_pages_code_runs(capsys):
    page = (ROOT / "docs" / "kernels.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 3
    names = {}
    for block in blocks:
        exec(block, names)
    *powers, apart, shares = capsys.readouterr().out.splitlines()
    exponents = [line.rpartition("k^")[2].replace("-", "−") for line in powers]
    assert f"k^{exponents[0]}, k^{exponents[1]} and k^{exponents[2]}" in page
    assert 0 < float(apart.split()[2]) < 0.5
    assert len(eval(shares)) == 5
