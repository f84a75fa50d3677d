"""Fixtures of the tests of the command."""

import pytest

from hatact import claims
from tests.support.command_papers import Made


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Made-up papers in the place of hatact's own."""
    from hatact.report import progress  # needs rich

    found = Made(tmp_path / "ran")
    monkeypatch.setattr(claims, "papers", found.papers)
    monkeypatch.setattr(progress, "slowness", lambda: 1.0)
    return found


@pytest.fixture
def out(tmp_path):
    """A folder that is not there yet, in one that is not there either."""
    return tmp_path / "new" / "folder"
