"""Fixtures of the tests of claims."""

import pytest

from hatact.claims._cache import Cache


@pytest.fixture
def said():
    """What a cache has to say of its entries."""
    return []


@pytest.fixture
def cache(tmp_path, said):
    """An empty cache of runs."""
    return Cache(tmp_path / "cache", said.append)
