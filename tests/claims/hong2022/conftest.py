"""Fixtures of the tests of hong2022: small trainings, and the wrong method."""

from dataclasses import replace

import pytest
import torch

from hatact._kept import Cache
from hatact.claims.engine import Row
from hatact.claims.engine.lab import Lab
from hatact.claims.hong2022 import shallow, spectrum
from hatact.claims.targets import agreement
from tests.support.labs import quiet


@pytest.fixture
def relu_in_place_of_all(monkeypatch):
    """This is the wrong method: whatever a row says, its network has torch's ReLU."""
    monkeypatch.setattr(Row, "module", lambda self: torch.nn.ReLU())


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory):
    """Claims share the runs in this folder, here as they do outside."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture
def lab(runs_folder, request):
    """It does its runs here and keeps them, those of the wrong method apart."""
    wrong = "relu_in_place_of_all" in request.fixturenames
    cache = Cache(runs_folder / ("wrong" if wrong else "right"), pytest.fail)
    with Lab("cpu", cache, 0, quiet) as lab:
        yield lab


@pytest.fixture
def short(monkeypatch):
    """The deep network has two rows and 80 steps, and a patience that fits into them."""
    monkeypatch.setattr(agreement, "STEPS", 4)
    relu = spectrum.RELUS[0]
    changed = {"PATIENCE": 1, "AGREEING": (spectrum.HAT,), "HATS": (spectrum.HAT,)}
    changed |= {"RELUS": (relu,), "RELU": relu, "BEST_HAT": spectrum.HAT, "STEPS": {"quick": 80}}
    for name, value in changed.items():
        monkeypatch.setattr(spectrum, name, value)


@pytest.fixture
def narrow(monkeypatch):
    """The hidden layer is narrow, with few steps and rates as high as the width allows."""
    best = {
        name: tuple(replace(row, lr=row.lr * (10 if name == "sgd" else 3)) for row in rows)
        for name, rows in shallow.BEST.items()
    }
    monkeypatch.setattr(shallow, "BEST", best)
    monkeypatch.setattr(shallow, "WIDTH", 100)
    monkeypatch.setattr(shallow, "STEPS", {"quick": 500})
