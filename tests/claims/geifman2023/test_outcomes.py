"""geifman2023: every claim's outcome is whole, and it asks for the runs that it announced."""

import re

import pytest

from hatact._kept import Cache
from hatact.claims.engine.lab import Lab
from hatact.claims.geifman2023 import PAPER
from tests.support.labs import quiet
from tests.support.outcomes import QUICK, judged


@pytest.mark.parametrize("claim", PAPER.claims, ids=lambda claim: claim.id)
def test_outcomes_are_whole(claim, short, tmp_path):
    with Lab("cpu", Cache(tmp_path, pytest.fail), 0, quiet) as lab:
        outcome = judged(claim, lab)
        assert set(lab.took) == {task.identity() for task in claim.tasks(QUICK)}
    assert outcome.headline[0].isupper()
    assert outcome.headline.endswith(".")
    assert outcome.measures
    assert outcome.tables
    assert outcome.figures
    words = [outcome.reason, outcome.headline, *outcome.findings]
    assert not any(re.search(r"[{}]|\binf\b", text) for text in words)


@pytest.mark.parametrize("claim", PAPER.claims, ids=lambda claim: claim.id)
def test_sentences_are_whole(claim):
    assert "{" not in claim.statement + claim.source
