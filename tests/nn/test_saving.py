"""Modules saved whole, and the code on the page that says how."""

import io
import re

import pytest
import torch

import hatact
from hatact import nn
from tests.support.repository import ROOT

MODULES = [
    nn.Piecewise("leaky_relu"),
    nn.Hat(0.1),
    nn.BSpline(2, 4, centered=True),
    nn.BWReLU(3),
    nn.ReLU(),
    nn.TriangleWave(),
    nn.PeriodicReLU(),
    nn.LinearAct(2, 3, "hat", scale=8),
    nn.MLP(2, 32, 1, 3, "bspline", scale=2),
    nn.BWNetwork(2, 32, 2, 1, 3.0, linear_layers=True, skip=True, learn_c=True),
    nn.PositionalEncoding(2, 4),
    nn.TriangleCascade(3, 2),
    nn.TriangleCascade(3, 2).to_relu(),
    torch.nn.Sequential(torch.nn.Linear(2, 2), nn.Hat(3)),
]


def _saved(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("module", MODULES, ids=lambda m: type(m).__name__)
def test_every_module_is_loaded(module):
    with nn.safe_globals():
        again = torch.load(_saved(module), weights_only=True)
    assert type(again) is type(module)
    assert repr(again) == repr(module)
    for a, b in zip(module.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_no_module_is_left_out():
    classes = {getattr(nn, name) for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    assert classes == {type(m) for m in MODULES} - {torch.nn.Sequential}


def test_only_in_the_block():
    with nn.safe_globals():
        pass
    with pytest.raises(Exception, match="Unsupported global"):
        torch.load(_saved(nn.Hat()), weights_only=True)


class Mine(torch.nn.Module):
    """A user's."""


def test_a_class_of_another_is_not_allowed():
    with nn.safe_globals(), pytest.raises(Exception, match="Unsupported global"):
        torch.load(_saved(Mine()), weights_only=True)


def test_the_pages_code_prints_what_it_says(capsys):
    page = (ROOT / "docs" / "saving.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == page.count("```python") == 3
    names: dict[str, object] = {}
    for code, printed in blocks:
        exec(code, names)
        assert capsys.readouterr().out == printed
    assert hatact.activation("hat", scale=8) == names["loaded"].activation
