"""Fixtures of the tests of geifman2023."""

import pytest

from hatact.claims.geifman2023 import _runs, amplitude, circle, digits, hat, optimisers, solution


@pytest.fixture
def narrow(monkeypatch):
    """Networks and data are small."""
    for name, small in {
        "WIDTH": 64,
        "POINTS": 40,
        "BETWEEN": 30,
        "IMAGES": 80,
        "HIDDEN": 8,
    }.items():
        monkeypatch.setattr(_runs, name, small)


@pytest.fixture
def short(narrow, monkeypatch):
    """Every claim makes a few updates of small networks: what is said then is not what is found."""
    for module in (amplitude, circle, digits, hat, optimisers):
        monkeypatch.setattr(module, "STEPS", {"quick": 12, "full": 12})
    monkeypatch.setattr(solution, "STEPS", 12)
    monkeypatch.setattr(solution, "TURN", [i / 30 for i in range(30)])
