"""Fixtures of the tests of milkert2023."""

import pytest

from hatact.claims.milkert2023 import _runs, approximation, digits, regions, sparse


@pytest.fixture
def short(monkeypatch):
    """Every claim makes a few updates: what is said then is not what is found."""
    for module in (approximation, sparse):
        monkeypatch.setattr(module, "EPOCHS", {"quick": 2, "full": 2})
    monkeypatch.setattr(digits, "EPOCHS", {"quick": 5, "full": 5})
    monkeypatch.setattr(approximation, "STEPS", {"quick": 2, "full": 2})
    monkeypatch.setattr(regions, "DEPTHS", {"quick": (1, 3), "full": (1, 3)})
    monkeypatch.setattr(_runs, "COUNT_STEPS", 3)
