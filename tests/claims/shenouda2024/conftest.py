"""Fixtures of the tests of shenouda2024."""

import pytest

from hatact.claims.shenouda2024 import _compared, _runs, condition, norm
from hatact.claims.targets import imaging, imaging_time


@pytest.fixture(scope="session")
def photographs():
    """What scikit-image, if it is here, reads of files: it takes as long as a few updates."""
    try:
        from skimage import data
    except ModuleNotFoundError:
        return None, {}
    return data, {name: getattr(data, name)() for name in ("camera", "shepp_logan_phantom")}


@pytest.fixture
def small(monkeypatch, photographs):
    """Images, which are read once, and networks are small."""
    data, pixels = photographs
    for name, of_image in pixels.items():
        monkeypatch.setattr(data, name, of_image.copy)
    monkeypatch.setattr(imaging, "SIDES", dict.fromkeys(imaging.SIDES, 16))
    monkeypatch.setattr(imaging, "WIDTH", 16)
    monkeypatch.setattr(_runs, "WIDE", 24)
    monkeypatch.setattr(imaging_time, "ROUNDS", 1)
    monkeypatch.setattr(imaging_time, "BLOCK", 1)


@pytest.fixture
def short(small, monkeypatch):
    """Every claim makes a few updates: what is said then is not what is found."""
    for module in (_compared, norm):
        monkeypatch.setattr(module, "STEPS", {"quick": 3, "full": 3})
    monkeypatch.setattr(condition, "STEPS", {"quick": 0, "full": 3})
