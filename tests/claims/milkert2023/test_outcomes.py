"""milkert2023: every claim's outcome is whole, and it asks for the runs that it announced."""

import pytest

from hatact._kept import Cache
from hatact.claims.engine.lab import Lab
from hatact.claims.milkert2023 import PAPER
from tests.support.labs import quiet
from tests.support.outcomes import QUICK, judged


@pytest.mark.parametrize("claim", PAPER.claims, ids=lambda claim: claim.id)
def test_outcomes_are_whole(claim, short, tmp_path):
    with Lab("cpu", Cache(tmp_path, pytest.fail), 0, quiet) as lab:
        outcome = judged(claim, lab)
        asked = {task.identity() for task in claim.tasks(QUICK)}
        assert set(lab.took) == asked
    assert outcome.headline.endswith(".")
    assert outcome.findings
    assert outcome.measures
    assert outcome.figures
    for figure in outcome.figures:
        for panel in figure.panels:
            assert all(len(line.x) == len(line.y) > 0 for line in panel.series)
