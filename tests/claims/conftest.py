"""Fixtures of the tests of claims."""

import pytest

from hatact._kept import Cache
from hatact.claims.engine.lab import Lab
from hatact.claims.targets import agreement, sines
from tests.support.labs import quiet

pytest.register_assert_rewrite("tests.support.outcomes")


@pytest.fixture
def said():
    """What a cache has to say of its entries."""
    return []


@pytest.fixture
def cache(tmp_path, said):
    """An empty cache of runs."""
    return Cache(tmp_path / "cache", said.append)


@pytest.fixture
def lab(tmp_path):
    """A lab that runs here, of an empty cache."""
    with Lab("cpu", Cache(tmp_path, quiet), 0, quiet) as lab:
        yield lab


@pytest.fixture
def small_sines(monkeypatch):
    """Narrow networks and few steps, for sines and for the control through the reference."""
    monkeypatch.setattr(sines, "WIDTH", 16)
    monkeypatch.setattr(sines, "DEPTH", 3)
    monkeypatch.setattr(agreement, "STEPS", 4)
